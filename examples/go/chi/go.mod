module github.com/libauth/libauth/examples/go/chi

go 1.24

require github.com/libauth/libauth/bindings/go v0.0.0

replace github.com/libauth/libauth/bindings/go => ../../../bindings/go

require github.com/libauth/libauth/examples/go v0.0.0

require github.com/go-chi/chi/v5 v5.5.0

replace github.com/libauth/libauth/examples/go => ..

module github.com/libauth/libauth/examples/go/echo

go 1.25.0

require github.com/libauth/libauth/bindings/go v0.0.0

replace github.com/libauth/libauth/bindings/go => ../../../bindings/go

require github.com/libauth/libauth/examples/go v0.0.0

require github.com/labstack/echo/v5 v5.4.4

replace github.com/libauth/libauth/examples/go => ..

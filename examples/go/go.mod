module github.com/libauth/libauth/examples/go

go 1.24

require github.com/libauth/libauth/bindings/go v0.0.0

replace github.com/libauth/libauth/bindings/go => ../../bindings/go

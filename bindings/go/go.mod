module github.com/libauth/libauth/bindings/go

go 1.24

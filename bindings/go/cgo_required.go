//go:build !cgo

package auth

const _ int = "auth needs cgo: install a C compiler, and build with CGO_ENABLED=1"

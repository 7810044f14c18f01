//go:build libauth_dynamic

package auth

// #cgo pkg-config: libauth
import "C"

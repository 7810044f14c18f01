//go:build !libauth_dynamic

package auth

// With CARGO_TARGET_DIR elsewhere: CGO_CFLAGS=-I$CARGO_TARGET_DIR/library CGO_LDFLAGS=-L$CARGO_TARGET_DIR/library

// #cgo CFLAGS: -DLIBAUTH_STATIC -I${SRCDIR}/../../include -I${SRCDIR}/../../target/library
// #cgo LDFLAGS: -L${SRCDIR}/../../target/library -l:libauth.a -lgcc_s -lutil -lrt -lpthread -lm -ldl
import "C"

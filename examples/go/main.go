// A web API on net/http that is protected by libauth.
//
//	LIBAUTH_ISSUER=https://id.example LIBAUTH_AUDIENCE=https://api.example server PORT
package main

import (
	"net/http"

	auth "github.com/libauth/libauth/bindings/go"
	"github.com/libauth/libauth/examples/go/serve"
)

func main() {
	serve.Main(func(a *auth.Auth) http.Handler {
		mux := http.NewServeMux()
		mux.Handle("GET /orders", a.Protect(http.HandlerFunc(serve.Orders), "read:orders"))
		mux.Handle("POST /orders", a.Protect(http.HandlerFunc(serve.AddOrder), "write:orders"))
		mux.Handle("GET /me", a.Protect(http.HandlerFunc(serve.Me))) // any valid token
		mux.HandleFunc("GET /healthz", serve.Alive)
		mux.Handle("GET /readyz", a.ReadyHandler())
		mux.Handle("GET /metrics", a.MetricsHandler()) // for a port that the world does not reach
		return mux
	})
}

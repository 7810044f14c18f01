// The same API on chi, which takes libauth's middleware as it is.
//
//	LIBAUTH_ISSUER=https://id.example LIBAUTH_AUDIENCE=https://api.example server PORT
package main

import (
	"net/http"

	"github.com/go-chi/chi/v5"
	"github.com/go-chi/chi/v5/middleware"

	auth "github.com/libauth/libauth/bindings/go"
	"github.com/libauth/libauth/examples/go/serve"
)

func main() {
	serve.Main(func(a *auth.Auth) http.Handler {
		require := func(items ...string) func(http.Handler) http.Handler {
			return a.Middleware(auth.MiddlewareOptions{Require: items})
		}
		r := chi.NewRouter()
		r.Use(middleware.GetHead) // HEAD goes to the route of GET
		r.With(require("read:orders")).Get("/orders", serve.Orders)
		r.With(require("write:orders")).Post("/orders", serve.AddOrder)
		r.With(require()).Get("/me", serve.Me)
		r.Get("/healthz", serve.Alive)
		r.Method("GET", "/readyz", a.ReadyHandler())
		r.Method("GET", "/metrics", a.MetricsHandler())
		return r
	})
}

// The same API on echo, which wraps libauth's middleware itself.
//
//	LIBAUTH_ISSUER=https://id.example LIBAUTH_AUDIENCE=https://api.example server PORT
package main

import (
	"net/http"

	"github.com/labstack/echo/v5"

	auth "github.com/libauth/libauth/bindings/go"
	"github.com/libauth/libauth/examples/go/serve"
)

func main() {
	serve.Main(func(a *auth.Auth) http.Handler {
		require := func(items ...string) echo.MiddlewareFunc {
			return echo.WrapMiddleware(a.Middleware(auth.MiddlewareOptions{Require: items}))
		}
		handle := func(handler http.HandlerFunc) echo.HandlerFunc { return echo.WrapHandler(handler) }
		get := []string{"GET", "HEAD"}
		e := echo.New()
		e.Match(get, "/orders", handle(serve.Orders), require("read:orders"))
		e.POST("/orders", handle(serve.AddOrder), require("write:orders"))
		e.Match(get, "/me", handle(serve.Me), require())
		e.GET("/healthz", handle(serve.Alive))
		e.GET("/readyz", echo.WrapHandler(a.ReadyHandler()))
		e.GET("/metrics", echo.WrapHandler(a.MetricsHandler()))
		return e
	})
}

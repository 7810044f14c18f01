// The same API on gin, which has handlers of its own: protect makes one of libauth's middleware.
//
//	LIBAUTH_ISSUER=https://id.example LIBAUTH_AUDIENCE=https://api.example server PORT
package main

import (
	"net/http"

	"github.com/gin-gonic/gin"

	auth "github.com/libauth/libauth/bindings/go"
	"github.com/libauth/libauth/examples/go/serve"
)

func protect(a *auth.Auth, require ...string) gin.HandlerFunc {
	middleware := a.Middleware(auth.MiddlewareOptions{Require: require})
	return func(c *gin.Context) {
		passed := false
		middleware(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			passed = true
			c.Request = r // the verdict is in its context
			c.Next()
		})).ServeHTTP(c.Writer, c.Request)
		if !passed {
			c.Abort() // else gin would go on to the route
		}
	}
}

func main() {
	gin.SetMode(gin.ReleaseMode)
	serve.Main(func(a *auth.Auth) http.Handler {
		get := []string{"GET", "HEAD"}
		r := gin.New()
		r.RedirectTrailingSlash, r.HandleMethodNotAllowed = false, true
		r.Match(get, "/orders", protect(a, "read:orders"), gin.WrapF(serve.Orders))
		r.POST("/orders", protect(a, "write:orders"), gin.WrapF(serve.AddOrder))
		r.Match(get, "/me", protect(a), gin.WrapF(serve.Me))
		r.GET("/healthz", gin.WrapF(serve.Alive))
		r.GET("/readyz", gin.WrapH(a.ReadyHandler()))
		r.GET("/metrics", gin.WrapH(a.MetricsHandler()))
		return r
	})
}

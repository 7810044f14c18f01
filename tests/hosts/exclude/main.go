// Four routers with middleware before all routes, which lets `/healthz` and `/public/*` pass. Beside
// what those open lie routes with a parameter in the place of their names.
//
//	ROUTER=nethttp|chi|gin|echo LIBAUTH_ISSUER=... LIBAUTH_AUDIENCE=... server PORT
package main

import (
	"fmt"
	"net/http"
	"os"

	"github.com/gin-gonic/gin"
	"github.com/go-chi/chi/v5"
	"github.com/labstack/echo/v5"

	auth "github.com/libauth/libauth/bindings/go"
	"github.com/libauth/libauth/examples/go/serve"
)

var exclude = []string{"/healthz", "/public/*"}

func main() {
	router := os.Getenv("ROUTER")
	routes, known := map[string]func() http.Handler{
		"nethttp": onNetHTTP, "chi": onChi, "gin": onGin, "echo": onEcho,
	}[router]
	if !known {
		fmt.Fprintf(os.Stderr, "ROUTER=%q is no router\n", router)
		os.Exit(2)
	}
	serve.Main(func(a *auth.Auth) http.Handler {
		return a.Middleware(auth.MiddlewareOptions{Exclude: exclude})(routes())
	})
}

// named answers the name of the route that was taken.
func named(route string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, route) }
}

var health, open, secrets, removal = named("health"), named("open"), named("secrets"), named("removal")

func onNetHTTP() http.Handler {
	mux := http.NewServeMux()
	mux.Handle("GET /healthz", health)
	mux.Handle("GET /public/open", open) // a pattern of all below /public/ would conflict with the next
	mux.Handle("GET /{tenant}/secrets", secrets)
	mux.Handle("DELETE /{id}", removal)
	return mux
}

func onChi() http.Handler {
	r := chi.NewRouter()
	r.Get("/healthz", health)
	r.Get("/public/*", open)
	r.Get("/{tenant}/secrets", secrets)
	r.Delete("/{id}", removal)
	return r
}

func onGin() http.Handler {
	gin.SetMode(gin.ReleaseMode)
	r := gin.New()
	r.GET("/healthz", gin.WrapF(health))
	r.GET("/public/*rest", gin.WrapF(open))
	r.GET("/:tenant/secrets", gin.WrapF(secrets))
	r.DELETE("/:id", gin.WrapF(removal))
	return r
}

func onEcho() http.Handler {
	e := echo.New()
	e.GET("/healthz", echo.WrapHandler(health))
	e.GET("/public/*", echo.WrapHandler(open))
	e.GET("/:tenant/secrets", echo.WrapHandler(secrets))
	e.DELETE("/:id", echo.WrapHandler(removal))
	return e
}

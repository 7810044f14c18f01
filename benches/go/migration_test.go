package main

// The code of docs/go.md that is not from the examples: before and after, as it compiles.

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/MicahParks/keyfunc/v3"
	jwtmiddleware "github.com/auth0/go-jwt-middleware/v2"
	"github.com/auth0/go-jwt-middleware/v2/jwks"
	"github.com/auth0/go-jwt-middleware/v2/validator"
	"github.com/coreos/go-oidc/v3/oidc"
	"github.com/golang-jwt/jwt/v5"

	auth "github.com/libauth/libauth/bindings/go"
)

type MyClaims struct {
	Tenant string
}

var _ = []any{fromMiddleware, fromOIDC, fromGolangJWT, toLibauth, toVerdict}

func fromMiddleware(mux *http.ServeMux, orders http.Handler) {
	issuer, _ := url.Parse("https://id.example")
	provider := jwks.NewCachingProvider(issuer, 5*time.Minute)
	checks, _ := validator.New(provider.KeyFunc, validator.RS256, issuer.String(), []string{"https://api.example"})
	mux.Handle("GET /orders", jwtmiddleware.New(checks.ValidateToken).CheckJWT(orders))
}

func fromOIDC(ctx context.Context, token string, claims *MyClaims) error {
	provider, _ := oidc.NewProvider(ctx, "https://id.example")
	verifier := provider.Verifier(&oidc.Config{ClientID: "https://api.example"})
	idToken, err := verifier.Verify(ctx, token)
	if err != nil {
		return err
	}
	return idToken.Claims(claims)
}

func fromGolangJWT(ctx context.Context, token string, claims jwt.Claims) error {
	keys, _ := keyfunc.NewDefaultCtx(ctx, []string{"https://id.example/jwks"})
	_, err := jwt.ParseWithClaims(token, claims, keys.Keyfunc, jwt.WithIssuer("https://id.example"),
		jwt.WithAudience("https://api.example"), jwt.WithExpirationRequired(), jwt.WithValidMethods([]string{"RS256"}))
	return err
}

func toLibauth(mux *http.ServeMux, orders http.Handler) error {
	a, err := auth.New(auth.Options{Issuer: "https://id.example", Audience: []string{"https://api.example"}})
	mux.Handle("GET /orders", a.Protect(orders, "orders:read"))
	return err
}

func toVerdict(ctx context.Context, a *auth.Auth, token string, claims *MyClaims) error {
	verdict, err := a.Verify(ctx, token)
	if errors.Is(err, auth.TokenExpired) {
		return err
	}
	return verdict.Claims(claims)
}

// Every block of Go in docs/go.md stands in one of these files, line by line but for its indentation.
func TestTheCodeOfThePageCompiles(t *testing.T) {
	var sources string
	for _, name := range []string{"benches/go/migration_test.go", "examples/go/main.go", "examples/go/chi/main.go",
		"examples/go/gin/main.go", "examples/go/echo/main.go", "examples/grpc/main.go"} {
		sources += flat(t, "../../"+name)
	}
	blocks := regexp.MustCompile("(?s)```go\n(.*?)```").FindAllStringSubmatch(flat(t, "../../docs/go.md"), -1)
	if len(blocks) < 8 {
		t.Errorf("%d blocks of Go in the page", len(blocks))
	}
	for _, block := range blocks {
		if !strings.Contains(sources, "\n"+block[1]) {
			t.Errorf("is in no file that compiles:\n%s", block[1])
		}
	}
}

func flat(t *testing.T, name string) string {
	text, err := os.ReadFile(name)
	must(t, err)
	return regexp.MustCompile(`(?m)^[\t ]+`).ReplaceAllString(string(text), "")
}

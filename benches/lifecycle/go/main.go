// keyfunc and go-oidc as verifiers: `verifier keyfunc|go-oidc ISSUER AUDIENCE JWKS_URI TTL_SECONDS`.
package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"log/slog"
	"os"
	"runtime/debug"
	"strconv"
	"strings"
	"time"

	"github.com/MicahParks/keyfunc/v3"
	"github.com/coreos/go-oidc/v3/oidc"
	"github.com/golang-jwt/jwt/v5"
)

var algorithms = []string{"RS256"}

// RefreshInterval 0 is keyfunc's own default.
func keyfuncVerifier(issuer, audience, jwksURI string, ttl time.Duration) func(string) error {
	override := keyfunc.Override{RefreshInterval: ttl}
	keys, err := keyfunc.NewDefaultOverrideCtx(context.Background(), []string{jwksURI}, override)
	if err != nil {
		panic(err)
	}
	parser := jwt.NewParser(jwt.WithIssuer(issuer), jwt.WithAudience(audience), jwt.WithExpirationRequired(),
		jwt.WithValidMethods(algorithms))
	return func(token string) error {
		_, err := parser.ParseWithClaims(token, jwt.MapClaims{}, keys.Keyfunc)
		return err
	}
}

func oidcVerifier(issuer, audience, jwksURI string) func(string) error {
	keys := oidc.NewRemoteKeySet(context.Background(), jwksURI)
	verifier := oidc.NewVerifier(issuer, keys, &oidc.Config{ClientID: audience, SupportedSigningAlgs: algorithms})
	return func(token string) error {
		_, err := verifier.Verify(context.Background(), token)
		return err
	}
}

func version(module string) string {
	info, _ := debug.ReadBuildInfo()
	for _, dependency := range info.Deps {
		if strings.HasPrefix(dependency.Path, module) {
			return strings.TrimPrefix(dependency.Version, "v")
		}
	}
	return "?"
}

func main() {
	slog.SetDefault(slog.New(slog.NewTextHandler(io.Discard, nil)))
	name, issuer, audience, jwksURI := os.Args[1], os.Args[2], os.Args[3], os.Args[4]
	seconds, err := strconv.Atoi(os.Args[5])
	if err != nil {
		panic(err)
	}
	var verify func(string) error
	if name == "keyfunc" {
		verify = keyfuncVerifier(issuer, audience, jwksURI, time.Duration(seconds)*time.Second)
		fmt.Println("ready keyfunc", version("github.com/MicahParks/keyfunc"))
	} else {
		verify = oidcVerifier(issuer, audience, jwksURI)
		fmt.Println("ready go-oidc", version("github.com/coreos/go-oidc"))
	}
	for lines := bufio.NewScanner(os.Stdin); lines.Scan(); {
		id, token, _ := strings.Cut(lines.Text(), " ")
		go func() {
			began, answer := time.Now(), "ok"
			if verify(token) != nil {
				answer = "refused"
			}
			fmt.Println(id, answer, time.Since(began).Microseconds())
		}()
	}
}

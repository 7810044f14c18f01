// libauth beside what Go services use otherwise, in one program.
//
//	go verify ROW FOLDER             a row of benches/bindings/README.md
//	go serve NAME ISSUER AUDIENCE    a server of the same page
//	go scale                         libauth alone: goroutines and allocations
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
)

var algorithms = []string{"RS256", "ES256", "EdDSA"}

func main() {
	slog.SetDefault(slog.New(slog.NewTextHandler(io.Discard, nil))) // keyfunc and libauth tell of refusals
	var err error
	switch arguments := os.Args[1:]; {
	case len(arguments) == 3 && arguments[0] == "verify":
		err = verify(arguments[1], arguments[2])
	case len(arguments) == 4 && arguments[0] == "serve":
		err = serve(arguments[1], provider{arguments[2], arguments[3], arguments[2] + "/jwks", algorithms})
	case len(arguments) == 1 && arguments[0] == "scale":
		err = scale()
	default:
		err = fmt.Errorf("usage: go verify ROW FOLDER | serve NAME ISSUER AUDIENCE | scale")
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// named returns the verifier of a row, and what the row is called.
func (p provider) named(row string) (verifier, string, error) {
	switch row {
	case "libauth":
		a, err := p.libauth()
		if err != nil {
			return nil, "", err
		}
		var told struct{ Version string }
		err = json.Unmarshal(a.Report(), &told)
		return func(token string) error {
			_, err := a.Verify(context.Background(), token)
			return err
		}, "libauth " + told.Version, err
	case "golang-jwt":
		accepts, err := p.golangJWT(p.strict()...)
		return accepts, "golang-jwt " + version("github.com/golang-jwt/jwt") + " + keyfunc " + version("github.com/MicahParks/keyfunc"), err
	case "go-oidc":
		return p.goOIDC(), "go-oidc " + version("github.com/coreos/go-oidc"), nil
	case "jwx":
		accepts, err := p.jwx()
		return accepts, "jwx " + version("github.com/lestrrat-go/jwx"), err
	}
	return nil, "", fmt.Errorf("no such row: %s", row)
}

// ---------------------------------------------------------------- the folder

type folder string

func (f folder) text(name string) (string, error) {
	text, err := os.ReadFile(filepath.Join(string(f), name))
	return string(text), err
}

func (f folder) lines(name string) ([]string, error) {
	text, err := f.text(name)
	return strings.Fields(text), err
}

func (f folder) provider() (provider, error) {
	issuer, err := f.text("issuer")
	if err != nil {
		return provider{}, err
	}
	audience, err := f.text("audience")
	return provider{issuer, audience, issuer + "/jwks", algorithms}, err
}

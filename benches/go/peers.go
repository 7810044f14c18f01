package main

import (
	"context"
	"net/url"
	"time"

	"github.com/MicahParks/keyfunc/v3"
	jwtmiddleware "github.com/auth0/go-jwt-middleware/v2"
	"github.com/auth0/go-jwt-middleware/v2/jwks"
	"github.com/auth0/go-jwt-middleware/v2/validator"
	"github.com/coreos/go-oidc/v3/oidc"
	"github.com/golang-jwt/jwt/v5"
	"github.com/lestrrat-go/jwx/v3/jwk"
	jwx "github.com/lestrrat-go/jwx/v3/jwt"

	auth "github.com/libauth/libauth/bindings/go"
)

// A verifier says whether it accepts a token. Each is set up as its documentation shows, with issuer,
// audience and expiry checked, and its keys fetched before it is measured.
type verifier func(token string) error

type provider struct {
	issuer, audience string
	jwksURI          string
	algorithms       []string
}

func (p provider) libauth() (*auth.Auth, error) {
	return auth.New(auth.Options{Issuer: p.issuer, Audience: []string{p.audience}, Keys: auth.KeysOptions{JWKSURI: p.jwksURI}})
}

func (p provider) golangJWT(options ...jwt.ParserOption) (verifier, error) {
	keys, err := keyfunc.NewDefaultCtx(context.Background(), []string{p.jwksURI})
	if err != nil {
		return nil, err
	}
	parser := jwt.NewParser(options...)
	return func(token string) error {
		_, err := parser.Parse(token, keys.Keyfunc)
		return err
	}, nil
}

// What golang-jwt checks only when it is told to.
func (p provider) strict() []jwt.ParserOption {
	return []jwt.ParserOption{jwt.WithIssuer(p.issuer), jwt.WithAudience(p.audience),
		jwt.WithExpirationRequired(), jwt.WithValidMethods(p.algorithms)}
}

func (p provider) goOIDC() verifier {
	keys := oidc.NewRemoteKeySet(context.Background(), p.jwksURI)
	config := &oidc.Config{ClientID: p.audience, SupportedSigningAlgs: p.algorithms}
	checks := oidc.NewVerifier(p.issuer, keys, config)
	return func(token string) error {
		_, err := checks.Verify(context.Background(), token)
		return err
	}
}

func (p provider) jwx() (verifier, error) {
	keys, err := jwk.Fetch(context.Background(), p.jwksURI)
	if err != nil {
		return nil, err
	}
	return func(token string) error {
		_, err := jwx.ParseString(token, jwx.WithKeySet(keys), jwx.WithIssuer(p.issuer), jwx.WithAudience(p.audience))
		return err
	}, nil
}

// Only for what it accepts: it takes one algorithm.
func (p provider) jwtMiddleware() (*jwtmiddleware.JWTMiddleware, verifier, error) {
	issuer, err := url.Parse(p.issuer)
	if err != nil {
		return nil, nil, err
	}
	keys := jwks.NewCachingProvider(issuer, 5*time.Minute)
	checks, err := validator.New(keys.KeyFunc, validator.RS256, p.issuer, []string{p.audience})
	if err != nil {
		return nil, nil, err
	}
	return jwtmiddleware.New(checks.ValidateToken), func(token string) error {
		_, err := checks.ValidateToken(context.Background(), token)
		return err
	}, nil
}

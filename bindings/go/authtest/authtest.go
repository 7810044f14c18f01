// Package authtest makes access tokens for tests, with a key of its own and without a network.
//
//	a, err := auth.New(authtest.Options())
//	request.Header.Set("Authorization", "Bearer "+authtest.Token(map[string]any{"scope": "orders:read"}))
//
// A handler that stands behind Protect is tested alone with the context of With. What goes wrong
// here is a mistake of the test, and panics.
package authtest

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"maps"
	"sync"
	"time"

	auth "github.com/libauth/libauth/bindings/go"
)

// What the tokens say unless a test says otherwise.
const (
	Issuer   = "https://issuer.test"
	Audience = "https://api.test"
	Subject  = "alice"
)

var key = sync.OnceValue(func() *ecdsa.PrivateKey {
	return must(ecdsa.GenerateKey(elliptic.P256(), rand.Reader))
})

// Options accept the tokens that Token makes. Set in them what the test is about.
func Options() auth.Options {
	point := must(key().PublicKey.ECDH()).Bytes()
	return auth.Options{
		Issuer:   Issuer,
		Audience: []string{Audience},
		Keys: auth.KeysOptions{JWKS: fmt.Sprintf(
			`{"keys":[{"kty":"EC","crv":"P-256","kid":"test","alg":"ES256","use":"sig","x":"%s","y":"%s"}]}`,
			encode(point[1:33]), encode(point[33:]),
		)},
	}
}

// Token makes a signed access token (ES256) that is valid for an hour: iss, aud, sub, iat and exp
// as above, and these claims beside or instead of them. A claim that is nil is left out.
func Token(claims map[string]any) string {
	now := time.Now().Unix()
	all := map[string]any{
		"iss": Issuer, "aud": Audience, "sub": Subject, "iat": now, "exp": now + 3600,
	}
	maps.Copy(all, claims)
	maps.DeleteFunc(all, func(_ string, claim any) bool { return claim == nil })
	signed := encode([]byte(`{"alg":"ES256","typ":"at+jwt","kid":"test"}`)) + "." +
		encode(must(json.Marshal(all)))
	hash := sha256.Sum256([]byte(signed))
	r, s, err := ecdsa.Sign(rand.Reader, key(), hash[:])
	must(r, err)
	var signature [64]byte
	r.FillBytes(signature[:32])
	s.FillBytes(signature[32:])
	return signed + "." + encode(signature[:])
}

// With gives the context of a request whose token had these claims, as auth.FromContext and
// auth.Claims find it behind Protect. They may name any issuer and audience.
func With(ctx context.Context, claims map[string]any) context.Context {
	options := Options()
	if issuer, other := claims["iss"].(string); other {
		options.Issuer = issuer
	}
	switch audience := claims["aud"].(type) {
	case string:
		options.Audience = []string{audience}
	case []string:
		options.Audience = audience
	case []any:
		options.Audience = nil
		for _, one := range audience {
			options.Audience = append(options.Audience, fmt.Sprint(one))
		}
	}
	accepts := must(auth.New(options))
	defer accepts.Close()
	return auth.NewContext(ctx, must(accepts.TryVerify(Token(claims))))
}

func encode(bytes []byte) string { return base64.RawURLEncoding.EncodeToString(bytes) }

func must[T any](value T, err error) T {
	if err != nil {
		panic(err)
	}
	return value
}

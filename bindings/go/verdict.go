package auth

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"time"
	"unicode"
)

// Verdict is an accepted token. It is never changed: any number of goroutines may read it.
type Verdict struct {
	Subject  string // `sub`, or what Options.Claims.SubjectFrom says; empty when absent
	ClientID string // the first present of client_id, azp, cid, appid; empty when absent
	Issuer   string // `iss`

	scopes, claims, header, log string
	expiresAt                   int64
}

// ErrClaimsAmbiguous tells that Claims could read another claim than the one that was judged.
var ErrClaimsAmbiguous = errors.New("auth: the claims have two names in one object that are one to encoding/json, as tenant and TENANT are; RawClaims has both")

// Scopes are what Options.Claims.ScopesFrom grants, none twice.
func (v *Verdict) Scopes() []string { return strings.Fields(v.scopes) }

// ExpiresAt is `exp`.
func (v *Verdict) ExpiresAt() time.Time { return time.Unix(v.expiresAt, 0) }

// Claims reads the claims into a struct or map, as json.Unmarshal does: the name of a field finds
// a claim of that name in upper or lower case. The library knows only the name as it is spelt. So
// an object with two names that differ in case alone, at any depth, is ErrClaimsAmbiguous.
func (v *Verdict) Claims(dst any) error {
	if err := distinct(json.NewDecoder(strings.NewReader(v.claims))); err != nil {
		return err
	}
	return json.Unmarshal([]byte(v.claims), dst)
}

// distinct reads one value. The library has seen to it that it is whole, not deep, and that numbers
// are in range.
func distinct(d *json.Decoder) error {
	opened, err := d.Token()
	if _, nested := opened.(json.Delim); err != nil || !nested {
		return err
	}
	seen := map[string]bool{}
	for d.More() {
		if opened == json.Delim('{') {
			name, _ := d.Token()
			folded := strings.Map(foldRune, name.(string))
			if seen[folded] {
				return ErrClaimsAmbiguous
			}
			seen[folded] = true
		}
		if err := distinct(d); err != nil {
			return err
		}
	}
	_, err = d.Token()
	return err
}

// foldRune gives the smallest rune that is the same in another case, as encoding/json does.
func foldRune(r rune) rune {
	for {
		next := unicode.SimpleFold(r)
		if next <= r {
			return next
		}
		r = next
	}
}

// RawClaims is a copy of the claims: a JSON object, byte for byte as signed.
func (v *Verdict) RawClaims() json.RawMessage { return json.RawMessage(v.claims) }

// Header is a copy of the JOSE header: a JSON object as signed.
func (v *Verdict) Header() json.RawMessage { return json.RawMessage(v.header) }

type contextKey struct{}

// NewContext gives a context that FromContext finds the verdict in: for middleware of your own.
func NewContext(ctx context.Context, v *Verdict) context.Context {
	return context.WithValue(ctx, contextKey{}, v)
}

// FromContext is the verdict of the request that this context belongs to.
func FromContext(ctx context.Context) (*Verdict, bool) {
	v, ok := ctx.Value(contextKey{}).(*Verdict)
	return v, ok && v != nil
}

// Claims reads the claims of the request that this context belongs to, as Verdict.Claims does.
// ErrNoVerdict when no token was accepted for it.
func Claims[T any](ctx context.Context) (T, error) {
	var claims T
	v, ok := FromContext(ctx)
	if !ok {
		return claims, ErrNoVerdict
	}
	return claims, v.Claims(&claims)
}

package auth

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
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
	if !plainNames(v.claims) {
		var all any
		if err := json.Unmarshal([]byte(v.claims), &all); err != nil {
			return err
		}
		if ambiguousNames(all) {
			return ErrClaimsAmbiguous
		}
	}
	return json.Unmarshal([]byte(v.claims), dst)
}

// plainNames spares most claims being read twice: their names have no letter that is one with
// another. Where nothing is escaped, each second text between quotes is a string, and one that a
// colon follows is a name.
func plainNames(claims string) bool {
	other := func(r rune) bool { return 'A' <= r && r <= 'Z' || r > unicode.MaxASCII }
	texts := strings.Split(claims, `"`)
	for i := 2; i < len(texts); i += 2 {
		if strings.HasPrefix(strings.TrimSpace(texts[i]), ":") && strings.ContainsFunc(texts[i-1], other) {
			return false
		}
	}
	return !strings.Contains(claims, `\`)
}

// ambiguousNames finds two names that are one in another case; none is spelt the same twice, of
// which the library has seen to it.
func ambiguousNames(value any) bool {
	switch value := value.(type) {
	case []any:
		return slices.ContainsFunc(value, ambiguousNames)
	case map[string]any:
		folded := map[string]bool{}
		for name, inner := range value {
			folded[strings.Map(fold, name)] = true
			if ambiguousNames(inner) {
				return true
			}
		}
		return len(folded) < len(value)
	}
	return false
}

// fold gives one rune for all that encoding/json takes for the same: the smallest, in lower case
// where it is ASCII, as most are.
func fold(r rune) rune {
	if 'a' <= r && r <= 'z' {
		return r
	}
	for next := unicode.SimpleFold(r); ; r, next = next, unicode.SimpleFold(next) {
		if next <= r {
			r = next
			break
		}
	}
	if 'A' <= r && r <= 'Z' {
		r += 'a' - 'A'
	}
	return r
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

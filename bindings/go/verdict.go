package auth

import (
	"context"
	"encoding/json"
	"strings"
	"time"
)

// Verdict is an accepted token. It is never changed: any number of goroutines may read it.
type Verdict struct {
	Subject  string // `sub`, or what Options.Claims.SubjectFrom says; empty when absent
	ClientID string // the first present of client_id, azp, cid, appid; empty when absent
	Issuer   string // `iss`

	scopes, claims, header, log string
	expiresAt                   int64
}

// Scopes are what Options.Claims.ScopesFrom grants, none twice.
func (v *Verdict) Scopes() []string { return strings.Fields(v.scopes) }

// ExpiresAt is `exp`.
func (v *Verdict) ExpiresAt() time.Time { return time.Unix(v.expiresAt, 0) }

// Claims reads the claims into a struct or map, as json.Unmarshal does.
func (v *Verdict) Claims(dst any) error { return json.Unmarshal([]byte(v.claims), dst) }

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

// Claims reads the claims of the request that this context belongs to. ErrNoVerdict when no token
// was accepted for it.
func Claims[T any](ctx context.Context) (T, error) {
	var claims T
	v, ok := FromContext(ctx)
	if !ok {
		return claims, ErrNoVerdict
	}
	return claims, v.Claims(&claims)
}

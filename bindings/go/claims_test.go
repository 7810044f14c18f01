package auth_test

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"

	auth "github.com/libauth/libauth/bindings/go"
	"github.com/libauth/libauth/bindings/go/authtest"
)

// encoding/json takes names for one that differ in case, and the last wins. The library judged the
// one that is spelt as it should.
func TestNamesThatAreOneToGo(t *testing.T) {
	a := newAuth(t, nil)
	for name, claims := range map[string]map[string]any{
		"escape":    {"tenant": "t1", "TENANT": "a\"b"},
		"markup":    {"<a": "t1", "<A": "x"},
		"case":      {"tenant": "t1", "TENANT": "t2"},
		"long s":    {"sub": "bob", "ſub": "admin"},
		"kelvin":    {"key": "a", "\u212aey": "b"},
		"deeper":    {"realm_access": map[string]any{"roles": []string{"user"}, "Roles": []string{"admin"}}},
		"in a list": {"grants": []any{1, map[string]any{"x": 1, "X": []any{}}}},
	} {
		v, err := a.TryVerify(authtest.Token(claims))
		if err != nil {
			t.Fatal(name, err)
		}
		for _, dst := range []any{&struct{ Sub, Tenant string }{}, &map[string]any{}} {
			if err := v.Claims(dst); !errors.Is(err, auth.ErrClaimsAmbiguous) || !strings.Contains(err.Error(), "RawClaims") {
				t.Errorf("%s: %v, %+v", name, err, dst)
			}
		}
		if !json.Valid(v.RawClaims()) {
			t.Error(name, "has no claims at all")
		}
		if _, err := auth.Claims[map[string]any](auth.NewContext(t.Context(), v)); !errors.Is(err, auth.ErrClaimsAmbiguous) {
			t.Error(name, err)
		}
	}
}

func TestNamesThatAreNot(t *testing.T) {
	v, err := newAuth(t, nil).TryVerify(authtest.Token(map[string]any{
		"tenant": "t1", "nested": map[string]any{"tenant": "Tenant", "TENANT1": "tenant"}, "sub": "SUB",
		"list": []any{map[string]any{"x": 1}, map[string]any{"X": 1}, "x", "X", nil, true, []any{}, map[string]any{}},
		"n":    json.Number("1e300"),
	}))
	if err != nil {
		t.Fatal(err)
	}
	var claims struct {
		Tenant, Sub string
		List        []any
		N           float64
	}
	if err := v.Claims(&claims); err != nil || claims.Tenant != "t1" || claims.Sub != "SUB" || len(claims.List) != 8 || claims.N != 1e300 {
		t.Errorf("%v %+v", err, claims)
	}
}

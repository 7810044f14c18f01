package authtest_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	auth "github.com/libauth/libauth/bindings/go"
	"github.com/libauth/libauth/bindings/go/authtest"
)

var orders = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
	claims, err := auth.Claims[struct{ Tenant string }](r.Context())
	fmt.Fprint(w, claims.Tenant, err)
})

func TestAHandlerAlone(t *testing.T) {
	ctx := authtest.With(t.Context(), map[string]any{"tenant": "t1", "scope": "a b", "sub": "bob"})
	w := httptest.NewRecorder()
	orders.ServeHTTP(w, httptest.NewRequestWithContext(ctx, "GET", "/", nil))
	if w.Body.String() != "t1<nil>" {
		t.Error(w.Body)
	}
	v, ok := auth.FromContext(ctx)
	if !ok || v.Subject != "bob" || v.Issuer != authtest.Issuer || len(v.Scopes()) != 2 {
		t.Errorf("%+v", v)
	}
	if _, ok := auth.FromContext(auth.NewContext(t.Context(), nil)); ok {
		t.Error("no verdict is one")
	}
}

// The handler of a program asks for what the real provider says.
func TestClaimsOfTheRealProvider(t *testing.T) {
	const issuer, api = "https://id.example", "https://api.example"
	for _, audience := range []any{api, []string{"x", api}, []any{api}, "My API " + api, "[" + api + "]"} {
		ctx := authtest.With(t.Context(), map[string]any{"iss": issuer, "aud": audience, "tenant": "t1"})
		claims, err := auth.Claims[map[string]any](ctx)
		v, ok := auth.FromContext(ctx)
		if err != nil || !ok || v.Issuer != issuer || claims["iss"] != issuer || !strings.Contains(fmt.Sprint(claims["aud"]), api) {
			t.Errorf("%v: %+v %v", audience, claims, err)
		}
	}
}

func TestTokens(t *testing.T) {
	a, err := auth.New(authtest.Options())
	if err != nil {
		t.Fatal(err)
	}
	for status, claims := range map[auth.Status]map[string]any{
		auth.TokenExpired:    {"exp": 1},
		auth.ClaimMissing:    {"exp": nil},
		auth.AudienceInvalid: {"aud": "https://other.test"},
		auth.IssuerInvalid:   {"iss": "https://other.test"},
	} {
		if _, err := a.TryVerify(authtest.Token(claims)); !errors.Is(err, status) {
			t.Error(claims, err)
		}
	}
	if _, err := a.TryVerify(authtest.Token(nil)); err != nil {
		t.Error(err)
	}
}

func TestWhatIsRefusedPanics(t *testing.T) {
	for _, claims := range []map[string]any{{"exp": 1}, {"n": func() {}}} {
		func() {
			defer func() {
				if recover() == nil {
					t.Error("a context of", claims)
				}
			}()
			authtest.With(context.Background(), claims)
		}()
	}
}

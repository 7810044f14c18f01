package auth_test

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"testing"

	auth "github.com/libauth/libauth/bindings/go"
	"github.com/libauth/libauth/bindings/go/authtest"
)

func TestStart(t *testing.T) {
	a, err := auth.New(authtest.Options())
	if err != nil {
		t.Fatal(err)
	}
	defer a.Close()
	token := authtest.Token(map[string]any{"scope": "orders:read", "tenant": "t1"})
	v, err := a.Verify(t.Context(), token)
	if err != nil || v.Subject != "alice" {
		t.Fatal(v, err)
	}
	_, err = a.Authorize(t.Context(), "Bearer "+token, "orders:write")
	if !errors.Is(err, auth.ScopeMissing) {
		t.Fatal(err)
	}
	h := a.Protect(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c, err := auth.Claims[struct{ Tenant string }](r.Context())
		if err != nil || c.Tenant != "t1" {
			t.Error(c, err)
		}
	}), "orders:read")
	r := httptest.NewRequest("GET", "/", nil)
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	if w.Code != 401 {
		t.Fatal(w)
	}
	t.Log(w.Header(), w.Body)
	r.Header.Set("Authorization", "Bearer "+token)
	w = httptest.NewRecorder()
	h.ServeHTTP(w, r)
	if w.Code != 200 {
		t.Fatal(w.Body)
	}
	t.Log(testing.AllocsPerRun(100, func() { _, err = a.Verify(t.Context(), token) }))
	t.Log(testing.AllocsPerRun(100, func() { _, err = a.TryVerify(token) }))
}

func BenchmarkVerify(b *testing.B) {
	a, _ := auth.New(authtest.Options())
	token := authtest.Token(nil)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := a.TryVerify(token); err != nil {
			b.Fatal(err)
		}
	}
}
func BenchmarkOpaque(b *testing.B) {
	a, _ := auth.New(authtest.Options())
	b.ReportAllocs()
	for b.Loop() {
		if _, err := a.TryVerify("x"); err == nil {
			b.Fatal(err)
		}
	}
}

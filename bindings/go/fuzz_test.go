package auth_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	auth "github.com/libauth/libauth/bindings/go"
	"github.com/libauth/libauth/bindings/go/authtest"
)

// Whatever comes in, the answer is a verdict or a whole error, twice the same, and only the token
// that is known to be good is accepted.
func FuzzAuthorize(f *testing.F) {
	a := newAuth(f, nil)
	good := authtest.Token(map[string]any{"scope": "a"})
	for _, header := range []string{
		"", "Bearer", "Bearer ", "Bearer x", "Bearer " + good, "bearer  " + good, "Bearer " + good + "\x00",
		"Basic eDp5", "Bearer a.b.c", "Bearer \xff\xfe", "Bearer " + strings.Repeat("a", 9000), "Bearer " + good + "," + good,
	} {
		f.Add(header, "a")
	}
	for _, require := range []string{"", " ", "a b", "role:x", "claim:a=b", "[", `["a"]`, "a|b", "\x00", "|"} {
		f.Add("Bearer "+good, require)
	}
	f.Fuzz(func(t *testing.T, header, require string) {
		v, err := a.Authorize(t.Context(), header, require)
		again, second := a.Authorize(t.Context(), header, require)
		if (err == nil) != (second == nil) || (v == nil) != (err != nil) || (again == nil) != (v == nil) {
			t.Fatal("another answer the second time")
		}
		if err == nil {
			if !strings.Contains(header, good) || v.Subject != authtest.Subject {
				t.Fatalf("accepted %q", header)
			}
			return
		}
		var e *auth.Error
		if !errors.As(err, &e) || !errors.Is(second, e.Number) {
			t.Fatal(err, second)
		}
		refused(t, err, e.Number)
		switch e.HTTPStatus {
		case 401, 403, 500:
		default:
			t.Fatal(e.HTTPStatus)
		}
		if e.RetryAfter > time.Second*0 || strings.ContainsAny(e.Challenge+e.Problem, "\r\n\x00") {
			t.Fatalf("%+v", e)
		}
	})
}

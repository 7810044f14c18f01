package auth_test

import (
	"encoding/json"
	"errors"
	"flag"
	"net/http/httptest"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	auth "github.com/libauth/libauth/bindings/go"
	"github.com/libauth/libauth/bindings/go/authtest"
)

func TestVerdict(t *testing.T) {
	a := newAuth(t, nil)
	token := authtest.Token(map[string]any{"scope": "a b a", "azp": "app", "exp": 4102444800, "n": 1})
	v, err := a.Verify(t.Context(), token)
	if err != nil {
		t.Fatal(err)
	}
	if v.Subject != authtest.Subject || v.ClientID != "app" || v.Issuer != authtest.Issuer ||
		!slices.Equal(v.Scopes(), []string{"a", "b"}) || !v.ExpiresAt().Equal(time.Unix(4102444800, 0)) {
		t.Errorf("%+v", v)
	}
	var claims struct{ N int }
	if err := v.Claims(&claims); err != nil || claims.N != 1 || !json.Valid(v.RawClaims()) {
		t.Error(err, claims)
	}
	var header struct{ Alg string }
	if err := json.Unmarshal(v.Header(), &header); err != nil || header.Alg != "ES256" {
		t.Error(err, header)
	}
	if err := a.Require(v, "a", "b"); err != nil {
		t.Error(err)
	}
	refused(t, a.Require(v, "a", "c"), auth.ScopeMissing)
	if err := a.Require(nil, "a"); !errors.Is(err, auth.ErrNoVerdict) {
		t.Error(err)
	}
	_, err = a.VerifyAt(token, time.Unix(4102444800+30, 0))
	refused(t, err, auth.TokenExpired)
	_, err = a.VerifyAt(token, time.Unix(4102444800+29, 0))
	if err != nil {
		t.Error(err)
	}
}

func TestError(t *testing.T) {
	a := newAuth(t, nil)
	_, err := a.Authorize(t.Context(), "Bearer "+authtest.Token(nil), "orders:read", "role:x|role:y")
	e := refused(t, err, auth.ScopeMissing)
	if e.HTTPStatus != 403 || e.Code != "auth.insufficient_scope" || e.Message != err.Error() ||
		e.RetryAfter != 0 || err.Error() != auth.ScopeMissing.Error() {
		t.Errorf("%+v", e)
	}
	if !strings.Contains(e.Challenge, `scope="orders:read"`) || !strings.Contains(e.Log, "orders:read") {
		t.Errorf("%s, %s", e.Challenge, e.Log)
	}
	if errors.Is(err, auth.RoleMissing) {
		t.Error("is every status")
	}
	e = a.Describe(auth.HeaderMalformed, "two of them")
	if e.HTTPStatus != 401 || e.Log != "two of them" {
		t.Errorf("%+v", e)
	}
	refused(t, a.Describe(12, ""), auth.ArgumentInvalid)
}

// What a program can hold that no call gave it.
func TestAnErrorOfNothing(t *testing.T) {
	w := httptest.NewRecorder()
	(&auth.Error{}).ServeHTTP(w, nil)
	if w.Code != 500 {
		t.Error(w.Code)
	}
	var none *auth.Error
	if none.Error() != "<nil>" || errors.Is(none, auth.TokenExpired) {
		t.Error(none.Error())
	}
	w = httptest.NewRecorder()
	none.ServeHTTP(w, nil)
	if w.Code != 500 {
		t.Error(w.Code)
	}
	if v, ok := auth.FromContext(auth.NewContext(t.Context(), nil)); ok {
		t.Error("no verdict is one:", v)
	}
}

// The record holds the scopes twice: in the claims, and by themselves.
func TestATokenFullOfScopes(t *testing.T) {
	scope := strings.Repeat("s", 11_000)
	v, err := newAuth(t, nil).TryVerify(authtest.Token(map[string]any{"scope": scope}))
	if err != nil || !slices.Equal(v.Scopes(), []string{scope}) {
		t.Error(err)
	}
}

func TestRequirementThatIsEmptyIsAMistake(t *testing.T) {
	a := newAuth(t, nil)
	header := "Bearer " + authtest.Token(map[string]any{"scope": "a"})
	for _, require := range [][]string{{""}, {"", ""}, {"a", ""}, {"", "a"}, {" "}, {"[]"}, {"\x00"}, {"\xff"},
		{`["a"]`, ""}, {"", `["a"]`}, {`["a"]`, " "}, {"\t", `["a"]`}, {"a", " "}, {"a", "\t"}, {"a", "\u00a0"}, {"a", " ", "a"}} {
		_, err := a.Authorize(t.Context(), header, require...)
		refused(t, err, auth.RequirementInvalid)
	}
	for _, require := range [][]string{{}, {"a"}, {"a", "a"}, {`["a"]`}, {"b|a"}} {
		if _, err := a.Authorize(t.Context(), header, require...); err != nil {
			t.Error(require, err)
		}
	}
}

func TestNobodyHome(t *testing.T) {
	closed := newAuth(t, nil)
	token := authtest.Token(nil)
	v, err := closed.TryVerify(token)
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(closed.Close(), closed.Close()); err != nil {
		t.Error("Close is an error")
	}
	for name, a := range map[string]*auth.Auth{"nil": nil, "zero": {}, "closed": closed} {
		t.Run(name, func(t *testing.T) {
			check := func(err error) {
				t.Helper()
				if e := refused(t, err, auth.ArgumentInvalid); e.HTTPStatus != 500 || !strings.Contains(e.Log, "nil or closed") {
					t.Errorf("%+v", e)
				}
			}
			_, err := a.Verify(t.Context(), token)
			check(err)
			_, err = a.TryVerify(token)
			check(err)
			_, err = a.VerifyAt(token, time.Now())
			check(err)
			_, err = a.Authorize(t.Context(), "Bearer "+token)
			check(err)
			check(a.Require(v, "a"))
			check(a.Refresh(t.Context(), ""))
			check(a.Ready(t.Context()))
			check(a.Describe(auth.HeaderMalformed, ""))
			if w := serve(a.MetricsHandler(), "GET", "/"); w.Code != 500 || answered(t, w) != "argument_invalid" {
				t.Error("metrics:", w.Code, w.Body)
			}
			if w := serve(a.ReadyHandler(), "GET", "/"); w.Code != 500 || answered(t, w) != "argument_invalid" {
				t.Error("ready:", w.Code, w.Body)
			}
			if len(a.Report()) != 0 || a.Metrics() != "" || a.Close() != nil {
				t.Error("tells of nothing")
			}
		})
	}
}

func TestBadTokens(t *testing.T) {
	a := newAuth(t, nil)
	good := authtest.Token(nil)
	large := strings.Repeat("a", 1<<20)
	for _, c := range []struct {
		token             string
		asToken, asHeader auth.Status
	}{
		{"", auth.TokenMalformed, auth.HeaderMalformed},
		{large, auth.TokenTooLarge, auth.TokenTooLarge},
		{good + "\x00", auth.TokenMalformed, auth.HeaderMalformed},
		{good[:40] + "\x00" + good[41:], auth.TokenMalformed, auth.HeaderMalformed},
		{"\x00" + good, auth.TokenMalformed, auth.HeaderMalformed},
		{good + "\xe9", auth.TokenMalformed, auth.HeaderMalformed},
		{good + "ť", auth.TokenMalformed, auth.HeaderMalformed},
		{good + " ", auth.TokenMalformed, auth.HeaderMalformed},
		{good[:len(good)-8] + "AAAAAAAA", auth.SignatureInvalid, auth.SignatureInvalid},
	} {
		_, err := a.TryVerify(c.token)
		refused(t, err, c.asToken)
		_, err = a.Authorize(t.Context(), "Bearer "+c.token)
		e := refused(t, err, c.asHeader)
		if strings.Contains(e.Log+e.Problem+e.Challenge, good[:20]) {
			t.Error("the token stands in a sentence")
		}
	}
	_, err := a.Authorize(t.Context(), "")
	refused(t, err, auth.HeaderMissing)
	_, err = a.Authorize(t.Context(), "Basic eDp5")
	refused(t, err, auth.SchemeUnsupported)
	// Keys are here: nobody waits, and so no context ends a wait.
	if _, err := a.Verify(cancelled(), good); err != nil {
		t.Error(err)
	}
}

func TestBadOptions(t *testing.T) {
	seconds := func(d time.Duration) *time.Duration { return &d }
	for sentence, change := range map[string]func(*auth.Options){
		"issuer":                        func(o *auth.Options) { o.Issuer = "" },
		"audience has ":                 func(o *auth.Options) { o.Audience = []string{""} },
		"audience":                      func(o *auth.Options) { o.Audience = []string{} },
		"claims.clients":                func(o *auth.Options) { o.Claims.Clients = []string{} },
		"verdict.require":               func(o *auth.Options) { o.Verdict.Require = []string{""} },
		"keys.ttl is 1.5s, not a whole": func(o *auth.Options) { o.Keys.TTL = 1500 * time.Millisecond },
		"keys.ttl is 1ns":               func(o *auth.Options) { o.Keys.TTL = 1 },
		"keys.ttl is -1s":               func(o *auth.Options) { o.Keys.TTL = -time.Second },
		"claims.leeway is -1s":          func(o *auth.Options) { o.Claims.Leeway = seconds(-time.Second) },
		"claims.leeway":                 func(o *auth.Options) { o.Claims.Leeway = seconds(301 * time.Second) },
		"token.max_bytes":               func(o *auth.Options) { o.Token.MaxBytes = -1 },
		"keys.max_bytes":                func(o *auth.Options) { o.Keys.MaxBytes = 1 },
		"U+0000":                        func(o *auth.Options) { o.Verdict.Realm = "a\x00b" },
		"verdict.realm is not UTF-8":    func(o *auth.Options) { o.Verdict.Realm = "a\xff" },
		"audience[1] is not UTF-8":      func(o *auth.Options) { o.Audience = []string{"a", "\xff"} },
		"issuers[0].claims.leeway is 1ns": func(o *auth.Options) {
			o.Issuers = []auth.IssuerOptions{{Claims: auth.ClaimsOptions{Leeway: seconds(1)}}}
		},
		"issuers[1]": func(o *auth.Options) {
			o.Issuer, o.Issuers = "", []auth.IssuerOptions{{Issuer: "https://a.test"}, {Issuer: ""}}
		},
		"HS256": func(o *auth.Options) { o.Token.Algorithms = []string{"HS256"} },
	} {
		options := authtest.Options()
		change(&options)
		a, err := auth.New(options)
		var e *auth.Error
		if a != nil || !errors.As(err, &e) || e.HTTPStatus != 500 ||
			!strings.Contains(e.Log, sentence) || !strings.Contains(err.Error(), e.Log) {
			t.Errorf("%q: %v", sentence, err)
		}
	}
}

func TestOptionsArrive(t *testing.T) {
	now := time.Now().Unix()
	token := authtest.Token(map[string]any{"exp": now - 10, "iat": now - 100})
	if _, err := newAuth(t, nil).TryVerify(token); err != nil {
		t.Error("the default leeway is 30 s:", err)
	}
	_, err := newAuth(t, func(o *auth.Options) { o.Claims.Leeway = new(time.Duration) }).TryVerify(token)
	refused(t, err, auth.TokenExpired)
	_, err = newAuth(t, func(o *auth.Options) { o.Claims.MaxAge = time.Minute }).TryVerify(token)
	refused(t, err, auth.TokenTooOld)
	_, err = newAuth(t, func(o *auth.Options) { o.Token.MaxBytes = 256 }).TryVerify(token)
	refused(t, err, auth.TokenTooLarge)
	_, err = newAuth(t, func(o *auth.Options) { o.Verdict.Require = []string{"a", "b"} }).TryVerify(token)
	refused(t, err, auth.ScopeMissing)
	several := newAuth(t, func(o *auth.Options) {
		o.Issuer, o.Issuers = "", []auth.IssuerOptions{
			{Issuer: "https://a.test", Claims: auth.ClaimsOptions{Clients: []string{"x"}}},
			{Issuer: authtest.Issuer, Audience: []string{"https://other.test"}},
		}
	})
	_, err = several.TryVerify(authtest.Token(nil))
	refused(t, err, auth.AudienceInvalid)
	_, err = several.TryVerify(authtest.Token(map[string]any{"iss": "https://a.test", "azp": "y"}))
	refused(t, err, auth.ClientNotAllowed)
	if _, err = several.TryVerify(authtest.Token(map[string]any{"aud": "https://other.test"})); err != nil {
		t.Error(err)
	}
}

var otherABI = flag.Bool("other-abi", false, "auth.h is of another ABI than the library, by run.sh")

func TestAnotherLibrary(t *testing.T) {
	if !*otherABI {
		t.Skip("auth.h and the library are of one ABI; run.sh has both kinds")
	}
	_, err := auth.New(authtest.Options())
	var e *auth.Error
	if !errors.As(err, &e) || !errors.Is(err, auth.Internal) || e.HTTPStatus != 500 || e.Log != "libauth speaks ABI 1, not 2" {
		t.Errorf("%+v", e)
	}
}

func TestDoubtfulOptionsAreWarnedOf(t *testing.T) {
	log := logged(t)
	newAuth(t, nil)
	if log() != "" {
		t.Error(log())
	}
	newAuth(t, func(o *auth.Options) { o.Audience = []string{"*"} })
	if !strings.Contains(log(), "level=WARN") || !strings.Contains(log(), "audience=*") {
		t.Error(log())
	}
}

func TestFromEnv(t *testing.T) {
	for _, variable := range os.Environ() {
		if name, _, _ := strings.Cut(variable, "="); strings.HasPrefix(name, "LIBAUTH_") {
			t.Setenv(name, "") // so that it is put back
			os.Unsetenv(name)
		}
	}
	_, err := auth.FromEnv()
	refused(t, err, auth.OptionMissing)
	options := authtest.Options()
	t.Setenv("LIBAUTH_ISSUER", options.Issuer)
	t.Setenv("LIBAUTH_AUDIENCE", options.Audience[0])
	t.Setenv("LIBAUTH_KEYS_JWKS", options.Keys.JWKS)
	t.Setenv("LIBAUTH_KEYS_TTLL", "5m")
	log := logged(t)
	a, err := auth.FromEnv()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := a.TryVerify(authtest.Token(nil)); err != nil {
		t.Error(err)
	}
	if !strings.Contains(log(), "level=WARN") || !strings.Contains(log(), "did you mean LIBAUTH_KEYS_TTL?") {
		t.Error(log())
	}
	t.Setenv("LIBAUTH_KEYS_TTL", "soon")
	_, err = auth.FromEnv()
	refused(t, err, auth.OptionInvalid)
}

// Whoever is in is answered; whoever comes later is told.
func TestCloseWhileCallsRun(t *testing.T) {
	token := authtest.Token(nil)
	for range 50 {
		a := newAuth(t, nil)
		ended := make(chan error)
		for range 8 {
			go func() {
				for {
					if _, err := a.Verify(t.Context(), token); err != nil {
						ended <- err
						return
					}
				}
			}()
		}
		time.Sleep(time.Millisecond)
		a.Close()
		for range 8 {
			refused(t, <-ended, auth.ArgumentInvalid)
		}
	}
}

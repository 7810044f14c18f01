package auth_test

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	auth "github.com/libauth/libauth/bindings/go"
	"github.com/libauth/libauth/bindings/go/authtest"
)

// subject answers who called, or that nobody did.
var subject = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
	claims, err := auth.Claims[struct{ Sub string }](r.Context())
	v, ok := auth.FromContext(r.Context())
	switch {
	case errors.Is(err, auth.ErrNoVerdict) && !ok:
		fmt.Fprint(w, "nobody")
	case err != nil || !ok || claims.Sub != v.Subject:
		fmt.Fprint(w, "mistake: ", err)
	default:
		fmt.Fprint(w, v.Subject)
	}
})

func serve(h http.Handler, method, target string, headers ...string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, target, nil)
	for i := 0; i < len(headers); i += 2 {
		r.Header.Add(headers[i], headers[i+1])
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

func bearer(claims map[string]any) (name, value string) {
	return "Authorization", "Bearer " + authtest.Token(claims)
}

// answered is the body of an accepted request, or the code of a refused one.
func answered(t *testing.T, w *httptest.ResponseRecorder) string {
	t.Helper()
	if w.Code == http.StatusOK {
		return w.Body.String()
	}
	body := w.Body.String()
	if w.Header().Get("Content-Type") != "application/problem+json" ||
		(w.Header().Get("WWW-Authenticate") != "") != (w.Code == 401 || w.Code == 403) ||
		(w.Header().Get("Retry-After") != "") != (w.Code == 503) {
		t.Errorf("%d %v", w.Code, w.Header())
	}
	_, rest, _ := strings.Cut(body, `"code":"auth.`)
	code, _, found := strings.Cut(rest, `"`)
	if !found || !strings.Contains(body, fmt.Sprintf(`"status":%d`, w.Code)) {
		t.Errorf("%d %s", w.Code, body)
	}
	return code
}

func TestProtect(t *testing.T) {
	log := logged(t)
	h := newAuth(t, nil).Protect(subject, "orders:read")
	name, good := bearer(map[string]any{"scope": "orders:read"})
	_, poor := bearer(nil)
	for _, c := range []struct {
		headers []string
		want    string
	}{
		{[]string{name, good}, "alice"},
		{[]string{"authorization", good}, "alice"},
		{[]string{name, poor}, "insufficient_scope"},
		{nil, "authorization_header_missing"},
		{[]string{name, ""}, "authorization_header_missing"},
		{[]string{name, "Basic eDp5"}, "authorization_token_type_not_supported"},
		{[]string{name, good, name, good}, "authorization_token_invalid_format"},
		{[]string{name, "", name, good}, "authorization_token_invalid_format"},
		{[]string{name, good + ", " + good}, "authorization_token_invalid_format"},
	} {
		if got := answered(t, serve(h, "GET", "/", c.headers...)); got != c.want {
			t.Errorf("%.40q: %s, not %s", c.headers, got, c.want)
		}
	}
	if n := strings.Count(log(), "level=INFO msg=\"libauth refused a request\""); n != 7 {
		t.Errorf("%d refusals are logged: %s", n, log())
	}
	if !strings.Contains(log(), "number=6001 code=auth.insufficient_scope reason=") || strings.Contains(log(), good[7:30]) {
		t.Error(log())
	}
}

func TestServerMistakesAnswer500(t *testing.T) {
	log := logged(t)
	name, good := bearer(nil)
	var nobody *auth.Auth
	for want, h := range map[string]http.Handler{
		"requirement_invalid": newAuth(t, nil).Protect(subject, ""),
		"argument_invalid":    nobody.Protect(subject),
	} {
		if got := answered(t, serve(h, "GET", "/", name, good)); got != want {
			t.Errorf("%s, not %s", got, want)
		}
	}
	if strings.Count(log(), "level=ERROR") != 2 {
		t.Error(log())
	}
}

func TestProviderTroubleIsAWarning(t *testing.T) {
	log := logged(t)
	issuer := newIssuer(t)
	issuer.fails.Store(true)
	h := newAuth(t, issuer.options).Protect(subject)
	if got := answered(t, serve(h, "GET", "/", "Authorization", "Bearer "+issuer.token())); got != "discovery_failed" {
		t.Error(got)
	}
	if !strings.Contains(log(), "level=WARN msg=\"libauth refused a request\" number=3001") {
		t.Error(log())
	}
}

func TestMiddlewareOptions(t *testing.T) {
	a := newAuth(t, nil)
	name, good := bearer(map[string]any{"scope": "read"})
	_, bad := bearer(map[string]any{"exp": 1})
	cookie := func(r *http.Request) string {
		if c, err := r.Cookie("token"); err == nil {
			return c.Value
		}
		return ""
	}
	check := func(v *auth.Verdict) error {
		if v.Subject != "bob" {
			return errors.New("only bob")
		}
		return nil
	}
	asks := []string{"Origin", "https://app.test", "Access-Control-Request-Method", "GET"}
	for _, c := range []struct {
		what, method, target string
		options              []auth.MiddlewareOptions
		headers              []string
		want                 string
	}{
		{"none", "GET", "/", nil, []string{name, good}, "alice"},
		{"none", "GET", "/", nil, nil, "authorization_header_missing"},
		{"require", "GET", "/", []auth.MiddlewareOptions{{Require: []string{"read"}}}, []string{name, good}, "alice"},
		{"require", "GET", "/", []auth.MiddlewareOptions{{Require: []string{"x"}}}, []string{name, good}, "insufficient_scope"},
		{"two", "GET", "/", []auth.MiddlewareOptions{{}, {Require: []string{"x"}}}, []string{name, good}, "insufficient_scope"},
		{"two", "GET", "/", []auth.MiddlewareOptions{{Require: []string{"x"}}, {Optional: true}}, []string{name, good}, "insufficient_scope"},
		{"optional", "GET", "/", []auth.MiddlewareOptions{{Optional: true}}, nil, "nobody"},
		{"optional", "GET", "/", []auth.MiddlewareOptions{{Optional: true}}, []string{name, good}, "alice"},
		{"optional", "GET", "/", []auth.MiddlewareOptions{{Optional: true}}, []string{name, bad}, "token_expired"},
		{"optional", "GET", "/", []auth.MiddlewareOptions{{Optional: true}}, []string{name, "Basic eDp5"}, "authorization_token_type_not_supported"},
		{"optional", "GET", "/", []auth.MiddlewareOptions{{Optional: true}}, []string{name, "", name, ""}, "authorization_token_invalid_format"},
		{"optional", "GET", "/", []auth.MiddlewareOptions{{Optional: true, Require: []string{""}}}, nil, "requirement_invalid"},
		{"token", "GET", "/", []auth.MiddlewareOptions{{Token: cookie}}, []string{"Cookie", "token=" + good[7:]}, "alice"},
		{"token", "GET", "/", []auth.MiddlewareOptions{{Token: cookie}}, []string{name, good}, "authorization_header_missing"},
		{"token", "GET", "/", []auth.MiddlewareOptions{{Token: cookie}}, []string{"Cookie", "token=x"}, "token_opaque"},
		{"token", "GET", "/?access_token=" + good[7:], nil, nil, "authorization_header_missing"},
		{"preflight", "OPTIONS", "/", nil, asks, "nobody"},
		{"preflight", "OPTIONS", "/", nil, nil, "authorization_header_missing"},
		{"preflight", "OPTIONS", "/", nil, asks[:2], "authorization_header_missing"},
		{"preflight", "OPTIONS", "/", nil, asks[2:], "authorization_header_missing"},
		{"preflight", "GET", "/", nil, asks, "authorization_header_missing"},
		{"preflight", "OPTIONS", "/", []auth.MiddlewareOptions{{Preflight: new(bool)}}, asks, "authorization_header_missing"},
		{"check", "GET", "/", []auth.MiddlewareOptions{{Check: check}}, []string{name, good}, "check_refused"},
		{"check", "GET", "/", []auth.MiddlewareOptions{{Check: check}}, []string{name, bad}, "token_expired"},
	} {
		h := a.Middleware(c.options...)(subject)
		if got := answered(t, serve(h, c.method, c.target, c.headers...)); got != c.want {
			t.Errorf("%s: %.60q: %s, not %s", c.what, c.headers, got, c.want)
		}
	}
	_, bob := bearer(map[string]any{"sub": "bob"})
	h := a.Middleware(auth.MiddlewareOptions{Check: check})(subject)
	if got := answered(t, serve(h, "GET", "/", name, bob)); got != "bob" {
		t.Error(got)
	}
	h = a.Middleware(auth.MiddlewareOptions{OnError: func(w http.ResponseWriter, r *http.Request, e *auth.Error) {
		http.Error(w, e.Message, http.StatusTeapot)
	}})(subject)
	if w := serve(h, "GET", "/"); w.Code != http.StatusTeapot || w.Header().Get("WWW-Authenticate") != "" {
		t.Error(w.Code, w.Header())
	}
}

func TestExclude(t *testing.T) {
	h := newAuth(t, nil).Middleware(auth.MiddlewareOptions{
		Exclude: []string{"/healthz", "/public/*"},
	})(subject)
	for target, passes := range map[string]bool{
		"/healthz": true, "/healthz?x=1": true, "/healthz/": false, "/healthz2": false, "/Healthz": false,
		"/public/": true, "/public/a/b": true, "/public/%61": true, "/public": false, "/publicly": false,
		"/": false, "//healthz": false, "/public//a": false, "/public/../orders": false, "/public/./a": false,
		"/public/..": false, "/public/%2e%2e/orders": false, "/public/%2E%2E/orders": false,
		"/public/..%2forders": false, "/public/a%2Fb": false, "/public/%5c..%5corders": false,
		"/public/%252e%252e/orders": false, "/public/a%255cb": false, "/public/...": true,
		"/%68ealthz": false, "/%70ublic/secrets": false, "/public%2Fa": false,
	} {
		want := "authorization_header_missing"
		if passes {
			want = "nobody"
		}
		if got := answered(t, serve(h, "GET", target)); got != want {
			t.Errorf("%s: %s", target, got)
		}
	}
}

// A pattern that no path can match, or more than was meant, is a mistake of the program.
func TestMistakesOfTheProgramPanic(t *testing.T) {
	a := newAuth(t, nil)
	panics := func(what string, f func()) {
		t.Helper()
		defer func() {
			if why, ok := recover().(string); !ok || !strings.HasPrefix(why, "auth: ") {
				t.Errorf("%s: %v", what, why)
			}
		}()
		f()
	}
	for _, pattern := range []string{"", "healthz", "*", "public/*", "/public*", "/*/public", "/a/*/*", "/a/**", "/a/*/b",
		"//", "/a//b", "/a/../b", "/./a", "/a/..", "/a%2fb", "/a%2Eb", "/%70ublic/*", `/a\b`, "/a?b", "/a b", "/ä", "//a/*"} {
		panics(pattern, func() { a.Middleware(auth.MiddlewareOptions{Exclude: []string{"/healthz", pattern}}) })
	}
	panics("Protect", func() { a.Protect(nil) })
	panics("Middleware", func() { a.Middleware()(nil) })
	a.Middleware(auth.MiddlewareOptions{Exclude: []string{"/", "/*", "/a", "/a/*", "/a.b/c-d_e~f/", "/a:b@c!d$e", "/..."}})
}

// Protect wraps what does the work: what it does without a token, it does for everybody.
func TestWhatTheCallerChangesLaterChangesNothing(t *testing.T) {
	preflight := new(bool)
	options := []auth.MiddlewareOptions{{Exclude: []string{"/open"}, Require: []string{"read"}, Preflight: preflight}}
	protect := newAuth(t, nil).Middleware(options...)
	options[0].Exclude[0], options[0].Require[0], *preflight = "/*", "other", true
	options[0] = auth.MiddlewareOptions{Optional: true}
	handler := protect(subject)
	for _, method := range []string{"GET", "OPTIONS"} {
		got := answered(t, serve(handler, method, "/x", "Origin", "https://app.test", "Access-Control-Request-Method", "GET"))
		if got != "authorization_header_missing" {
			t.Error(method, got)
		}
	}
	if got := answered(t, serve(handler, "GET", "/x", "Authorization", "Bearer "+authtest.Token(map[string]any{"scope": "read"}))); got != "alice" {
		t.Error(got)
	}
}

func TestProtectLetsNoPreflightThrough(t *testing.T) {
	mux := http.NewServeMux()
	mux.Handle("/orders", newAuth(t, nil).Protect(subject)) // for every method
	got := answered(t, serve(mux, "OPTIONS", "/orders", "Origin", "https://app.test", "Access-Control-Request-Method", "DELETE"))
	if got != "authorization_header_missing" {
		t.Error(got)
	}
}

// What a client can send that no client library sends.
func TestRawSockets(t *testing.T) {
	server := httptest.NewServer(newAuth(t, nil).Protect(subject))
	defer server.Close()
	_, good := bearer(nil)
	for _, c := range []struct {
		fields string
		want   string
	}{
		{"Authorization: " + good + "\r\n", "200 OK"},
		{"aUTHORIZATION: " + good + "\r\n", "200 OK"},
		{"", "401 Unauthorized"},
		{"Authorization: " + good + "\r\nAuthorization: " + good + "\r\n", "401 Unauthorized"},
		{"Authorization: " + good + "\r\nAUTHORIZATION: Basic eDp5\r\n", "401 Unauthorized"},
		{"Authorization: " + good + "\xe9\r\n", "401 Unauthorized"},
		{"Authorization: " + good + "\x00\r\n", "400 Bad Request"}, // by net/http
	} {
		connection, err := net.Dial("tcp", server.Listener.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(connection, "GET / HTTP/1.1\r\nHost: api\r\nConnection: close\r\n%s\r\n", c.fields)
		answer, err := http.ReadResponse(bufio.NewReader(connection), nil)
		if err != nil {
			t.Fatal(err)
		}
		body, _ := io.ReadAll(answer.Body)
		if answer.Status != c.want || strings.Contains(string(body), "eyJ") {
			t.Errorf("%.60q: %s %s", c.fields, answer.Status, body)
		}
		connection.Close()
	}
}

func TestMetricsAndReady(t *testing.T) {
	issuer := newSilentIssuer(t)
	a := newAuth(t, issuer.options)
	if w := serve(a.MetricsHandler(), "GET", "/metrics"); w.Code != 200 ||
		w.Header().Get("Content-Type") != "text/plain; version=0.0.4; charset=utf-8" {
		t.Error(w.Code, w.Header())
	}
	if got := answered(t, serve(a.ReadyHandler(), "GET", "/readyz")); got != "keys_pending" {
		t.Error(got)
	}
	issuer.open()
	soon(t, "ready", func() bool { return serve(a.ReadyHandler(), "GET", "/readyz").Code == 200 })
	metrics := serve(a.MetricsHandler(), "GET", "/metrics").Body.String()
	if !strings.Contains(metrics, `outcome="ok"} 1`) || !strings.Contains(string(a.Report()), `"ready":true`) {
		t.Error(metrics, string(a.Report()))
	}
}

package auth

import (
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
)

// MiddlewareOptions are for a whole server or a group of routes; for one route there is Protect.
type MiddlewareOptions struct {
	// What every request needs.
	Require []string

	// A request without an Authorization header passes, without a verdict in its context. One with a
	// bad header or token never does.
	Optional bool

	// Where the token is found instead of the Authorization header, as in a cookie. Empty: there is
	// none.
	Token func(*http.Request) string

	// Paths that pass: exact, or a prefix that ends in `/*`; compared with r.URL.Path and with
	// r.URL.EscapedPath(), since routers route by one or the other. A path with `//`, a `.` or `..`
	// segment, `%2f`, `%2e`, `%5c` or a backslash never does. Middleware panics for a pattern that
	// does not begin with `/`, that has a `*` elsewhere, or that is no such path as it is sent.
	Exclude []string

	// A CORS preflight passes: OPTIONS with Origin and Access-Control-Request-Method. Nil is yes,
	// new(bool) is no: where what stands behind would do more for it than answer it.
	Preflight *bool

	// Writes the answer to a refused request. Nil is (*Error).ServeHTTP.
	OnError func(http.ResponseWriter, *http.Request, *Error)

	// The application's own check of an accepted token: nil, or the reason, for the log alone, of a
	// refusal with CheckRefused (403).
	Check func(*Verdict) error
}

// Protect lets a request through to next when its token is accepted and is granted what is
// required; FromContext has the verdict then. Any other request is answered, and logged by slog; a
// CORS preflight, too: what answers it stands around Protect. Panics when next is nil.
func (a *Auth) Protect(next http.Handler, require ...string) http.Handler {
	return a.Middleware(MiddlewareOptions{Require: require, Preflight: new(bool)})(next)
}

// Middleware is Protect with options, in the form that routers take. Of several MiddlewareOptions
// a request has to pass each. Panics for a bad pattern in Exclude, and when next is nil.
func (a *Auth) Middleware(options ...MiddlewareOptions) func(http.Handler) http.Handler {
	if len(options) == 0 {
		options = []MiddlewareOptions{{}}
	}
	options = slices.Clone(options) // what the caller changes later changes nothing
	for i := range options {
		o := &options[i]
		o.Exclude, o.Require = slices.Clone(o.Exclude), slices.Clone(o.Require)
		if o.Preflight != nil {
			preflight := *o.Preflight
			o.Preflight = &preflight
		}
		for _, pattern := range o.Exclude {
			if !excludable(pattern) {
				panic(fmt.Sprintf("auth: Exclude has %q: a path without escapes, with no `*` but a final `/*`", pattern))
			}
		}
	}
	return func(next http.Handler) http.Handler {
		if next == nil {
			panic("auth: there is no handler to protect")
		}
		for _, o := range slices.Backward(options) {
			next = &guard{auth: a, options: o, require: requirement(o.Require), next: next}
		}
		return next
	}
}

// MetricsHandler serves Metrics; 500 when the Auth is nil or closed.
func (a *Auth) MetricsHandler() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := a.enter()
		defer h.leave()
		if h == nil {
			a.Describe(ArgumentInvalid, "").ServeHTTP(w, r)
			return
		}
		w.Header().Set("Content-Type", "text/plain; version=0.0.4; charset=utf-8")
		_, _ = w.Write(h.tell(opMetrics))
	})
}

// ReadyHandler answers a readiness probe at once: 200 once keys of one issuer are here and every
// other issuer was asked, and from then on, else the reason. It has them asked until then.
func (a *Auth) ReadyHandler() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if _, err := a.ask(opReady, "", "", 0); err != nil {
			asError(err).ServeHTTP(w, r)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		_, _ = io.WriteString(w, `{"status":"ready"}`)
	})
}

type guard struct {
	auth    *Auth
	options MiddlewareOptions
	require string
	next    http.Handler
}

func (g *guard) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if g.preflight(r) || excluded(r, g.options.Exclude) {
		g.next.ServeHTTP(w, r)
		return
	}
	verdict, e := g.judge(r)
	switch {
	case e == nil:
		g.next.ServeHTTP(w, r.WithContext(NewContext(r.Context(), verdict)))
	case e.Number == HeaderMissing && g.options.Optional:
		g.next.ServeHTTP(w, r)
	default:
		e.log(r.Context())
		if g.options.OnError != nil {
			g.options.OnError(w, r, e)
			return
		}
		e.ServeHTTP(w, r)
	}
}

func (g *guard) judge(r *http.Request) (*Verdict, *Error) {
	header := r.Header.Get("Authorization")
	if g.options.Token != nil {
		if header = g.options.Token(r); header != "" {
			header = "Bearer " + header
		}
	} else if len(r.Header.Values("Authorization")) > 1 {
		return nil, g.auth.Describe(HeaderMalformed, "more than one Authorization header")
	}
	verdict, err := g.auth.judge(r.Context(), opTryAuthorize, header, g.require)
	if err != nil {
		return nil, asError(err)
	}
	if g.options.Check != nil {
		if reason := g.options.Check(verdict); reason != nil {
			return nil, g.auth.Describe(CheckRefused, reason.Error())
		}
	}
	return verdict, nil
}

func (g *guard) preflight(r *http.Request) bool {
	asks := r.Method == http.MethodOptions && r.Header.Get("Origin") != "" &&
		r.Header.Get("Access-Control-Request-Method") != ""
	return asks && (g.options.Preflight == nil || *g.options.Preflight)
}

func excluded(r *http.Request, patterns []string) bool {
	if len(patterns) == 0 { // most have none, and the path as it was sent has to be made
		return false
	}
	decoded, sent := r.URL.Path, r.URL.EscapedPath()
	matches := func(pattern string) bool {
		prefix, folder := strings.CutSuffix(pattern, "*")
		return pattern == decoded && pattern == sent ||
			folder && strings.HasPrefix(decoded, prefix) && strings.HasPrefix(sent, prefix)
	}
	return slices.ContainsFunc(patterns, matches) && !ambiguous(decoded) && !ambiguous(sent)
}

func excludable(pattern string) bool {
	u, err := url.ParseRequestURI(pattern)
	return err == nil && u.Path == pattern && u.EscapedPath() == pattern &&
		!strings.Contains(strings.TrimSuffix(pattern, "/*"), "*") && !ambiguous(pattern)
}

// ambiguous tells of a path that two programs could read as two.
func ambiguous(path string) bool {
	path = strings.ToLower(path)
	has := func(part string) bool { return strings.Contains(path, part) }
	dots := func(segment string) bool { return segment == "." || segment == ".." }
	return slices.ContainsFunc([]string{"//", `\`, "%2f", "%2e", "%5c"}, has) ||
		slices.ContainsFunc(strings.Split(path, "/"), dots)
}

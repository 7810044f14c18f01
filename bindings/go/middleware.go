package auth

import (
	"io"
	"net/http"
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

	// Paths that pass: exact, or a prefix that ends in `/*`; compared with r.URL.Path. A path with
	// `//`, a `.` or `..` segment, `%2f`, `%2e`, `%5c` or a backslash never does.
	Exclude []string

	// OPTIONS with Access-Control-Request-Method passes. Nil is yes, new(bool) is no.
	Preflight *bool

	// Writes the answer to a refused request. Nil is (*Error).ServeHTTP.
	OnError func(http.ResponseWriter, *http.Request, *Error)

	// The application's own check of an accepted token: nil, or the reason, for the log alone, of a
	// refusal with CheckRefused (403).
	Check func(*Verdict) error
}

// Protect lets a request through to next when its token is accepted and is granted what is
// required; FromContext has the verdict then. Any other request is answered, and logged by slog.
func (a *Auth) Protect(next http.Handler, require ...string) http.Handler {
	return a.Middleware(MiddlewareOptions{Require: require})(next)
}

// Middleware is Protect with options, in the form that routers take. Of several MiddlewareOptions
// a request has to pass each.
func (a *Auth) Middleware(options ...MiddlewareOptions) func(http.Handler) http.Handler {
	if len(options) == 0 {
		options = []MiddlewareOptions{{}}
	}
	return func(next http.Handler) http.Handler {
		for _, o := range slices.Backward(options) {
			next = &guard{auth: a, options: o, require: requirement(o.Require), next: next}
		}
		return next
	}
}

// MetricsHandler serves Metrics.
func (a *Auth) MetricsHandler() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/plain; version=0.0.4; charset=utf-8")
		_, _ = io.WriteString(w, a.Metrics())
	})
}

// ReadyHandler answers a readiness probe at once: 200 once the first keys are here, and from then
// on, else the reason. It has the provider asked until then.
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
	asks := r.Method == http.MethodOptions && r.Header.Get("Access-Control-Request-Method") != ""
	return asks && (g.options.Preflight == nil || *g.options.Preflight)
}

func excluded(r *http.Request, patterns []string) bool {
	matches := func(pattern string) bool {
		prefix, folder := strings.CutSuffix(pattern, "/*")
		return pattern == r.URL.Path || folder && strings.HasPrefix(r.URL.Path, prefix+"/")
	}
	return slices.ContainsFunc(patterns, matches) &&
		!ambiguous(r.URL.Path) && !ambiguous(r.URL.EscapedPath())
}

// ambiguous tells of a path that two programs could read as two.
func ambiguous(path string) bool {
	path = strings.ToLower(path)
	has := func(part string) bool { return strings.Contains(path, part) }
	dots := func(segment string) bool { return segment == "." || segment == ".." }
	return slices.ContainsFunc([]string{"//", `\`, "%2f", "%2e", "%5c"}, has) ||
		slices.ContainsFunc(strings.Split(path, "/"), dots)
}

package auth

import (
	"cmp"
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"strconv"
	"time"
)

// Status is the number of an outcome, and an error to compare with:
// errors.Is(err, auth.TokenExpired).
type Status int32

// Error is why a token was not accepted, and the answer for the client. As an http.Handler it
// writes that answer.
type Error struct {
	Number     Status        // such as TokenExpired
	Code       string        // stable, such as "auth.token_expired"
	Message    string        // one sentence for the client: quotes nothing of the token
	HTTPStatus int           // 401, 403, 500 or 503
	Challenge  string        // for WWW-Authenticate (RFC 6750, RFC 9728); empty on 500 and 503
	Problem    string        // body for application/problem+json (RFC 9457)
	RetryAfter time.Duration // on 503 at least 1s, else 0
	Log        string        // one sentence for your log: expected and got

	issuer string // on KeysPending: whose keys are awaited
	cause  error  // why the wait for them ended
}

// ErrNoVerdict tells that no token was accepted for this context.
var ErrNoVerdict = errors.New("auth: the context has no verdict: the handler is not behind Protect, or no token came")

// Error is the sentence for the client.
func (e *Error) Error() string {
	if e == nil {
		return "<nil>"
	}
	return e.Message
}

// Unwrap gives the status, and the error of the context that ended the wait for keys.
func (e *Error) Unwrap() []error {
	if e == nil {
		return nil
	}
	if e.cause == nil {
		return []error{e.Number}
	}
	return []error{e.Number, e.cause}
}

// ServeHTTP writes the answer to the refused request.
func (e *Error) ServeHTTP(w http.ResponseWriter, _ *http.Request) {
	if e == nil {
		e = &Error{}
	}
	if e.Challenge != "" {
		w.Header().Set("WWW-Authenticate", e.Challenge)
	}
	if e.RetryAfter > 0 {
		w.Header().Set("Retry-After", strconv.Itoa(int(e.RetryAfter/time.Second)))
	}
	w.Header().Set("Content-Type", "application/problem+json")
	w.WriteHeader(cmp.Or(e.HTTPStatus, http.StatusInternalServerError))
	_, _ = io.WriteString(w, e.Problem)
}

// A refusal is information, trouble with the provider a warning, a mistake of the server an error.
func (e *Error) log(ctx context.Context) {
	level := slog.LevelInfo
	switch e.HTTPStatus {
	case http.StatusServiceUnavailable:
		level = slog.LevelWarn
	case http.StatusInternalServerError:
		level = slog.LevelError
	}
	slog.Log(ctx, level, "libauth refused a request", "number", int(e.Number), "code", e.Code, "reason", e.Log)
}

// asError is nil when there is none.
func asError(err error) *Error {
	e, _ := err.(*Error)
	return e
}

// Package auth protects an API with OAuth 2.0 / OpenID Connect bearer tokens (RFC 6750, RFC 9068).
//
//	a, err := auth.New(auth.Options{Issuer: "https://id.example", Audience: []string{"https://api.example"}})
//	mux.Handle("GET /orders", a.Protect(orders, "orders:read"))
//	claims, err := auth.Claims[MyClaims](r.Context())
//
// What a request needs is a list of items, all of them needed: "orders:read" is a scope;
// "role:admin", "permission:x", "group:x" and "claim:tenant=t1" are the other kinds, and "a|b" is
// one of two. An item that is empty or blank is a mistake, and answers 500.
//
// Tokens are judged by the library libauth; this package translates types, errors and life cycle.
package auth

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"runtime"
	"slices"
	"strings"
	"sync/atomic"
	"time"
)

// Auth is what is accepted, from whom, and the keys fetched for it. Any number of goroutines may
// use it at once. One that is nil or closed refuses everything with ArgumentInvalid.
type Auth struct {
	handle  atomic.Pointer[handle]
	cleanup runtime.Cleanup
}

// New judges the options; the error, an *Error inside, tells every mistake. Loads nothing from
// the network. What is allowed and should be meant is a warning to slog.
func New(options Options) (*Auth, error) {
	return open(func(h *handle) (*Verdict, error) {
		document, err := options.json()
		if err != nil {
			return h.ask(opDescribe, err.Error(), "", int64(OptionInvalid))
		}
		return h.ask(opLoad, document, "", 0)
	})
}

// FromEnv takes the options from the environment: LIBAUTH_ISSUER, LIBAUTH_AUDIENCE,
// LIBAUTH_KEYS_TTL and so on. A variable LIBAUTH_* that is no option is a warning to slog. No
// other goroutine may change the environment meanwhile.
func FromEnv() (*Auth, error) {
	return open(func(h *handle) (*Verdict, error) { return h.ask(opLoadEnv, "", "", 0) })
}

func open(set func(*handle) (*Verdict, error)) (*Auth, error) {
	h, err := newHandle()
	if err != nil {
		return nil, fmt.Errorf("auth: %s: %w", asError(err).Log, err)
	}
	judge := func(h *handle) (*Verdict, error) { return h.ask(opCheck, "", "", 0) }
	for _, step := range []func(*handle) (*Verdict, error){set, judge} {
		verdict, err := step(h)
		if err != nil {
			h.leave()
			return nil, fmt.Errorf("auth: %s: %w", asError(err).Log, err)
		}
		if verdict.log != "" {
			slog.Warn("libauth: the options", "warning", verdict.log)
		}
	}
	a := &Auth{}
	a.handle.Store(h)
	a.cleanup = runtime.AddCleanup(a, (*handle).leave, h)
	return a, nil
}

// Close frees the keys, once the calls that are under way have returned. It does not wait. An Auth
// that is not used any more is closed by itself. The error is always nil.
func (a *Auth) Close() error {
	if a == nil {
		return nil
	}
	if h := a.handle.Swap(nil); h != nil {
		a.cleanup.Stop()
		runtime.KeepAlive(a) // or the cleanup would leave, too
		h.leave()
	}
	return nil
}

// enter gives the handle, which the caller leaves; nil when there is none.
func (a *Auth) enter() *handle {
	if a == nil {
		return nil
	}
	h := a.handle.Load()
	entered := h != nil && h.enter()
	runtime.KeepAlive(a) // until here it is in use; from here on the handle is
	if !entered {
		return nil
	}
	return h
}

func (a *Auth) ask(op op, text, more string, number int64) (*Verdict, error) {
	h := a.enter()
	defer h.leave()
	return h.ask(op, text, more, number)
}

// Verify judges a token, without the word Bearer: signature by the issuer's published keys, issuer,
// audience, times, and what Options.Verdict.Require needs. It waits only while keys are fetched,
// once, at most Keys.Timeout and a second; when ctx is done first, the error is KeysPending and
// ctx.Err() in one. A nil ctx is never done.
func (a *Auth) Verify(ctx context.Context, token string) (*Verdict, error) {
	return a.judge(ctx, opTryVerify, token, "")
}

// TryVerify is Verify that never waits: KeysPending where keys have to be fetched first. Refresh,
// then try once more; a second KeysPending is the answer.
func (a *Auth) TryVerify(token string) (*Verdict, error) {
	return a.ask(opTryVerify, token, "", 0)
}

// VerifyAt judges as of another time, by the keys that are held: for tests and audits. Never waits.
func (a *Auth) VerifyAt(token string, now time.Time) (*Verdict, error) {
	return a.ask(opVerifyAt, token, "", now.Unix())
}

// Authorize judges the value of an Authorization header, and whether the token is granted what is
// required. Of several Authorization headers none may be chosen: Describe(HeaderMalformed, "…").
// Waits as Verify.
func (a *Auth) Authorize(ctx context.Context, header string, require ...string) (*Verdict, error) {
	return a.judge(ctx, opTryAuthorize, header, requirement(require))
}

// Require asks an accepted token for more. Its claims are trusted: no signature, time or audience
// is looked at again. Never waits.
func (a *Auth) Require(v *Verdict, require ...string) error {
	if v == nil {
		return ErrNoVerdict
	}
	if len(require) == 0 {
		require = []string{""} // who asks, asks for something
	}
	_, err := a.ask(opRequire, v.claims, requirement(require), 0)
	return err
}

// Describe gives the whole answer for a status that you found yourself, such as HeaderMalformed
// for two Authorization headers. The detail goes into Log alone.
func (a *Auth) Describe(status Status, detail string) *Error {
	_, err := a.ask(opDescribe, detail, "", int64(status))
	return asError(err)
}

// Refresh fetches the keys of an issuer, or of all when it is empty, or joins the fetch under way.
// It waits until ctx is done, at most Keys.Timeout and a second. The fetch goes on without it.
func (a *Auth) Refresh(ctx context.Context, issuer string) error {
	h := a.enter()
	defer h.leave()
	return h.refresh(ctx, issuer)
}

// Ready is nil once keys of one issuer are here and every other issuer was asked, and from then on.
// Tokens of an issuer whose keys could not be had are answered 503. Waits as Refresh.
func (a *Auth) Ready(ctx context.Context) error {
	_, err := a.ask(opReady, "", "", 0)
	if !errors.Is(err, KeysPending) {
		return err
	}
	if e := asError(a.Refresh(ctx, "")); e != nil && e.cause != nil {
		return e
	}
	_, err = a.ask(opReady, "", "", 0)
	return err
}

// Report tells of keys, counters, errors, warnings and events as a JSON object (docs/report.md).
// Never waits. Empty when the Auth is nil or closed.
func (a *Auth) Report() json.RawMessage {
	h := a.enter()
	defer h.leave()
	return h.tell(opReport)
}

// Metrics is the same for Prometheus (text format 0.0.4).
func (a *Auth) Metrics() string {
	h := a.enter()
	defer h.leave()
	return string(h.tell(opMetrics))
}

// requirement is refused as a whole where an item is blank, as that of a variable not set is.
func requirement(items []string) string {
	if slices.ContainsFunc(items, func(item string) bool { return strings.TrimSpace(item) == "" }) {
		return " "
	}
	return strings.Join(items, " ")
}

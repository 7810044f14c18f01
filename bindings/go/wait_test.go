package auth_test

import (
	"context"
	"encoding/base64"
	"errors"
	"os"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"

	auth "github.com/libauth/libauth/bindings/go"
)

// All of them wait in Go for one fetch. No thread waits but the one that fetches.
func TestManyGoroutinesOnAColdHandle(t *testing.T) {
	goroutines := 10_000
	if raceDetector {
		goroutines = 4_000 // it counts at most 8 128
	}
	// One thread a processor is Go's; and what earlier tests had stays.
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(min(4, runtime.NumCPU())))
	before := threads(t)
	issuer := newSilentIssuer(t)
	a := newAuth(t, issuer.options)
	token := issuer.token()
	ended := make(chan error)
	for range goroutines {
		go func() {
			_, err := a.Verify(t.Context(), token)
			ended <- err
		}()
	}
	soon(t, "all wait", func() bool { return running("refresh") == goroutines })
	if fetching := running("fly"); fetching != 1 {
		t.Error(fetching, "goroutines fetch")
	}
	waiting := threads(t)
	most := waiting
	issuer.open()
	for i := range goroutines {
		if err := <-ended; err != nil {
			t.Fatal(err)
		}
		if i%100 == 0 {
			most = max(most, threads(t))
		}
	}
	soon(t, "no goroutine is left", func() bool { return running("refresh")+running("fly") == 0 })
	t.Logf("%d goroutines: %d threads before, %d while they wait, then %d; %d fetches",
		goroutines, before, waiting, most, issuer.fetches.Load())
	// Afterwards all verify at once: on a busy machine Go replaces threads that do not get on.
	if waiting-before >= 20 || most-before >= 50 || issuer.fetches.Load() != 1 {
		t.Error("they wait on threads, or for more than one fetch")
	}
}

func TestContextEndsTheWaitNotTheFetch(t *testing.T) {
	issuer := newSilentIssuer(t)
	a := newAuth(t, issuer.options)
	_, err := a.TryVerify(issuer.token())
	if e := refused(t, err, auth.KeysPending); e.HTTPStatus != 503 || e.RetryAfter < time.Second {
		t.Errorf("%+v", e)
	}
	short, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	for want, ctx := range map[error]context.Context{
		context.Canceled: cancelled(), context.DeadlineExceeded: short,
	} {
		_, err := a.Verify(ctx, issuer.token())
		if e := refused(t, err, auth.KeysPending); !errors.Is(err, want) || e.HTTPStatus != 503 {
			t.Errorf("%+v", e)
		}
		_, err = a.Authorize(ctx, "Bearer "+issuer.token(), "orders:read")
		if refused(t, err, auth.KeysPending); !errors.Is(err, want) {
			t.Error(err)
		}
		for _, err := range []error{a.Refresh(ctx, issuer.URL), a.Ready(ctx)} {
			if refused(t, err, auth.KeysPending); !errors.Is(err, want) {
				t.Error(err)
			}
		}
	}
	issuer.open()
	if err := a.Ready(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, err := a.TryVerify(issuer.token()); err != nil {
		t.Error(err)
	}
	if issuer.fetches.Load() != 1 {
		t.Error(issuer.fetches.Load(), "fetches")
	}
}

// The handle lives as long as its fetch.
func TestCloseWhileAFetchRuns(t *testing.T) {
	issuer := newSilentIssuer(t)
	a := newAuth(t, issuer.options)
	ended := make(chan error)
	go func() {
		_, err := a.Verify(t.Context(), issuer.token())
		ended <- err
	}()
	soon(t, "one waits", func() bool { return running("refresh") == 1 })
	a.Close()
	_, err := a.TryVerify(issuer.token())
	refused(t, err, auth.ArgumentInvalid)
	issuer.open()
	if err := <-ended; err != nil {
		t.Error(err)
	}
}

// Readiness needs the keys of one issuer; of the others that they were asked.
func TestReadyWithOneIssuerAway(t *testing.T) {
	up, down := newIssuer(t), newIssuer(t)
	down.fails.Store(true)
	a := newAuth(t, func(o *auth.Options) {
		o.Issuer, o.Keys.JWKS = "", ""
		o.Issuers = []auth.IssuerOptions{{Issuer: down.URL}, {Issuer: up.URL}}
	})
	if err := a.Ready(t.Context()); err != nil {
		t.Error(err)
	}
	if _, err := a.TryVerify(up.token()); err != nil {
		t.Error(err)
	}
	_, err := a.Verify(t.Context(), down.token())
	refused(t, err, auth.DiscoveryFailed)
}

func TestProviderIsDown(t *testing.T) {
	log := logged(t)
	issuer := newIssuer(t)
	issuer.fails.Store(true)
	a := newAuth(t, issuer.options)
	_, err := a.Verify(t.Context(), issuer.token())
	if e := refused(t, err, auth.DiscoveryFailed); e.HTTPStatus != 503 || e.RetryAfter < time.Second {
		t.Errorf("%+v", e)
	}
	refused(t, a.Refresh(t.Context(), issuer.URL), auth.DiscoveryFailed)
	refused(t, a.Ready(t.Context()), auth.DiscoveryFailed)
	refused(t, a.Refresh(t.Context(), "https://other.test"), auth.ArgumentInvalid)
	if strings.Count(log(), "refresh_failed") != 1 || !strings.Contains(log(), "level=WARN") {
		t.Error(log())
	}
}

// After a refresh that failed the answer is still that to the token: which key it lacks.
func TestSecondTryAfterAFailedRefresh(t *testing.T) {
	issuer := newIssuer(t)
	a := newAuth(t, func(o *auth.Options) {
		issuer.options(o)
		o.Keys.Cooldown = time.Second
	})
	if err := a.Ready(t.Context()); err != nil {
		t.Fatal(err)
	}
	issuer.fails.Store(true)
	parts := strings.Split(issuer.token(), ".")
	parts[0] = base64.RawURLEncoding.EncodeToString([]byte(`{"alg":"ES256","kid":"other"}`))
	other := strings.Join(parts, ".")
	soon(t, "the cooldown is over", func() bool {
		_, err := a.TryVerify(other)
		return errors.Is(err, auth.KeysPending)
	})
	_, err := a.Verify(t.Context(), other)
	if e := refused(t, err, auth.KeysUnavailable); !strings.Contains(e.Log, `kid "other"`) {
		t.Error(e.Log)
	}
}

// Each of those who waited may change the error that it gets.
func TestErrorsAreNotShared(t *testing.T) {
	issuer := newSilentIssuer(t)
	issuer.fails.Store(true)
	a := newAuth(t, issuer.options)
	errs := make(chan error)
	for range 2 {
		go func() { errs <- a.Refresh(t.Context(), "") }()
	}
	soon(t, "both wait", func() bool { return running("refresh") == 2 })
	issuer.open()
	first, second := refused(t, <-errs, auth.DiscoveryFailed), refused(t, <-errs, auth.DiscoveryFailed)
	if first == second || *first != *second {
		t.Errorf("%p %p", first, second)
	}
}

func TestNoContextIsNeverDone(t *testing.T) {
	issuer := newIssuer(t)
	a := newAuth(t, issuer.options)
	var none context.Context
	if _, err := a.Verify(none, issuer.token()); err != nil {
		t.Error(err)
	}
	if err := a.Ready(none); err != nil {
		t.Error(err)
	}
}

func TestNewEventsAreLoggedOnce(t *testing.T) {
	log := logged(t)
	issuer := newIssuer(t)
	a := newAuth(t, issuer.options)
	for range 3 {
		if err := a.Refresh(t.Context(), ""); err != nil {
			t.Fatal(err)
		}
	}
	if strings.Count(log(), "keys_changed") != 1 || !strings.Contains(log(), "level=INFO") {
		t.Error(log())
	}
}

// running counts the goroutines in a method of the handle.
func running(method string) int {
	stacks := make([]byte, 64<<20)
	stacks = stacks[:runtime.Stack(stacks, true)]
	return strings.Count(string(stacks), "(*handle)."+method+"(")
}

func threads(t *testing.T) int {
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(status), "Threads:")
	count, err := strconv.Atoi(strings.Fields(rest)[0])
	if err != nil {
		t.Fatal(err)
	}
	return count
}

func soon(t testing.TB, what string, holds func() bool) {
	t.Helper()
	for end := time.Now().Add(30 * time.Second); !holds(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("not within 30 s: ", what)
		}
	}
}

package auth_test

import (
	"context"
	"log/slog"
	"strings"
	"testing"
	"time"

	auth "github.com/libauth/libauth/bindings/go"
)

// handler is a slog.Handler of the user.
type handler func(slog.Record)

func (handler) Enabled(context.Context, slog.Level) bool { return true }
func (h handler) Handle(_ context.Context, r slog.Record) error {
	h(r)
	return nil
}
func (h handler) WithAttrs([]slog.Attr) slog.Handler { return h }
func (h handler) WithGroup(string) slog.Handler      { return h }

func logTo(t *testing.T, h handler) {
	quiet(t)
	before := slog.Default()
	slog.SetDefault(slog.New(h))
	t.Cleanup(func() { slog.SetDefault(before) })
}

func isEvent(r slog.Record) bool { return strings.Contains(r.Message, "keys_changed") }

// Nobody could recover from it: it is on no goroutine of the user.
func TestAHandlerThatPanics(t *testing.T) {
	asked := make(chan bool, 1)
	logTo(t, func(r slog.Record) {
		if isEvent(r) {
			asked <- true
			panic("a handler of the user")
		}
	})
	issuer := newIssuer(t)
	a := newAuth(t, issuer.options)
	if _, err := a.Verify(t.Context(), issuer.token()); err != nil {
		t.Error(err)
	}
	<-asked
	soon(t, "it has ended", func() bool { return running("logEvents") == 0 })
}

func TestAHandlerThatIsStuck(t *testing.T) {
	stuck, end := make(chan bool), make(chan bool)
	logTo(t, func(r slog.Record) {
		if isEvent(r) {
			stuck <- true
			<-end
		}
	})
	issuer := newIssuer(t)
	a := newAuth(t, issuer.options)
	users := a.Users()
	if _, err := a.Verify(t.Context(), issuer.token()); err != nil {
		t.Error(err)
	}
	<-stuck
	for range 100 {
		if err := a.Refresh(t.Context(), ""); err != nil {
			t.Error(err)
		}
	}
	a.Close()
	soon(t, "the handle is freed", func() bool { return users() == 0 })
	soon(t, "no goroutine but one is left", func() bool { return running("fly") <= 1 && running("logEvents") == 1 })
	close(end)
	soon(t, "none is", func() bool { return running("logEvents") == 0 })
}

// The library refreshes by itself while it has keys, and nobody waits for that.
func TestAnOutageThatNobodyWaitsForIsLogged(t *testing.T) {
	log := logged(t)
	issuer := newIssuer(t)
	a := newAuth(t, func(o *auth.Options) {
		issuer.options(o)
		o.Keys.TTL = time.Second
	})
	token := issuer.token()
	verify := func() {
		if _, err := a.TryVerify(token); err != nil {
			t.Fatal(err)
		}
	}
	if err := a.Ready(t.Context()); err != nil {
		t.Fatal(err)
	}
	issuer.fails.Store(true)
	soon(t, "it is logged", func() bool {
		verify()
		return strings.Contains(log(), "level=WARN msg=\"libauth: refresh_failed\"")
	})
	if next := a.NextLook(); next <= 0 || next > 5*time.Second {
		t.Error("every call looks, or none does again:", next)
	}
	if strings.Count(log(), "keys_changed") != 1 || strings.Count(log(), "refresh_failed") != 1 {
		t.Error(log())
	}
}

func TestAHandleIsFreedAfterItsFetch(t *testing.T) {
	issuer := newSilentIssuer(t)
	a := newAuth(t, issuer.options)
	users := a.Users()
	ended := make(chan error)
	go func() {
		_, err := a.Verify(t.Context(), issuer.token())
		ended <- err
	}()
	soon(t, "one waits", func() bool { return running("refresh") == 1 })
	a.Close()
	if users() != 2 { // who waits, and the fetch
		t.Error(users(), "use the handle")
	}
	issuer.open()
	if err := <-ended; err != nil {
		t.Error(err)
	}
	soon(t, "it is freed", func() bool { return users() == 0 })
}

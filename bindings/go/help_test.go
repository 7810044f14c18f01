package auth_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	auth "github.com/libauth/libauth/bindings/go"
	"github.com/libauth/libauth/bindings/go/authtest"
)

// newAuth accepts the tokens of authtest, with these options more.
func newAuth(t testing.TB, change func(*auth.Options)) *auth.Auth {
	t.Helper()
	options := authtest.Options()
	if change != nil {
		change(&options)
	}
	a, err := auth.New(options)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { a.Close() })
	return a
}

// refused is the error as an *auth.Error, which has to be whole and of that status.
func refused(t testing.TB, err error, status auth.Status) *auth.Error {
	t.Helper()
	var e *auth.Error
	if !errors.As(err, &e) {
		t.Fatalf("%v is no *auth.Error", err)
	}
	if !errors.Is(err, status) || e.Number != status {
		t.Fatalf("%d, not %d: %s", e.Number, status, e.Log)
	}
	if !strings.HasSuffix(e.Error(), ".") && !strings.HasSuffix(e.Error(), "try again.") || e.Log == "" ||
		e.Code == "" || !json.Valid([]byte(e.Problem)) {
		t.Fatalf("not whole: %+v", e)
	}
	return e
}

// issuer is a provider on a real socket with the keys of authtest. It counts what is fetched.
type issuer struct {
	*httptest.Server
	fetches atomic.Int64
	fails   atomic.Bool
	open    func() // lets one that was made silent answer
	silent  context.Context
}

func newIssuer(t testing.TB) *issuer {
	i := newSilentIssuer(t)
	i.open()
	return i
}

func newSilentIssuer(t testing.TB) *issuer {
	i := &issuer{}
	i.silent, i.open = context.WithCancel(context.Background())
	i.Server = httptest.NewUnstartedServer(http.HandlerFunc(i.answer))
	i.Start()
	t.Cleanup(func() {
		i.open()
		i.Close()
	})
	return i
}

func (i *issuer) answer(w http.ResponseWriter, r *http.Request) {
	<-i.silent.Done()
	switch {
	case i.fails.Load():
		http.Error(w, "down", http.StatusInternalServerError)
	case r.URL.Path == "/jwks":
		i.fetches.Add(1)
		_, _ = w.Write([]byte(authtest.Options().Keys.JWKS))
	case r.URL.Path == "/.well-known/openid-configuration":
		_ = json.NewEncoder(w).Encode(map[string]any{"issuer": i.URL, "jwks_uri": i.URL + "/jwks"})
	default:
		http.NotFound(w, r)
	}
}

// options have the keys fetched.
func (i *issuer) options(options *auth.Options) {
	options.Issuer, options.Keys.JWKS = i.URL, ""
}

func (i *issuer) token() string { return authtest.Token(map[string]any{"iss": i.URL}) }

// logged gives what slog was told from here on. Events are logged when a fetch has ended.
func logged(t testing.TB) func() string {
	quiet(t)
	var mutex sync.Mutex
	var text bytes.Buffer
	before := slog.Default()
	slog.SetDefault(slog.New(slog.NewTextHandler(writer(func(line []byte) {
		mutex.Lock()
		defer mutex.Unlock()
		text.Write(line)
	}), nil)))
	t.Cleanup(func() { slog.SetDefault(before) })
	return func() string {
		quiet(t)
		mutex.Lock()
		defer mutex.Unlock()
		return text.String()
	}
}

// quiet waits until all events are logged.
func quiet(t testing.TB) {
	t.Helper()
	soon(t, "nobody logs", func() bool { return running("fly")+running("logEvents") == 0 })
}

type writer func([]byte)

func (w writer) Write(bytes []byte) (int, error) {
	w(bytes)
	return len(bytes), nil
}

func cancelled() context.Context {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	return ctx
}

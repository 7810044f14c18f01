package authgrpc_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	auth "github.com/libauth/libauth/bindings/go"
	"github.com/libauth/libauth/bindings/go/authtest"
	authgrpc "github.com/libauth/libauth/bindings/go/grpc"
)

var reading = map[string]any{"scope": "read"}

// each runs the test with both kinds of calls, in memory and on a socket.
func each(t *testing.T, a *auth.Auth, options authgrpc.Options, test func(*testing.T, *api, func(...string) error)) {
	for kind, call := range calls {
		for _, socket := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, socket=%t", kind, socket), func(t *testing.T) {
				server := start(t, a, options, socket)
				test(t, server, func(values ...string) error { return call(server, with(t, values...)) })
			})
		}
	}
}

func TestCallsAreJudged(t *testing.T) {
	each(t, local(t), authgrpc.Options{Require: []string{"read"}}, func(t *testing.T, a *api, call func(...string) error) {
		a.accepted(t, "alice", call(bearer(reading)))
		good := bearer(reading)
		for _, row := range []struct {
			values []string
			code   codes.Code
			reason string
		}{
			{nil, codes.Unauthenticated, "AUTHORIZATION_HEADER_MISSING"},
			{[]string{""}, codes.Unauthenticated, "AUTHORIZATION_HEADER_MISSING"},
			{[]string{"Basic eDp5"}, codes.Unauthenticated, "AUTHORIZATION_TOKEN_TYPE_NOT_SUPPORTED"},
			{[]string{good + ", " + good}, codes.Unauthenticated, "AUTHORIZATION_TOKEN_INVALID_FORMAT"},
			{[]string{good, good}, codes.Unauthenticated, "AUTHORIZATION_TOKEN_INVALID_FORMAT"},
			{[]string{"", good}, codes.Unauthenticated, "AUTHORIZATION_TOKEN_INVALID_FORMAT"},
			{[]string{good[:len(good)-8] + "AAAAAAAA"}, codes.Unauthenticated, "SIGNATURE_INVALID"},
			{[]string{bearer(map[string]any{"exp": 1700000000})}, codes.Unauthenticated, "TOKEN_EXPIRED"},
			{[]string{"Bearer " + strings.Repeat("a", 1_000_000)}, codes.Unauthenticated, "TOKEN_TOO_LARGE"},
			{[]string{bearer(map[string]any{"scope": "write"})}, codes.PermissionDenied, "INSUFFICIENT_SCOPE"},
		} {
			a.refused(t, row.code, row.reason, call(row.values...))
		}
	})
}

func TestARefusalTellsTheClientWhatToDo(t *testing.T) {
	a := start(t, local(t), authgrpc.Options{Require: []string{"read"}}, true)
	call := func(values ...string) error { return calls["unary"](a, with(t, values...)) }
	info := a.refused(t, codes.PermissionDenied, "INSUFFICIENT_SCOPE", call(bearer(nil)))
	if info.Metadata["code"] != "auth.insufficient_scope" || !strings.Contains(info.Metadata["challenge"], `scope="read"`) {
		t.Errorf("metadata: %v", info.Metadata)
	}
	err := call()
	if want := auth.HeaderMissing.Error(); status.Convert(err).Message() != want {
		t.Errorf("the message is %q, not %q", status.Convert(err).Message(), want)
	}
	if info := a.refused(t, codes.Unauthenticated, "AUTHORIZATION_HEADER_MISSING", err); info.Metadata["challenge"] != "Bearer" {
		t.Errorf("challenge: %v", info.Metadata)
	}
}

func TestARefusalIsLoggedWithoutTheToken(t *testing.T) {
	text := logged(t)
	a := start(t, local(t), authgrpc.Options{}, false)
	token := authtest.Token(map[string]any{"exp": 1700000000})
	a.refused(t, codes.Unauthenticated, "TOKEN_EXPIRED", calls["unary"](a, with(t, "Bearer "+token)))
	for _, part := range []string{"level=INFO", "method=/grpc.health.v1.Health/Check", "code=auth.token_expired"} {
		if !strings.Contains(text(), part) {
			t.Errorf("%s is not in the log: %s", part, text())
		}
	}
	for _, part := range strings.Split(token, ".") {
		if strings.Contains(text(), part) {
			t.Errorf("a part of the token is in the log: %s", text())
		}
	}
}

func TestMethodsHaveTheirOwnRequirements(t *testing.T) {
	options := authgrpc.Options{Require: []string{"read"}, Methods: map[string]string{healthpb.Health_Watch_FullMethodName: "watch role:admin"}}
	a := start(t, local(t), options, false)
	check := func(value string) error { return calls["unary"](a, with(t, value)) }
	watch := func(value string) error { return calls["stream"](a, with(t, value)) }
	a.accepted(t, "alice", check(bearer(reading)))
	a.refused(t, codes.PermissionDenied, "INSUFFICIENT_SCOPE", watch(bearer(reading)))
	a.refused(t, codes.PermissionDenied, "INSUFFICIENT_SCOPE", watch(bearer(map[string]any{"scope": "watch", "roles": []string{"admin"}})))
	a.refused(t, codes.PermissionDenied, "ROLE_MISSING", watch(bearer(map[string]any{"scope": "read watch"})))
	a.accepted(t, "alice", watch(bearer(map[string]any{"scope": "read watch", "roles": []string{"admin"}})))
}

func TestExclude(t *testing.T) {
	for pattern, open := range map[string]bool{
		"/grpc.health.v1.Health/Check": true,
		"/grpc.health.v1.Health/*":     true,
		"/grpc.health.v1.Health/check": false,
		"/grpc.health.v1.Healt/*":      false,
		"/v1.Health/*":                 false,
	} {
		a := start(t, local(t), authgrpc.Options{Exclude: []string{pattern}}, false)
		if err := calls["unary"](a, with(t)); open {
			a.accepted(t, nobody, err)
		} else {
			a.refused(t, codes.Unauthenticated, "AUTHORIZATION_HEADER_MISSING", err)
		}
		if err := calls["stream"](a, with(t)); pattern == "/grpc.health.v1.Health/*" {
			a.accepted(t, nobody, err)
		} else {
			a.refused(t, codes.Unauthenticated, "AUTHORIZATION_HEADER_MISSING", err)
		}
	}
}

func TestANameWithoutItsSlashArrivesNowhere(t *testing.T) {
	options := authgrpc.Options{Methods: map[string]string{healthpb.Health_Check_FullMethodName: "never"}}
	a := start(t, local(t), options, true)
	for _, name := range []string{"grpc.health.v1.Health/Check", "//grpc.health.v1.Health/Check", "/grpc.health.v1.Health/Check/"} {
		err := a.connection.Invoke(with(t, bearer(nil)), name, &healthpb.HealthCheckRequest{}, &healthpb.HealthCheckResponse{})
		if status.Code(err) != codes.Unimplemented || len(a.callers) != 0 {
			t.Errorf("%s: %v, %d calls arrived", name, err, len(a.callers))
		}
	}
}

func TestOptional(t *testing.T) {
	each(t, local(t), authgrpc.Options{Optional: true, Require: []string{"read"}}, func(t *testing.T, a *api, call func(...string) error) {
		a.accepted(t, nobody, call())
		a.accepted(t, "alice", call(bearer(reading)))
		a.refused(t, codes.Unauthenticated, "AUTHORIZATION_TOKEN_TYPE_NOT_SUPPORTED", call("Basic eDp5"))
		a.refused(t, codes.Unauthenticated, "AUTHORIZATION_TOKEN_INVALID_FORMAT", call(bearer(reading), bearer(reading)))
		a.refused(t, codes.PermissionDenied, "INSUFFICIENT_SCOPE", call(bearer(nil)))
	})
}

func TestOptionalOpensNoMethodThatIsNamed(t *testing.T) {
	options := authgrpc.Options{Optional: true, Methods: map[string]string{
		healthpb.Health_Check_FullMethodName: "role:admin", healthpb.Health_Watch_FullMethodName: "read"}}
	each(t, local(t), options, func(t *testing.T, a *api, call func(...string) error) {
		a.refused(t, codes.Unauthenticated, "AUTHORIZATION_HEADER_MISSING", call())
		a.refused(t, codes.Unauthenticated, "AUTHORIZATION_HEADER_MISSING", call(""))
		a.accepted(t, "alice", call(bearer(map[string]any{"roles": []string{"admin"}, "scope": "read"})))
	})
	options.Methods = map[string]string{healthpb.Health_Check_FullMethodName: "read"}
	a := start(t, local(t), options, false)
	a.refused(t, codes.Unauthenticated, "AUTHORIZATION_HEADER_MISSING", calls["unary"](a, with(t)))
	a.accepted(t, nobody, calls["stream"](a, with(t)))
}

// grpc-go hands over no other spelling; the options know only this one.
func TestAMethodInAnotherSpellingIsNotServed(t *testing.T) {
	methods := map[string]string{"/o.O/Add": "write"}
	options := authgrpc.Options{Optional: true, Methods: methods}
	intercept := authgrpc.UnaryServerInterceptor(local(t), options)
	delete(methods, "/o.O/Add") // later: it changes nothing
	for _, method := range []string{"o.O/Add", "/o.O/Add", "//o.O/Add", ""} {
		_, err := intercept(t.Context(), nil, &grpc.UnaryServerInfo{FullMethod: method}, func(context.Context, any) (any, error) {
			t.Error("served:", method)
			return nil, nil
		})
		if want := map[bool]codes.Code{true: codes.Unauthenticated, false: codes.Internal}[method == "/o.O/Add"]; status.Code(err) != want {
			t.Error(method, err)
		}
	}
}

func TestTokenFromElsewhere(t *testing.T) {
	token := func(ctx context.Context) string {
		if values := metadata.ValueFromIncomingContext(ctx, "x-token"); len(values) == 1 {
			return values[0]
		}
		return ""
	}
	each(t, local(t), authgrpc.Options{Token: token}, func(t *testing.T, a *api, call func(...string) error) {
		a.refused(t, codes.Unauthenticated, "AUTHORIZATION_HEADER_MISSING", call(bearer(nil)))
		ctx := metadata.AppendToOutgoingContext(with(t), "x-token", authtest.Token(nil))
		a.accepted(t, "alice", calls["unary"](a, ctx))
		a.accepted(t, "alice", calls["stream"](a, ctx))
	})
}

func TestCheck(t *testing.T) {
	check := func(v *auth.Verdict) error {
		if v.Subject == "mallory" {
			return errors.New("mallory is on the list")
		}
		return nil
	}
	text := logged(t)
	each(t, local(t), authgrpc.Options{Check: check}, func(t *testing.T, a *api, call func(...string) error) {
		a.accepted(t, "alice", call(bearer(nil)))
		err := call(bearer(map[string]any{"sub": "mallory"}))
		a.refused(t, codes.PermissionDenied, "CHECK_REFUSED", err)
		if strings.Contains(fmt.Sprint(err, status.Convert(err).Details()), "list") || !strings.Contains(text(), "on the list") {
			t.Errorf("the reason is for the log alone: %v", err)
		}
	})
}

func TestMistakesOfTheServerAreInternal(t *testing.T) {
	for _, options := range []authgrpc.Options{
		{Require: []string{"a||b"}}, {Require: []string{""}}, {Optional: true, Require: []string{"a||b"}},
		{Methods: map[string]string{healthpb.Health_Check_FullMethodName: ""}},
	} {
		a := start(t, local(t), options, false)
		for _, values := range [][]string{nil, {bearer(reading)}} {
			a.refused(t, codes.Internal, "REQUIREMENT_INVALID", calls["unary"](a, with(t, values...)))
		}
	}
	closed := local(t)
	closed.Close()
	for _, handle := range []*auth.Auth{nil, closed} {
		a := start(t, handle, authgrpc.Options{}, false)
		a.refused(t, codes.Internal, "ARGUMENT_INVALID", calls["stream"](a, with(t, bearer(nil))))
	}
	if err := authgrpc.Error(fmt.Errorf("a secret")); status.Code(err) != codes.Internal || strings.Contains(err.Error(), "secret") {
		t.Error(err)
	}
	if authgrpc.Error(nil) != nil {
		t.Error("nil is no error")
	}
	if err := authgrpc.Error((*auth.Error)(nil)); status.Code(err) != codes.Internal {
		t.Errorf("no refusal, in an error that is one: %v", err)
	}
}

// ---------------------------------------------------------------- the provider

func remote(t *testing.T, answer http.HandlerFunc) *auth.Auth {
	provider := httptest.NewServer(answer)
	t.Cleanup(provider.Close)
	a, err := auth.New(auth.Options{Issuer: authtest.Issuer, Audience: []string{authtest.Audience},
		Keys: auth.KeysOptions{JWKSURI: provider.URL}})
	must(t, err)
	t.Cleanup(func() { a.Close() })
	return a
}

func TestAProviderThatIsDownIsUnavailable(t *testing.T) {
	a := start(t, remote(t, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(500) }), authgrpc.Options{}, true)
	for kind, call := range calls {
		err := call(a, with(t, bearer(nil)))
		a.refused(t, codes.Unavailable, "KEYS_UNAVAILABLE", err)
		if retry(err) < time.Second {
			t.Errorf("%s: try again in %v", kind, retry(err))
		}
	}
}

func TestADeadlineEndsTheWaitForKeys(t *testing.T) {
	answer := make(chan struct{})
	keys := authtest.Options().Keys.JWKS
	handle := remote(t, func(w http.ResponseWriter, _ *http.Request) {
		<-answer
		fmt.Fprint(w, keys)
	})
	a := start(t, handle, authgrpc.Options{}, false)
	for kind, call := range calls {
		ctx, cancel := context.WithTimeout(with(t, bearer(nil)), 50*time.Millisecond)
		if err := call(a, ctx); status.Code(err) != codes.DeadlineExceeded {
			t.Errorf("%s: %v", kind, err)
		}
		cancel()
	}
	for code, long := range map[codes.Code]time.Duration{codes.DeadlineExceeded: 0, codes.Canceled: time.Hour} {
		ctx, cancel := context.WithTimeout(t.Context(), long)
		cancel()
		_, err := handle.Verify(ctx, authtest.Token(nil))
		a.refused(t, code, "KEYS_PENDING", authgrpc.Error(err))
	}
	close(answer)
	for _, call := range calls {
		a.accepted(t, "alice", call(a, with(t, bearer(nil))))
	}
}

func TestManyAtOnceHaveEachTheirOwnVerdict(t *testing.T) {
	a := start(t, local(t), authgrpc.Options{}, true)
	var all sync.WaitGroup
	for place := range 200 {
		all.Go(func() {
			call := calls[[]string{"unary", "stream"}[place%2]]
			if place%4 >= 2 {
				if err := call(a, with(t, bearer(map[string]any{"exp": 1700000000}))); status.Code(err) != codes.Unauthenticated {
					t.Error(err)
				}
			} else if err := call(a, with(t, bearer(map[string]any{"sub": fmt.Sprint(place)}))); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	close(a.callers)
	seen := map[string]bool{}
	for caller := range a.callers {
		seen[caller] = true
	}
	if len(seen) != 100 || seen[nobody] {
		t.Errorf("%d different callers arrived, not 100", len(seen))
	}
}

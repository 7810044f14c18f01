package main

import (
	"bufio"
	"context"
	"encoding/json"
	"net"
	"net/http"
	"net/url"
	"os/exec"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	auth "github.com/libauth/libauth/bindings/go"
	"github.com/libauth/libauth/examples/grpc/orders"
)

// ---------------------------------------------------------------- npm oidc-provider

type provider struct {
	issuer  string
	process *exec.Cmd
}

// startProvider starts the provider of tests/providers, which ends with this test, however that ends.
func startProvider(t *testing.T) *provider {
	runtime.LockOSThread() // Pdeathsig is of the thread
	process := exec.Command("node", "../../tests/providers/oidc-provider/provider.mjs")
	process.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	output, err := process.StdoutPipe()
	must(t, err)
	must(t, process.Start())
	p := &provider{process: process}
	t.Cleanup(p.stop)
	for lines := bufio.NewScanner(output); lines.Scan(); {
		if issuer, found := strings.CutPrefix(lines.Text(), "issuer: "); found {
			p.issuer = issuer
			return p
		}
	}
	t.Fatal("the provider did not start; its npm packages are installed by: scripts/setup test")
	return nil
}

// stop comes back when nobody listens any more.
func (p *provider) stop() {
	p.process.Process.Kill()
	p.process.Wait()
}

func (p *provider) token(t *testing.T, resource, scope string) string {
	form := url.Values{"grant_type": {"client_credentials"}, "resource": {resource}, "scope": {scope}}
	request, err := http.NewRequest("POST", p.issuer+"/token", strings.NewReader(form.Encode()))
	must(t, err)
	request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	request.SetBasicAuth("svc", "svc-secret")
	answer, err := http.DefaultClient.Do(request)
	must(t, err)
	defer answer.Body.Close()
	var body struct {
		Token string `json:"access_token"`
	}
	must(t, json.NewDecoder(answer.Body).Decode(&body))
	if body.Token == "" {
		t.Fatalf("no token: %s", answer.Status)
	}
	return body.Token
}

// ---------------------------------------------------------------- the server, on a socket

var audiences = []string{"https://rs256.example", "https://es256.example", "https://eddsa.example"}

func connect(t *testing.T, p *provider) *grpc.ClientConn {
	a, err := auth.New(auth.Options{Issuer: p.issuer, Audience: audiences})
	must(t, err)
	t.Cleanup(func() { a.Close() })
	listener, err := net.Listen("tcp4", "127.0.0.1:0")
	must(t, err)
	s, err := server(a)
	must(t, err)
	go s.Serve(listener)
	t.Cleanup(s.Stop)
	connection, err := grpc.NewClient(listener.Addr().String(), grpc.WithTransportCredentials(insecure.NewCredentials()))
	must(t, err)
	t.Cleanup(func() { connection.Close() })
	return connection
}

func with(t *testing.T, tokens ...string) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	t.Cleanup(cancel)
	for _, token := range tokens {
		ctx = metadata.AppendToOutgoingContext(ctx, "authorization", "Bearer "+token)
	}
	return ctx
}

func list(client orders.OrdersClient, ctx context.Context) error {
	_, err := client.List(ctx, &orders.ListRequest{})
	return err
}

func watch(client orders.OrdersClient, ctx context.Context) error {
	stream, err := client.Watch(ctx, &orders.WatchRequest{})
	if err == nil {
		_, err = stream.Recv()
	}
	return err
}

func TestTokensOfAProvider(t *testing.T) {
	p := startProvider(t)
	connection := connect(t, p)
	client := orders.NewOrdersClient(connection)
	for _, audience := range audiences {
		token := p.token(t, audience, "read:orders")
		reply, err := client.List(with(t, token), &orders.ListRequest{})
		must(t, err)
		if reply.Subject != "svc" || len(reply.Orders) != 2 {
			t.Errorf("%s: %v", audience, reply)
		}
		must(t, watch(client, with(t, token)))
		_, err = client.Add(with(t, token), &orders.AddRequest{Order: "lamp"})
		wants(t, codes.PermissionDenied, err)
		for _, call := range []func(orders.OrdersClient, context.Context) error{list, watch} {
			wants(t, codes.Unauthenticated, call(client, with(t)))
			wants(t, codes.Unauthenticated, call(client, with(t, token, token)))
			wants(t, codes.Unauthenticated, call(client, with(t, token[:len(token)-8]+"AAAAAAAA")))
		}
	}
	_, err := client.Add(with(t, p.token(t, audiences[0], "write:orders")), &orders.AddRequest{Order: "lamp"})
	must(t, err)
	wants(t, codes.Unauthenticated, list(client, with(t, p.token(t, "https://other.example", "read:orders"))))
	wants(t, codes.Unauthenticated, list(client, with(t, p.token(t, "https://opaque.example", "read:orders"))))
	_, err = healthpb.NewHealthClient(connection).Check(with(t), &healthpb.HealthCheckRequest{})
	must(t, err)
}

func TestTheProviderIsSwitchedOff(t *testing.T) {
	p := startProvider(t)
	token := p.token(t, audiences[1], "read:orders")
	warm, cold := orders.NewOrdersClient(connect(t, p)), orders.NewOrdersClient(connect(t, p))
	must(t, list(warm, with(t, token)))
	p.stop()
	must(t, list(warm, with(t, token)))
	for _, call := range []func(orders.OrdersClient, context.Context) error{list, watch} {
		err := call(cold, with(t, token))
		wants(t, codes.Unavailable, err)
		var retry *errdetails.RetryInfo
		for _, detail := range status.Convert(err).Details() {
			if found, ok := detail.(*errdetails.RetryInfo); ok {
				retry = found
			}
		}
		if retry.GetRetryDelay().AsDuration() < time.Second {
			t.Errorf("no RetryInfo: %v", err)
		}
		wants(t, codes.Unauthenticated, call(cold, with(t))) // is not the provider's matter
	}
}

func wants(t *testing.T, code codes.Code, err error) {
	t.Helper()
	if status.Code(err) != code {
		t.Errorf("%v, not %v: %v", status.Code(err), code, err)
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

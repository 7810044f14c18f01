package authgrpc_test

import (
	"bytes"
	"context"
	"log/slog"
	"net"
	"sync"
	"testing"
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/grpc/test/bufconn"

	auth "github.com/libauth/libauth/bindings/go"
	"github.com/libauth/libauth/bindings/go/authtest"
	authgrpc "github.com/libauth/libauth/bindings/go/grpc"
)

// service stands behind the interceptors, and tells who called.
type service struct {
	healthpb.UnimplementedHealthServer
	callers chan string
}

const nobody = "(no verdict)"

func (s *service) note(ctx context.Context) {
	caller := nobody
	if verdict, ok := auth.FromContext(ctx); ok {
		caller = verdict.Subject
	}
	s.callers <- caller
}

func (s *service) Check(ctx context.Context, _ *healthpb.HealthCheckRequest) (*healthpb.HealthCheckResponse, error) {
	s.note(ctx)
	return &healthpb.HealthCheckResponse{}, nil
}

func (s *service) Watch(_ *healthpb.HealthCheckRequest, stream grpc.ServerStreamingServer[healthpb.HealthCheckResponse]) error {
	s.note(stream.Context())
	return stream.Send(&healthpb.HealthCheckResponse{})
}

// api is a server with its client.
type api struct {
	*service
	connection *grpc.ClientConn
	client     healthpb.HealthClient
}

// start serves in memory, or on a socket.
func start(t *testing.T, a *auth.Auth, options authgrpc.Options, socket bool) *api {
	t.Helper()
	server := grpc.NewServer(
		grpc.ChainUnaryInterceptor(authgrpc.UnaryServerInterceptor(a, options)),
		grpc.ChainStreamInterceptor(authgrpc.StreamServerInterceptor(a, options)),
	)
	behind := &service{callers: make(chan string, 1000)}
	healthpb.RegisterHealthServer(server, behind)
	target, dialing := "passthrough:memory", grpc.WithTransportCredentials(insecure.NewCredentials())
	var listener net.Listener
	dialer := grpc.EmptyDialOption{}
	dialings := []grpc.DialOption{dialing, dialer}
	if socket {
		var err error
		listener, err = net.Listen("tcp4", "127.0.0.1:0")
		must(t, err)
		target = listener.Addr().String()
	} else {
		memory := bufconn.Listen(1 << 20)
		listener = memory
		dialings[1] = grpc.WithContextDialer(func(ctx context.Context, _ string) (net.Conn, error) { return memory.DialContext(ctx) })
	}
	go server.Serve(listener)
	t.Cleanup(server.Stop)
	connection, err := grpc.NewClient(target, dialings...)
	must(t, err)
	t.Cleanup(func() { connection.Close() })
	return &api{behind, connection, healthpb.NewHealthClient(connection)}
}

func with(t *testing.T, values ...string) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	t.Cleanup(cancel)
	for _, value := range values {
		ctx = metadata.AppendToOutgoingContext(ctx, "authorization", value)
	}
	return ctx
}

// The two kinds of calls, which every case goes through.
var calls = map[string]func(*api, context.Context) error{
	"unary": func(a *api, ctx context.Context) error {
		_, err := a.client.Check(ctx, &healthpb.HealthCheckRequest{})
		return err
	},
	"stream": func(a *api, ctx context.Context) error {
		stream, err := a.client.Watch(ctx, &healthpb.HealthCheckRequest{})
		if err == nil {
			_, err = stream.Recv()
		}
		return err
	},
}

// accepted wants the call to arrive at the service, called by so and so.
func (a *api) accepted(t *testing.T, caller string, err error) {
	t.Helper()
	must(t, err)
	if got := <-a.callers; got != caller {
		t.Errorf("the caller is %q, not %q", got, caller)
	}
}

// refused wants a status with its ErrorInfo, and that the call did not arrive.
func (a *api) refused(t *testing.T, code codes.Code, reason string, err error) *errdetails.ErrorInfo {
	t.Helper()
	told := status.Convert(err)
	var info *errdetails.ErrorInfo
	for _, detail := range told.Details() {
		if found, ok := detail.(*errdetails.ErrorInfo); ok {
			info = found
		}
	}
	if told.Code() != code || info.GetReason() != reason || info.GetDomain() != authgrpc.Domain {
		t.Errorf("%v %q, not %v %q: %v", told.Code(), info.GetReason(), code, reason, err)
	}
	if len(a.callers) != 0 {
		t.Errorf("the call arrived, by %q", <-a.callers)
	}
	return info
}

func retry(err error) time.Duration {
	for _, detail := range status.Convert(err).Details() {
		if found, ok := detail.(*errdetails.RetryInfo); ok {
			return found.GetRetryDelay().AsDuration()
		}
	}
	return 0
}

func local(t *testing.T) *auth.Auth {
	a, err := auth.New(authtest.Options())
	must(t, err)
	t.Cleanup(func() { a.Close() })
	return a
}

func bearer(claims map[string]any) string { return "Bearer " + authtest.Token(claims) }

// logged gives what slog writes from now on.
func logged(t *testing.T) func() string {
	var mutex sync.Mutex
	var text bytes.Buffer
	before := slog.Default()
	slog.SetDefault(slog.New(slog.NewTextHandler(writer(func(line []byte) (int, error) {
		mutex.Lock()
		defer mutex.Unlock()
		return text.Write(line)
	}), nil)))
	t.Cleanup(func() { slog.SetDefault(before) })
	return func() string {
		mutex.Lock()
		defer mutex.Unlock()
		return text.String()
	}
}

type writer func([]byte) (int, error)

func (w writer) Write(line []byte) (int, error) { return w(line) }

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

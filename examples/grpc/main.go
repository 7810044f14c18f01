// A gRPC API that is protected by libauth.
//
//	LIBAUTH_ISSUER=https://id.example LIBAUTH_AUDIENCE=https://api.example server PORT
package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/signal"
	"syscall"

	"google.golang.org/grpc"
	"google.golang.org/grpc/health"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"

	auth "github.com/libauth/libauth/bindings/go"
	authgrpc "github.com/libauth/libauth/bindings/go/grpc"
	"github.com/libauth/libauth/examples/grpc/orders"
)

type service struct {
	orders.UnimplementedOrdersServer
}

func (service) List(ctx context.Context, _ *orders.ListRequest) (*orders.ListReply, error) {
	verdict, _ := auth.FromContext(ctx)
	return &orders.ListReply{Orders: []string{"book", "lamp"}, Subject: verdict.Subject}, nil
}

func (service) Add(_ context.Context, request *orders.AddRequest) (*orders.AddReply, error) {
	return &orders.AddReply{Order: request.Order}, nil
}

func (service) Watch(_ *orders.WatchRequest, stream grpc.ServerStreamingServer[orders.AddReply]) error {
	for _, order := range []string{"book", "lamp"} {
		if err := stream.Send(&orders.AddReply{Order: order}); err != nil {
			return err
		}
	}
	return nil
}

func server(a *auth.Auth) (*grpc.Server, error) {
	options := authgrpc.Options{
		Methods: map[string]string{
			orders.Orders_List_FullMethodName:  "read:orders",
			orders.Orders_Watch_FullMethodName: "read:orders",
			orders.Orders_Add_FullMethodName:   "write:orders",
		},
		Exclude: []string{"/grpc.health.v1.Health/*"},
	}
	s := grpc.NewServer(
		grpc.ChainUnaryInterceptor(authgrpc.UnaryServerInterceptor(a, options)),
		grpc.ChainStreamInterceptor(authgrpc.StreamServerInterceptor(a, options)),
	)
	orders.RegisterOrdersServer(s, service{})
	healthpb.RegisterHealthServer(s, health.NewServer())
	return s, options.CheckNames(s) // of what is misspelt above
}

func main() {
	if len(os.Args) != 2 {
		end(2, "usage: LIBAUTH_ISSUER=... LIBAUTH_AUDIENCE=... server PORT")
	}
	a, err := auth.FromEnv()
	var wrong *auth.Error
	if errors.As(err, &wrong) {
		end(4, wrong.Code+": "+wrong.Log)
	} else if err != nil {
		end(4, err.Error())
	}
	s, err := server(a)
	if err != nil {
		end(4, err.Error())
	}
	listener, err := net.Listen("tcp4", "127.0.0.1:"+os.Args[1])
	if err != nil {
		end(1, "cannot listen: "+err.Error())
	}
	stop, _ := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	go s.Serve(listener)
	fmt.Printf("listening on %s\n", listener.Addr())

	<-stop.Done()
	s.Stop()
	a.Close()
}

func end(code int, why string) {
	fmt.Fprintln(os.Stderr, why)
	os.Exit(code)
}

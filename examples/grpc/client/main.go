// Asks the orders of the server in this folder.
//
//	TOKEN=eyJ... client HOST:PORT      without TOKEN: as a caller without one
package main

import (
	"context"
	"fmt"
	"os"
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	"github.com/libauth/libauth/examples/grpc/orders"
)

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: TOKEN=... client HOST:PORT")
		os.Exit(2)
	}
	connection, err := grpc.NewClient(os.Args[1], grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(2)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	if token := os.Getenv("TOKEN"); token != "" {
		ctx = metadata.AppendToOutgoingContext(ctx, "authorization", "Bearer "+token)
	}
	reply, err := orders.NewOrdersClient(connection).List(ctx, &orders.ListRequest{})
	if err != nil {
		refusal := status.Convert(err)
		fmt.Println(refusal.Code(), refusal.Message())
		for _, detail := range refusal.Details() {
			if info, ok := detail.(*errdetails.ErrorInfo); ok {
				fmt.Println(info.Reason, info.Metadata)
			}
		}
		os.Exit(1)
	}
	fmt.Println(reply.Subject, reply.Orders)
}

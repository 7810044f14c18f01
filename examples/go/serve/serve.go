// Package serve starts and ends the servers of these examples: options from the environment, a port
// from the command line, a clean end on SIGINT and SIGTERM.
package serve

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/signal"
	"syscall"
	"time"

	auth "github.com/libauth/libauth/bindings/go"
)

// Main serves what routes makes on 127.0.0.1, at the port that the command line names.
func Main(routes func(*auth.Auth) http.Handler) {
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
	listener, err := net.Listen("tcp4", "127.0.0.1:"+os.Args[1])
	if err != nil {
		end(1, "cannot listen: "+err.Error())
	}
	server := &http.Server{Handler: limited(routes(a)), ReadHeaderTimeout: 5 * time.Second,
		ReadTimeout: 10 * time.Second, WriteTimeout: 30 * time.Second, MaxHeaderBytes: 32 << 10}
	stop, _ := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	go server.Serve(listener)
	fmt.Printf("listening on http://%s\n", listener.Addr())

	<-stop.Done()
	soon, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	server.Shutdown(soon)
	a.Close()
}

// limited ends a body after 1 MiB.
func limited(next http.Handler) http.Handler {
	return http.MaxBytesHandler(next, 1<<20)
}

func end(code int, why string) {
	fmt.Fprintln(os.Stderr, why)
	os.Exit(code)
}

// The handlers of every example: they know net/http and the verdict, and no router.

// Orders answers the orders.
func Orders(w http.ResponseWriter, _ *http.Request) {
	answer(w, http.StatusOK, map[string]any{"orders": []string{"book", "lamp"}})
}

// AddOrder answers what was added.
func AddOrder(w http.ResponseWriter, _ *http.Request) {
	answer(w, http.StatusCreated, map[string]any{"added": "lamp"})
}

// Me answers the claims of the caller, byte for byte as they were signed.
func Me(w http.ResponseWriter, r *http.Request) {
	verdict, _ := auth.FromContext(r.Context())
	answer(w, http.StatusOK, json.RawMessage(verdict.RawClaims()))
}

// Alive is for liveness. It asks nothing of anybody: a provider that is down is no reason to restart.
func Alive(w http.ResponseWriter, _ *http.Request) {
	answer(w, http.StatusOK, map[string]any{"status": "alive"})
}

func answer(w http.ResponseWriter, status int, body any) {
	text, err := json.Marshal(body)
	if err != nil {
		panic(err)
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	w.Write(text)
}

package main

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"os/signal"
	"strings"
	"syscall"
)

// serve answers {"ok":true} to every request that the named verifier accepts; plain accepts all.
func serve(name string, p provider) error {
	var handler http.Handler = http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		fmt.Fprint(w, `{"ok":true}`)
	})
	switch name {
	case "plain":
	case "libauth":
		a, err := p.libauth()
		if err != nil {
			return err
		}
		handler = a.Protect(handler)
	default:
		accepts, _, err := p.named(name)
		if err != nil {
			return err
		}
		handler = bearer(accepts, handler)
	}
	listener, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		return err
	}
	fmt.Printf("listening on http://%s\n", listener.Addr())
	stop, _ := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	go http.Serve(listener, handler)
	<-stop.Done()
	return nil
}

// bearer is what services write around a library that has no middleware.
func bearer(accepts verifier, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		token, found := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
		if !found || accepts(token) != nil {
			w.Header().Set("WWW-Authenticate", "Bearer")
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		next.ServeHTTP(w, r)
	})
}

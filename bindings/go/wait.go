package auth

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"os"
	"time"
)

// flight is one refresh, on a goroutine of its own, that any number of callers wait for.
type flight struct {
	done chan struct{}
	err  error // once done
}

// judge tries; where keys are awaited it waits for them and tries once more.
func (a *Auth) judge(ctx context.Context, op op, text, require string) (*Verdict, error) {
	h := a.enter()
	defer h.leave()
	v, err := h.ask(op, text, require, 0)
	e := asError(err)
	if e == nil || e.Number != KeysPending {
		return v, err
	}
	if failed := asError(h.refresh(ctx, e.issuer)); failed != nil && failed.cause != nil {
		return nil, failed
	}
	return h.ask(op, text, require, 0)
}

func (h *handle) refresh(ctx context.Context, issuer string) error {
	if h == nil {
		_, err := h.ask(opRefresh, issuer, "", 0)
		return err
	}
	if ctx == nil {
		ctx = context.Background()
	}
	h.mutex.Lock()
	f := h.flights[issuer]
	if f == nil {
		f = &flight{done: make(chan struct{})}
		h.flights[issuer] = f
		h.users.Add(1) // never the first: the caller is one
		go h.fly(issuer, f)
	}
	h.mutex.Unlock()
	select {
	case <-f.done:
		if e := asError(f.err); e != nil {
			own := *e
			return &own
		}
		return nil
	case <-ctx.Done():
		_, err := h.ask(opDescribe, "waiting for keys: "+ctx.Err().Error(), "", int64(KeysPending))
		asError(err).cause = ctx.Err()
		return err
	}
}

func (h *handle) fly(issuer string, f *flight) {
	_, f.err = h.ask(opRefresh, issuer, "", 0)
	h.mutex.Lock()
	delete(h.flights, issuer)
	h.mutex.Unlock()
	close(f.done)
	h.logEvents() // nobody waits for a logger
}

const lookEvery = 5 * time.Second

var started = time.Now()

// look has events logged that nobody waited for: the library refreshes by itself while it has keys.
func (h *handle) look() {
	now, due := time.Since(started), h.lookDue.Load()
	if int64(now) >= due && h.lookDue.CompareAndSwap(due, int64(now+lookEvery)) {
		h.users.Add(1)
		go h.logEvents()
	}
}

// logEvents tells what happened to the keys since the last time. It leaves the handle first: a
// logger is the user's, and may be stuck.
func (h *handle) logEvents() {
	if !h.logging.TryLock() { // somebody does; what is left, the next one tells
		h.leave()
		return
	}
	defer h.logging.Unlock()
	told := h.tell(opReport)
	h.leave()
	defer func() {
		if why := recover(); why != nil { // on this goroutine it would end the process
			fmt.Fprintln(os.Stderr, "libauth: the slog handler panics:", why)
		}
	}()
	var report struct {
		Events []struct {
			Sequence             uint64
			Issuer, Kind, Detail string
		}
	}
	if err := json.Unmarshal(told, &report); err != nil {
		slog.Warn("libauth: the report cannot be read", "error", err)
	}
	for _, event := range report.Events {
		if event.Sequence <= h.lastEvent {
			continue
		}
		h.lastEvent = event.Sequence
		level := slog.LevelWarn
		if event.Kind == "keys_changed" {
			level = slog.LevelInfo
		}
		slog.Log(context.Background(), level, "libauth: "+event.Kind, "issuer", event.Issuer, "detail", event.Detail)
	}
}

package auth

import (
	"context"
	"encoding/json"
	"log/slog"
)

// flight is one refresh, on a goroutine of its own, that any number of callers wait for.
type flight struct {
	done  chan struct{}
	error *Error // once done
}

// judge tries; where keys are awaited it waits for them and tries once more.
func (h *handle) judge(ctx context.Context, call op, text, require string) (*Verdict, error) {
	v, e := h.ask(call, text, require, 0)
	if e == nil || e.Number != KeysPending {
		return answer(v, e)
	}
	if failed := h.refresh(ctx, e.issuer); failed != nil && failed.cause != nil {
		return nil, failed
	}
	return answer(h.ask(call, text, require, 0))
}

func (h *handle) refresh(ctx context.Context, issuer string) *Error {
	if h == nil {
		_, e := h.ask(opRefresh, issuer, "", 0)
		return e
	}
	h.mutex.Lock()
	f := h.flights[issuer]
	if f == nil {
		f = &flight{done: make(chan struct{})}
		h.flights[issuer] = f
		h.users.Add(1) // the caller is in
		go h.fly(issuer, f)
	}
	h.mutex.Unlock()
	select {
	case <-f.done:
		return f.error
	case <-ctx.Done():
		_, e := h.ask(opDescribe, "the keys of the issuer are awaited: "+ctx.Err().Error(), "", int64(KeysPending))
		e.cause = ctx.Err()
		return e
	}
}

func (h *handle) fly(issuer string, f *flight) {
	defer h.leave()
	_, f.error = h.ask(opRefresh, issuer, "", 0)
	h.mutex.Lock()
	delete(h.flights, issuer)
	h.logEvents()
	h.mutex.Unlock()
	close(f.done)
}

// logEvents tells what happened to the keys since the last time. The caller has the mutex.
func (h *handle) logEvents() {
	var report struct {
		Events []struct {
			Sequence             uint64
			Issuer, Kind, Detail string
		}
	}
	if err := json.Unmarshal([]byte(h.tell(opReport)), &report); err != nil {
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

package auth

/*
#if defined LIBAUTH_STATIC && !__has_include(<libauth.a>)
#error "libauth.a is missing. Run `make library` in a checkout of libauth, which needs Rust; or install libauth and build with -tags libauth_dynamic."
#endif
#include <auth.h>
#include <stdio.h>

// The calls that Go makes; one function for all of them, so that Go crosses into C in one place.
enum {
  TRY_VERIFY, VERIFY_AT, TRY_AUTHORIZE, AUTHORIZE_AT, REQUIRE, DESCRIBE, READY, REFRESH,
  LOAD, SET, LOAD_ENV, CHECK, REPORT, METRICS, TABLES,
  ROOM = AUTH_VERDICT_SIZE(0),
};

static void libauth_ask(int call, auth_config *handle, const char *text, size_t length,
    const char *more, size_t more_length, int64_t number, auth_verdict *out, size_t room) {
  auth_status status = AUTH_STATUS_OK; // stands in the record, too
  switch (call) {
  case TRY_VERIFY: status = auth_try_verify(handle, text, length, out, room); break;
  case VERIFY_AT: status = auth_verify_at(handle, text, length, number, out, room); break;
  case TRY_AUTHORIZE:
    status = auth_try_authorize(handle, text, length, more, more_length, out, room); break;
  case AUTHORIZE_AT:
    status = auth_authorize_at(handle, text, length, more, more_length, number, out, room); break;
  case REQUIRE: status = auth_require(handle, text, length, more, more_length, out, room); break;
  case DESCRIBE: auth_describe(handle, (int32_t)number, text, length, out, room); break;
  case READY: auth_ready(handle, out, room); break;
  case REFRESH: auth_refresh(handle, length == 0 ? NULL : text, length, out, room); break;
  case LOAD: auth_config_load(handle, text, length, out, room); break;
  case SET: auth_config_set(handle, text, more, out, room); break; // both end in NUL
  case LOAD_ENV: auth_config_load_env(handle, out, room); break;
  case CHECK: auth_config_check(handle, out, room); break;
  }
  (void)status;
}

static size_t libauth_tell(int call, auth_config *handle, char *out, size_t room) {
  switch (call) {
  case REPORT: return auth_report(handle, out, room);
  case METRICS: return auth_metrics(handle, out, room);
  default: return (size_t)snprintf(out, room, "%s", auth_tables_json());
  }
}

// No pointer is kept, and nothing calls back into Go.
#cgo noescape libauth_ask
#cgo nocallback libauth_ask
#cgo noescape libauth_tell
#cgo nocallback libauth_tell
*/
import "C"

import (
	"fmt"
	"sync"
	"sync/atomic"
	"time"
	"unsafe"
)

type op C.int

const (
	opTryVerify    op = C.TRY_VERIFY
	opVerifyAt     op = C.VERIFY_AT
	opTryAuthorize op = C.TRY_AUTHORIZE
	opAuthorizeAt  op = C.AUTHORIZE_AT
	opRequire      op = C.REQUIRE
	opDescribe     op = C.DESCRIBE
	opReady        op = C.READY
	opRefresh      op = C.REFRESH
	opLoad         op = C.LOAD
	opSet          op = C.SET
	opLoadEnv      op = C.LOAD_ENV
	opCheck        op = C.CHECK
	opReport       op = C.REPORT
	opMetrics      op = C.METRICS
	opTables       op = C.TABLES
)

// A record of at most 16 KiB lies in a room that is used again: on a stack it would be cleared for
// each call, and have the stack of each new goroutine grow.
const roomWords = 16 << 10 / 8

var rooms = sync.Pool{New: func() any { return new([roomWords]uint64) }}

// handle is the library's. It is freed when its owner has left and the last call has returned.
type handle struct {
	config *C.auth_config
	users  atomic.Int64 // the calls under way, and the owner

	mutex   sync.Mutex
	flights map[string]*flight // by issuer

	logging   sync.Mutex // who logs events
	lastEvent uint64
	lookDue   atomic.Int64 // since started
}

// newHandle fails where the library is another than this package was built for: it is not asked.
func newHandle() (*handle, error) {
	if C.auth_abi() != C.AUTH_ABI {
		return nil, &Error{Number: Internal, Code: "auth.internal", Message: Internal.Error(), HTTPStatus: 500,
			Log: fmt.Sprintf("libauth speaks ABI %d, not %d", C.auth_abi(), C.AUTH_ABI)}
	}
	h := &handle{config: C.auth_config_new(), flights: map[string]*flight{}}
	h.users.Store(1)
	h.lookDue.Store(int64(time.Since(started) + lookEvery))
	return h, nil
}

// enter fails once nobody uses the handle.
func (h *handle) enter() bool {
	for users := h.users.Load(); users > 0; users = h.users.Load() {
		if h.users.CompareAndSwap(users, users+1) {
			return true
		}
	}
	return false
}

func (h *handle) leave() {
	if h != nil && h.users.Add(-1) == 0 {
		C.auth_config_free(h.config)
	}
}

// ask makes one call; an error is always an *Error. A nil handle is refused by the library.
func (h *handle) ask(op op, text, more string, number int64) (*Verdict, error) {
	if h != nil && (op == opTryVerify || op == opTryAuthorize) {
		h.look()
	}
	if words := (C.ROOM + 2*len(text) + 7) / 8; words > roomWords {
		return h.askInto(make([]uint64, words), op, text, more, number)
	}
	room := rooms.Get().(*[roomWords]uint64)
	defer rooms.Put(room)
	return h.askInto(room[:], op, text, more, number)
}

func (h *handle) askInto(room []uint64, op op, text, more string, number int64) (*Verdict, error) {
	var config *C.auth_config
	if h != nil {
		config = h.config
	}
	r := (*C.auth_verdict)(unsafe.Pointer(unsafe.SliceData(room)))
	C.libauth_ask(C.int(op), config, chars(text), C.size_t(len(text)), chars(more),
		C.size_t(len(more)), C.int64_t(number), r, C.size_t(len(room)*8))
	const head = C.sizeof_auth_verdict
	// All texts in one copy.
	all := string(unsafe.Slice((*byte)(unsafe.Pointer(r)), min(int(r.size), len(room)*8))[head:])
	at := func(text C.auth_text) string {
		if text.offset == 0 {
			return ""
		}
		return all[text.offset-head:][:text.length]
	}
	if r.status == C.AUTH_STATUS_OK {
		return &Verdict{Subject: at(r.subject), ClientID: at(r.client_id), Issuer: at(r.issuer),
			scopes: at(r.scopes), claims: at(r.claims), header: at(r.header), log: at(r.log),
			expiresAt: int64(r.expires_at)}, nil
	}
	e := &Error{Number: Status(r.status), Code: at(r.code), Message: at(r.message),
		HTTPStatus: int(r.http_status), Challenge: at(r.challenge), Problem: at(r.problem),
		RetryAfter: time.Duration(r.retry_after_s) * time.Second, Log: at(r.log), issuer: at(r.issuer)}
	if h == nil {
		e.Log = "the Auth is nil or closed"
	}
	return nil, e
}

// tell reads the report, the metrics or the tables.
func (h *handle) tell(op op) []byte {
	if h == nil {
		return nil
	}
	// What is told may grow between two calls.
	for room := make([]byte, 4096); ; {
		out := (*C.char)(unsafe.Pointer(unsafe.SliceData(room)))
		needed := int(C.libauth_tell(C.int(op), h.config, out, C.size_t(len(room))))
		if needed < len(room) {
			return room[:needed]
		}
		room = make([]byte, needed+needed/4+1)
	}
}

func chars(text string) *C.char {
	return (*C.char)(unsafe.Pointer(unsafe.StringData(text)))
}

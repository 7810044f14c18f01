// The crossing into libauth: texts in, one record out, nothing decided. Needs Node-API 8.
// An answer is written into `head` (offsets into the text that is returned); a thread of its own
// runs a refresh, so that neither the event loop nor libuv's pool waits for a provider.
#include <auth.h>
#include <node_api.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define STACK_BYTES 8192
#define THREAD_STACK_BYTES (1024 * 1024)
#define TEXTS 11

// ---------------------------------------------------------------- handles

// Freed by its last holder: the Auth until it is closed or forgotten, and each refresh.
typedef struct handle {
  auth_config *config;
  atomic_int holders;
} handle;

static void release(handle *h) {
  if (h == NULL || atomic_fetch_sub(&h->holders, 1) != 1) return;
  auth_config_free(h->config);
  free(h);
}

static void forget(napi_env env, void *data, void *hint) {
  (void)env, (void)hint;
  release(*(handle **)data);
  free(data);
}

// The slot is emptied by `close`.
static handle **slot_of(napi_env env, napi_value value) {
  void *slot = NULL;
  napi_get_value_external(env, value, &slot);
  return slot;
}

static auth_config *config_of(napi_env env, napi_value value) {
  handle **slot = slot_of(env, value);
  return slot == NULL || *slot == NULL ? NULL : (*slot)->config;
}

// ---------------------------------------------------------------- texts in

typedef struct text {
  char *bytes;
  size_t length;
  char stack[STACK_BYTES];
} text;

typedef napi_status encoding(napi_env, napi_value, char *, size_t, size_t *);

static bool fail(napi_env env, const char *why) {
  napi_throw_error(env, NULL, why);
  return false;
}

static void drop(text *t) {
  if (t->bytes != t->stack) free(t->bytes);
}

// Latin-1 keeps the low byte of a character alone: the caller has seen to it that there is no more.
static bool take(napi_env env, napi_value value, encoding *read, text *t) {
  t->bytes = t->stack;
  t->length = 0;
  if (read == NULL) return true;
  if (read(env, value, t->stack, sizeof t->stack, &t->length) != napi_ok)
    return fail(env, "a text was expected");
  // One that fills the stack may have been cut, within a character too.
  if (t->length + 4 < sizeof t->stack) return true;
  read(env, value, NULL, 0, &t->length);
  t->bytes = malloc(t->length + 1);
  if (t->bytes == NULL) return fail(env, "no memory");
  read(env, value, t->bytes, t->length + 1, &t->length);
  return true;
}

// ---------------------------------------------------------------- records out

typedef struct record {
  auth_verdict *verdict;
  size_t room;
  union {
    auth_verdict verdict;
    char bytes[STACK_BYTES];
  } stack;
} record;

static bool make_room(napi_env env, record *r, size_t input) {
  r->room = AUTH_VERDICT_SIZE(input);
  r->verdict = r->room <= sizeof r->stack ? &r->stack.verdict : malloc(r->room);
  return r->verdict != NULL || fail(env, "no memory");
}

static void drop_room(record *r) {
  if (r->verdict != &r->stack.verdict) free(r->verdict);
}

static bool is_ascii(const char *bytes, size_t length) {
  uint64_t all = 0, eight;
  for (; length >= 8; bytes += 8, length -= 8) {
    memcpy(&eight, bytes, 8);
    all |= eight;
  }
  for (; length > 0; bytes++, length--) all |= (uint64_t)(unsigned char)*bytes << 56;
  return (all & 0x8080808080808080) == 0;
}

// How many UTF-16 units, which JavaScript counts in, stand for these bytes of UTF-8.
static uint32_t units(const char *bytes, size_t length) {
  uint32_t count = 0;
  for (size_t i = 0; i < length; i++) {
    unsigned char byte = (unsigned char)bytes[i];
    count += (byte & 0xC0) != 0x80;
    count += byte >= 0xF0;
  }
  return count;
}

// All texts as one; `head` gets the head, with the place of each in it. Read before the next call.
static napi_value answer(napi_env env, const auth_verdict *verdict) {
  auth_verdict *head;
  napi_value all;
  if (napi_get_instance_data(env, (void **)&head) != napi_ok) return NULL;
  const char *bytes = (const char *)(verdict + 1);
  size_t length = verdict->size - sizeof *verdict;
  *head = *verdict;
  auth_text *texts = &head->code;
  bool ascii = is_ascii(bytes, length);
  for (int i = 0; i < TEXTS; i++) {
    if (texts[i].offset == 0) continue;
    uint32_t offset = texts[i].offset - sizeof *verdict;
    texts[i].offset = ascii ? offset : units(bytes, offset);
    if (!ascii) texts[i].length = units(bytes + offset, texts[i].length);
  }
  napi_status made = ascii ? napi_create_string_latin1(env, bytes, length, &all)
                           : napi_create_string_utf8(env, bytes, length, &all);
  return made == napi_ok ? all : NULL;
}

// ---------------------------------------------------------------- questions

typedef struct question {
  auth_config *config;
  text first, second;
  int64_t number;
  bool has_number;
} question;

typedef auth_status asking(const question *q, auth_verdict *out, size_t room);

static auth_status set(const question *q, auth_verdict *out, size_t room) {
  return auth_config_set(q->config, q->first.bytes, q->second.bytes, out, room);
}

static auth_status load(const question *q, auth_verdict *out, size_t room) {
  return auth_config_load(q->config, q->first.bytes, q->first.length, out, room);
}

static auth_status load_env(const question *q, auth_verdict *out, size_t room) {
  return auth_config_load_env(q->config, out, room);
}

static auth_status check(const question *q, auth_verdict *out, size_t room) {
  return auth_config_check(q->config, out, room);
}

static auth_status verify(const question *q, auth_verdict *out, size_t room) {
  const char *token = q->first.bytes;
  size_t length = q->first.length;
  return q->has_number ? auth_verify_at(q->config, token, length, q->number, out, room)
                       : auth_try_verify(q->config, token, length, out, room);
}

static auth_status authorize(const question *q, auth_verdict *out, size_t room) {
  const char *header = q->first.bytes, *require = q->second.bytes;
  size_t length = q->first.length, needed = q->second.length;
  return q->has_number
             ? auth_authorize_at(q->config, header, length, require, needed, q->number, out, room)
             : auth_try_authorize(q->config, header, length, require, needed, out, room);
}

static auth_status require(const question *q, auth_verdict *out, size_t room) {
  return auth_require(q->config, q->first.bytes, q->first.length, q->second.bytes,
                      q->second.length, out, room);
}

static auth_status ready(const question *q, auth_verdict *out, size_t room) {
  return auth_ready(q->config, out, room);
}

static auth_status describe(const question *q, auth_verdict *out, size_t room) {
  return auth_describe(q->config, (int32_t)q->number, q->first.bytes, q->first.length, out, room);
}

#define LATIN1 napi_get_value_string_latin1
#define UTF8 napi_get_value_string_utf8

// From JavaScript: name(handle, first, second, number), each as far as it is read.
static const struct call {
  const char *name;
  asking *ask;
  encoding *first, *second;
} CALLS[] = {
    {"set", set, UTF8, UTF8},
    {"load", load, UTF8, NULL},
    {"loadEnv", load_env, NULL, NULL},
    {"check", check, NULL, NULL},
    {"verify", verify, LATIN1, NULL},
    {"authorize", authorize, LATIN1, UTF8},
    {"require", require, UTF8, UTF8},
    {"ready", ready, NULL, NULL},
    {"describe", describe, UTF8, NULL},
};

static napi_value answered(napi_env env, const struct call *c, question *q) {
  record r;
  if (!make_room(env, &r, q->first.length)) return NULL;
  (void)c->ask(q, r.verdict, r.room);
  napi_value made = answer(env, r.verdict);
  drop_room(&r);
  return made;
}

static napi_value ask(napi_env env, napi_callback_info info) {
  napi_value values[4], made = NULL;
  size_t count = 4;
  void *data;
  question q;
  if (napi_get_cb_info(env, info, &count, values, NULL, &data) != napi_ok) return NULL;
  const struct call *c = data;
  q.config = config_of(env, values[0]);
  q.has_number = napi_get_value_int64(env, values[3], &q.number) == napi_ok;
  if (!take(env, values[1], c->first, &q.first)) return NULL;
  if (take(env, values[2], c->second, &q.second)) {
    made = answered(env, c, &q);
    drop(&q.second);
  }
  drop(&q.first);
  return made;
}

typedef size_t telling(const auth_config *config, char *out, size_t room);
static telling *const REPORT = auth_report, *const METRICS = auth_metrics;

// What is told may have grown between two calls.
static napi_value tell(napi_env env, napi_callback_info info) {
  napi_value value, made = NULL;
  size_t count = 1, room = 0, length;
  void *data;
  char *bytes = NULL;
  if (napi_get_cb_info(env, info, &count, &value, NULL, &data) != napi_ok) return NULL;
  telling *telling_it = *(telling *const *)data;
  const auth_config *config = config_of(env, value);
  while ((length = telling_it(config, bytes, room)) >= room) {
    free(bytes);
    room = length + 1024;
    bytes = malloc(room);
    if (bytes == NULL) return fail(env, "no memory"), NULL;
  }
  napi_create_string_utf8(env, bytes, length, &made);
  free(bytes);
  return made;
}

static napi_value open_handle(napi_env env, napi_callback_info info) {
  (void)info;
  napi_value external = NULL;
  handle **slot = malloc(sizeof *slot), *h = malloc(sizeof *h);
  auth_config *config = auth_config_new();
  if (slot != NULL && h != NULL && config != NULL) {
    *h = (handle){config, 1};
    *slot = h;
    if (napi_create_external(env, slot, forget, NULL, &external) == napi_ok) return external;
  }
  auth_config_free(config);
  free(h);
  free(slot);
  return fail(env, "no memory"), NULL;
}

static napi_value close_handle(napi_env env, napi_callback_info info) {
  napi_value value;
  size_t count = 1;
  if (napi_get_cb_info(env, info, &count, &value, NULL, NULL) != napi_ok) return NULL;
  handle **slot = slot_of(env, value);
  if (slot != NULL) {
    release(*slot);
    *slot = NULL;
  }
  return NULL;
}

// ---------------------------------------------------------------- refresh

// Held by its thread, and by the environment that it answers to until one of them is done.
typedef struct refresh {
  handle *handle;
  text issuer;
  record answer;
  pthread_mutex_t lock;              // of `call`
  napi_threadsafe_function call;     // NULL once it was called, and when the environment has ended
  atomic_int holders;
} refresh;

static void leave(refresh *r) {
  if (atomic_fetch_sub(&r->holders, 1) != 1) return;
  drop(&r->issuer);
  pthread_mutex_destroy(&r->lock);
  free(r);
}

// A worker ends, or the process: its thread-safe function is gone after this.
static void environment_ends(void *data) {
  refresh *r = data;
  pthread_mutex_lock(&r->lock);
  if (r->call != NULL) napi_release_threadsafe_function(r->call, napi_tsfn_abort);
  r->call = NULL;
  pthread_mutex_unlock(&r->lock);
  leave(r);
}

// On the environment's thread. Without an environment `environment_ends` has been here before.
static void tell_refreshed(napi_env env, napi_value done, void *context, void *data) {
  (void)context;
  if (env == NULL) return;
  refresh *r = data;
  napi_remove_env_cleanup_hook(env, environment_ends, r);
  napi_value undefined, text = answer(env, r->answer.verdict);
  napi_get_undefined(env, &undefined);
  if (text != NULL) napi_call_function(env, undefined, done, 1, &text, NULL);
  leave(r);
}

static void refreshed(refresh *r) {
  release(r->handle);
  pthread_mutex_lock(&r->lock);
  if (r->call != NULL) {
    napi_call_threadsafe_function(r->call, r, napi_tsfn_nonblocking);
    napi_release_threadsafe_function(r->call, napi_tsfn_release);
    r->call = NULL;
  }
  pthread_mutex_unlock(&r->lock);
  leave(r);
}

static void *fetch(void *data) {
  refresh *r = data;
  const char *issuer = r->issuer.length == 0 ? NULL : r->issuer.bytes;
  (auth_refresh)(r->handle->config, issuer, r->issuer.length, r->answer.verdict, r->answer.room);
  refreshed(r);
  return NULL;
}

// Signals are the host's: none is delivered to this thread.
static bool start_thread(refresh *r) {
  sigset_t all, before;
  pthread_attr_t attributes;
  pthread_t thread;
  sigfillset(&all);
  if (pthread_attr_init(&attributes) != 0) return false;
  pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
  pthread_attr_setstacksize(&attributes, THREAD_STACK_BYTES);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  bool started = pthread_create(&thread, &attributes, fetch, r) == 0;
  pthread_sigmask(SIG_SETMASK, &before, NULL);
  pthread_attr_destroy(&attributes);
  return started;
}

// refresh(handle, issuer, done): `done` gets the answer. An empty issuer is all of them.
static napi_value start_refresh(napi_env env, napi_callback_info info) {
  napi_value values[3], name;
  size_t count = 3;
  if (napi_get_cb_info(env, info, &count, values, NULL, NULL) != napi_ok) return NULL;
  handle **slot = slot_of(env, values[0]);
  refresh *r = malloc(sizeof *r);
  if (slot == NULL || *slot == NULL || r == NULL) {
    free(r);
    return fail(env, r == NULL ? "no memory" : "a handle was expected"), NULL;
  }
  if (!take(env, values[1], UTF8, &r->issuer)) return free(r), NULL;
  napi_create_string_latin1(env, "libauth refresh", NAPI_AUTO_LENGTH, &name);
  if (napi_create_threadsafe_function(env, values[2], NULL, name, 0, 1, NULL, NULL, NULL,
                                      tell_refreshed, &r->call) != napi_ok) {
    drop(&r->issuer);
    free(r);
    return fail(env, "a function was expected"), NULL;
  }
  // Behind that of the thread-safe function, so that it runs before it.
  napi_add_env_cleanup_hook(env, environment_ends, r);
  make_room(env, &r->answer, 0);
  pthread_mutex_init(&r->lock, NULL);
  r->holders = 2;
  r->handle = *slot;
  atomic_fetch_add(&r->handle->holders, 1);
  if (!start_thread(r)) {
    auth_describe(r->handle->config, AUTH_STATUS_KEYS_PENDING, NULL, 0, r->answer.verdict,
                  r->answer.room);
    refreshed(r);
  }
  return NULL;
}

// ---------------------------------------------------------------- the module

static void add(napi_env env, napi_value exports, const char *name, napi_callback call,
                const void *data) {
  napi_value function;
  napi_create_function(env, name, NAPI_AUTO_LENGTH, call, (void *)data, &function);
  napi_set_named_property(env, exports, name, function);
}

static void add_text(napi_env env, napi_value exports, const char *name, const char *text) {
  napi_value value;
  napi_create_string_utf8(env, text, NAPI_AUTO_LENGTH, &value);
  napi_set_named_property(env, exports, name, value);
}

// `head` is memory that both sides see.
static void add_head(napi_env env, napi_value exports) {
  void *head;
  napi_value buffer, array;
  napi_ref kept;
  napi_create_arraybuffer(env, sizeof(auth_verdict), &head, &buffer);
  napi_create_reference(env, buffer, 1, &kept);
  napi_set_instance_data(env, head, NULL, NULL);
  napi_create_typedarray(env, napi_int32_array, sizeof(auth_verdict) / 4, buffer, 0, &array);
  napi_set_named_property(env, exports, "head", array);
}

NAPI_MODULE_INIT() {
  if (auth_abi() != AUTH_ABI) return fail(env, "a libauth of another ABI"), NULL;
  for (size_t i = 0; i < sizeof CALLS / sizeof *CALLS; i++)
    add(env, exports, CALLS[i].name, ask, &CALLS[i]);
  add(env, exports, "open", open_handle, NULL);
  add(env, exports, "close", close_handle, NULL);
  add(env, exports, "refresh", start_refresh, NULL);
  add(env, exports, "report", tell, &REPORT);
  add(env, exports, "metrics", tell, &METRICS);
  add_text(env, exports, "version", auth_version());
  add_text(env, exports, "tables", auth_tables_json());
  add_head(env, exports);
  return exports;
}

// The crossing into libauth (Node-API 8): texts in, one record out, nothing decided. An answer is
// written into `head`, memory that JavaScript sees, with the places of its texts in the string that
// is returned. A refresh has a thread of its own: neither the event loop nor libuv's pool waits.
#include <auth.h>
#include <node_api.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#define STACK_BYTES 8192
#define THREAD_STACK_BYTES (1024 * 1024)
#define TEXTS 11

// As V8 does: a host without memory ends.
static void *memory(size_t size) {
  void *start = malloc(size);
  if (start == NULL) napi_fatal_error("libauth", NAPI_AUTO_LENGTH, "no memory", NAPI_AUTO_LENGTH);
  return start;
}

// ---------------------------------------------------------------- handles

// Freed by the last of its holders: the Auth until it is closed or forgotten, and each refresh.
typedef struct handle {
  auth_config *config;
  atomic_int holders;
} handle;

static void release(handle *h) {
  if (h == NULL || atomic_fetch_sub(&h->holders, 1) != 1) return;
  auth_config_free(h->config);
  free(h);
}

// JavaScript's external value is a slot, which `close` empties. NULL: another value than that.
static handle **slot_of(napi_env env, napi_value value) {
  void *slot = NULL;
  napi_get_value_external(env, value, &slot);
  return slot;
}

static void forget(napi_env env, void *slot, void *hint) {
  (void)env, (void)hint;
  release(*(handle **)slot);
  free(slot);
}

// ---------------------------------------------------------------- texts in, records out

// Bytes on the stack while they fit there.
typedef struct space {
  char *bytes;
  size_t length;
  _Alignas(auth_verdict) char stack[STACK_BYTES];
} space;

static void make(space *s, size_t size) {
  s->bytes = size <= sizeof s->stack ? s->stack : memory(size);
  s->length = size;
}

static void drop(space *s) {
  if (s->bytes != s->stack) free(s->bytes);
}

// A byte a character, of which the low byte alone is kept: the caller has seen to it that there is
// no more.
static bool take(napi_env env, napi_value value, space *s) {
  make(s, 0);
  if (napi_get_value_string_latin1(env, value, s->stack, sizeof s->stack, &s->length) != napi_ok) {
    napi_throw_type_error(env, NULL, "libauth: a text was expected");
    return false;
  }
  // What fills the stack was cut.
  if (s->length + 1 < sizeof s->stack) return true;
  napi_get_value_string_latin1(env, value, NULL, 0, &s->length);
  make(s, s->length + 1);
  return napi_get_value_string_latin1(env, value, s->bytes, s->length, &s->length) == napi_ok;
}

static bool is_ascii(const char *bytes, size_t length) {
  char all = 0;
  for (size_t i = 0; i < length; i++) all |= bytes[i];
  return (all & 0x80) == 0;
}

// How many UTF-16 units, which JavaScript counts in, stand for these bytes of UTF-8.
static uint32_t units(const char *bytes, size_t length) {
  uint32_t count = 0;
  for (size_t i = 0; i < length; i++)
    count += ((bytes[i] & 0xC0) != 0x80) + ((unsigned char)bytes[i] >= 0xF0);
  return count;
}

static napi_value answer(napi_env env, const auth_verdict *verdict) {
  auth_verdict *head;
  napi_value all = NULL;
  if (napi_get_instance_data(env, (void **)&head) != napi_ok) return NULL;
  *head = *verdict;
  const char *bytes = (const char *)(verdict + 1);
  size_t length = verdict->size - sizeof *verdict;
  bool ascii = is_ascii(bytes, length);
  auth_text *texts = &head->code;
  for (int i = 0; i < TEXTS; i++) {
    if (texts[i].offset == 0) continue;
    uint32_t offset = texts[i].offset - (uint32_t)sizeof *verdict;
    texts[i].offset = ascii ? offset : units(bytes, offset);
    if (!ascii) texts[i].length = units(bytes + offset, texts[i].length);
  }
  (ascii ? napi_create_string_latin1 : napi_create_string_utf8)(env, bytes, length, &all);
  return all;
}

// ---------------------------------------------------------------- questions

typedef struct question {
  auth_config *config;
  space first, second;
  int64_t number;
  bool has_number;
} question;

// The arguments of every function of libauth that answers by a record.
#define FIRST q->first.bytes, q->first.length
#define SECOND q->second.bytes, q->second.length
#define OUT (auth_verdict *)out->bytes, out->length
#define ASKING(name, call)                                                                         \
  static auth_status name(const question *q, space *out) {                                         \
    return call;                                                                                   \
  }

ASKING(set, auth_config_set(q->config, q->first.bytes, q->second.bytes, OUT))
ASKING(load, auth_config_load(q->config, FIRST, OUT))
ASKING(load_env, auth_config_load_env(q->config, OUT))
ASKING(check, auth_config_check(q->config, OUT))
ASKING(verify, q->has_number ? auth_verify_at(q->config, FIRST, q->number, OUT)
                             : auth_try_verify(q->config, FIRST, OUT))
ASKING(authorize, q->has_number ? auth_authorize_at(q->config, FIRST, SECOND, q->number, OUT)
                                : auth_try_authorize(q->config, FIRST, SECOND, OUT))
ASKING(require, auth_require(q->config, FIRST, SECOND, OUT))
ASKING(ready, auth_ready(q->config, OUT))
ASKING(describe, auth_describe(q->config, (int32_t)q->number, FIRST, OUT))

// What JavaScript calls: name(handle, first, second, number), as far as it is read.
typedef struct function {
  const char *name;
  napi_callback call;
  auth_status (*ask)(const question *q, space *out);
  int texts;
  size_t (*tell)(const auth_config *config, char *out, size_t room);
} function;

static napi_value ask(napi_env env, napi_callback_info info) {
  napi_value values[4], made = NULL;
  size_t count = 4;
  function *f;
  question q;
  space out;
  napi_get_cb_info(env, info, &count, values, NULL, (void **)&f);
  handle **slot = slot_of(env, values[0]);
  q.config = slot == NULL || *slot == NULL ? NULL : (*slot)->config;
  q.has_number = napi_get_value_int64(env, values[3], &q.number) == napi_ok;
  make(&q.first, 0);
  make(&q.second, 0);
  if (f->texts > 0 && !take(env, values[1], &q.first)) return NULL;
  if (f->texts < 2 || take(env, values[2], &q.second)) {
    make(&out, AUTH_VERDICT_SIZE(q.first.length));
    (void)f->ask(&q, &out);
    made = answer(env, (auth_verdict *)out.bytes);
    drop(&out);
    drop(&q.second);
  }
  drop(&q.first);
  return made;
}

// What is told may have grown between two calls.
static napi_value tell(napi_env env, napi_callback_info info) {
  napi_value value, made = NULL;
  size_t count = 1, length;
  function *f;
  space out;
  napi_get_cb_info(env, info, &count, &value, NULL, (void **)&f);
  handle **slot = slot_of(env, value);
  const auth_config *config = slot == NULL || *slot == NULL ? NULL : (*slot)->config;
  make(&out, sizeof out.stack);
  while ((length = f->tell(config, out.bytes, out.length)) >= out.length) {
    drop(&out);
    make(&out, length + 1024);
  }
  napi_create_string_utf8(env, out.bytes, length, &made);
  drop(&out);
  return made;
}

static napi_value open_handle(napi_env env, napi_callback_info info) {
  (void)info;
  napi_value external = NULL;
  handle **slot = memory(sizeof *slot);
  *slot = memory(sizeof **slot);
  **slot = (handle){auth_config_new(), 1};
  napi_create_external(env, slot, forget, NULL, &external);
  return external;
}

static napi_value close_handle(napi_env env, napi_callback_info info) {
  napi_value value;
  size_t count = 1;
  napi_get_cb_info(env, info, &count, &value, NULL, NULL);
  handle **slot = slot_of(env, value);
  if (slot == NULL) return NULL;
  release(*slot);
  *slot = NULL;
  return NULL;
}

// ---------------------------------------------------------------- refresh

// Held by its thread, and by the environment that it answers to until one of them is done.
typedef struct refresh {
  handle *handle;
  space issuer, answer;
  pthread_mutex_t lock;          // of `call`
  napi_threadsafe_function call; // NULL once it was called, and when the environment has ended
  atomic_int holders;
} refresh;

static void leave(refresh *r) {
  if (atomic_fetch_sub(&r->holders, 1) != 1) return;
  drop(&r->issuer);
  pthread_mutex_destroy(&r->lock);
  free(r);
}

static void take_leave(refresh *r, bool ended) {
  pthread_mutex_lock(&r->lock);
  napi_threadsafe_function call = r->call;
  r->call = NULL;
  napi_threadsafe_function_release_mode mode = ended ? napi_tsfn_abort : napi_tsfn_release;
  if (call != NULL && !ended) napi_call_threadsafe_function(call, r, napi_tsfn_nonblocking);
  if (call != NULL) napi_release_threadsafe_function(call, mode);
  pthread_mutex_unlock(&r->lock);
  leave(r);
}

// A worker ends, or the process. Runs before the thread-safe function is gone.
static void environment_ends(void *r) {
  take_leave(r, true);
}

// On the environment's thread. Without one, `environment_ends` has been here before.
static void tell_refreshed(napi_env env, napi_value done, void *context, void *data) {
  (void)context;
  if (env == NULL) return;
  refresh *r = data;
  // Its thread must have let go of `call`: an environment that ends from here on frees it.
  pthread_mutex_lock(&r->lock);
  pthread_mutex_unlock(&r->lock);
  napi_remove_env_cleanup_hook(env, environment_ends, r);
  napi_value undefined, texts = answer(env, (auth_verdict *)r->answer.bytes);
  napi_get_undefined(env, &undefined);
  if (texts != NULL) napi_call_function(env, undefined, done, 1, &texts, NULL);
  leave(r);
}

static void *fetch(void *data) {
  refresh *r = data;
  space *out = &r->answer;
  const char *issuer = r->issuer.length == 0 ? NULL : r->issuer.bytes;
  (auth_refresh)(r->handle->config, issuer, r->issuer.length, OUT);
  release(r->handle);
  take_leave(r, false);
  return NULL;
}

// Where no thread can be had: the answer of a fetch that never ended.
static void give_up(refresh *r) {
  space *out = &r->answer;
  auth_describe(r->handle->config, AUTH_STATUS_KEYS_PENDING, NULL, 0, OUT);
  release(r->handle);
  take_leave(r, false);
}

// Signals are the host's: none is delivered to this thread.
static bool start_thread(refresh *r) {
  sigset_t all, before;
  pthread_attr_t attributes;
  pthread_t thread;
  sigfillset(&all);
  pthread_attr_init(&attributes);
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
  napi_get_cb_info(env, info, &count, values, NULL, NULL);
  handle **slot = slot_of(env, values[0]);
  refresh *r = memory(sizeof *r);
  napi_create_string_latin1(env, "libauth refresh", NAPI_AUTO_LENGTH, &name);
  if (slot == NULL || *slot == NULL || !take(env, values[1], &r->issuer) ||
      napi_create_threadsafe_function(env, values[2], NULL, name, 0, 1, NULL, NULL, NULL,
                                      tell_refreshed, &r->call) != napi_ok) {
    free(r);
    napi_throw_type_error(env, NULL, "libauth: refresh(handle, issuer, done) was expected");
    return NULL;
  }
  // Whether the process waits for it is decided by who asked.
  napi_unref_threadsafe_function(env, r->call);
  // Behind the hook of the thread-safe function, and so run before it.
  napi_add_env_cleanup_hook(env, environment_ends, r);
  make(&r->answer, AUTH_VERDICT_SIZE(0));
  pthread_mutex_init(&r->lock, NULL);
  r->holders = 2;
  r->handle = *slot;
  atomic_fetch_add(&r->handle->holders, 1);
  if (!start_thread(r)) give_up(r);
  return NULL;
}

// ---------------------------------------------------------------- the module

static const function FUNCTIONS[] = {
    {"open", .call = open_handle},
    {"close", .call = close_handle},
    {"set", ask, .ask = set, .texts = 2},
    {"load", ask, .ask = load, .texts = 1},
    {"loadEnv", ask, .ask = load_env},
    {"check", ask, .ask = check},
    {"verify", ask, .ask = verify, .texts = 1},
    {"authorize", ask, .ask = authorize, .texts = 2},
    {"require", ask, .ask = require, .texts = 2},
    {"describe", ask, .ask = describe, .texts = 1},
    {"ready", ask, .ask = ready},
    {"refresh", .call = start_refresh},
    {"report", tell, .tell = auth_report},
    {"metrics", tell, .tell = auth_metrics},
};

NAPI_MODULE_INIT() {
  napi_value value, buffer;
  napi_ref kept;
  void *head;
  if (auth_abi() != AUTH_ABI) {
    napi_throw_error(env, NULL, "libauth: the addon and its library do not fit");
    return NULL;
  }
  for (size_t i = 0; i < sizeof FUNCTIONS / sizeof *FUNCTIONS; i++) {
    const function *f = &FUNCTIONS[i];
    napi_create_function(env, f->name, NAPI_AUTO_LENGTH, f->call, (void *)f, &value);
    napi_set_named_property(env, exports, f->name, value);
  }
  napi_create_string_utf8(env, auth_tables_json(), NAPI_AUTO_LENGTH, &value);
  napi_set_named_property(env, exports, "tables", value);
  napi_create_arraybuffer(env, sizeof(auth_verdict), &head, &buffer);
  napi_create_reference(env, buffer, 1, &kept);
  napi_set_instance_data(env, head, NULL, NULL);
  napi_create_typedarray(env, napi_int32_array, sizeof(auth_verdict) / 4, buffer, 0, &value);
  napi_set_named_property(env, exports, "head", value);
  return exports;
}

// Who waits for keys, and for how long: the calls that never do, the one that does, and readiness.
#define _GNU_SOURCE
#include "check.h"
#include "provider.h"
#include <stdatomic.h>

static auth_record r;
#define OUT &r.verdict, sizeof r
// "At once", where the provider takes 1 s.
#define AT_ONCE_MS 500

#define AT_ONCE(call, status)                                                                      \
  do {                                                                                             \
    int64_t began = now_ms();                                                                      \
    ANSWERS(call, status);                                                                         \
    check(now_ms() - began < AT_ONCE_MS, #call " is answered at once", __LINE__);                  \
  } while (0)

static auth_config *handle;
static token good;

static auth_status try(const auth_config *c, const token *t) {
  char header[sizeof t->text + 16];
  int length = snprintf(header, sizeof header, "Bearer %s", t->text);
  return auth_try_authorize(c, header, (size_t)length, "read", 4, OUT);
}

static auth_status refresh(const auth_config *c) {
  return auth_refresh(c, provider_url, strlen(provider_url), OUT);
}

static void check_pending(int line) {
  check(text_is(&r, r.verdict.issuer, provider_url), "the issuer is named", line);
  check(r.verdict.http_status == 503, "a second time it were the answer: 503", line);
  check(r.verdict.retry_after_s >= 1, "and says when to come again", line);
}

static void pause_s(double seconds) {
  pause_us((int64_t)(seconds * 1e6));
}

// ---------------------------------------------------------------- try, wait, try

static atomic_int wrong;

static void *refresh_issuer(void *argument) {
  const token *t = argument;
  auth_status status = auth_refresh(handle, provider_url, strlen(provider_url), NULL, 0);
  if (t != NULL) status = auth_verify(handle, t->text, t->length, NULL, 0);
  if (status != AUTH_STATUS_OK) wrong++;
  return NULL;
}

static void one_flight_for_all(void) {
  FAULT("discovery", "slow_head&ms=1000");
  count_fetches();
  handle = configured();
  AT_ONCE(try(handle, &good), AUTH_STATUS_KEYS_PENDING);
  check_pending(__LINE__);
  AT_ONCE(try(handle, &good), AUTH_STATUS_KEYS_PENDING);
  check_pending(__LINE__);
  AT_ONCE(auth_try_verify(handle, good.text, good.length, OUT), AUTH_STATUS_KEYS_PENDING);
  check_pending(__LINE__);
  pthread_t threads[8];
  wrong = 0;
  for (int i = 0; i < 8; i++) threads[i] = start(refresh_issuer, i % 2 ? &good : NULL);
  for (int i = 0; i < 8; i++) join(threads[i]);
  CHECK(wrong == 0);
  AT_ONCE(try(handle, &good), AUTH_STATUS_OK);
  CHECK(text_is(&r, r.verdict.scopes, "read"));
  CHECK(fetches_counted() == 1);
  auth_config_free(handle);
  healthy();
}

// A key that came after the set was fetched.
static void newer_key(void) {
  auth_config *c = configured();
  ANSWERS(refresh(c), AUTH_STATUS_OK);
  ANSWERS(try(c, &good), AUTH_STATUS_OK);
  token unknown = new_token(UNKNOWN_KID);
  rotate();
  token newer = new_token(ES256);
  FAULT("jwks", "slow_head&ms=1000");
  AT_ONCE(try(c, &newer), AUTH_STATUS_KEYS_PENDING);
  check_pending(__LINE__);
  AT_ONCE(try(c, &good), AUTH_STATUS_OK); // nobody else waits for that
  ANSWERS(refresh(c), AUTH_STATUS_OK);
  AT_ONCE(try(c, &newer), AUTH_STATUS_OK);
  pause_s(2.1); // keys.cooldown
  AT_ONCE(try(c, &unknown), AUTH_STATUS_KEYS_PENDING);
  ANSWERS(refresh(c), AUTH_STATUS_OK);
  AT_ONCE(try(c, &unknown), AUTH_STATUS_KEY_NOT_FOUND);
  auth_config_free(c);
  healthy();
  good = newer;
}

// A provider that does not answer in time.
static void failed_wait(void) {
  FAULT("jwks", "slow_head&ms=20000");
  auth_config *c = configured();
  STATUS(auth_config_set(c, "keys.timeout", "1s", NULL, 0), AUTH_STATUS_OK);
  AT_ONCE(try(c, &good), AUTH_STATUS_KEYS_PENDING);
  int64_t began = now_ms();
  ANSWERS(refresh(c), AUTH_STATUS_KEYS_UNAVAILABLE);
  CHECK(now_ms() - began < 4000); // keys.timeout, 1 s, and a busy machine
  CHECK(r.verdict.http_status == 503 && r.verdict.retry_after_s >= 1);
  // Told, or the next fetch is under way; never waited for.
  int64_t again = now_ms();
  auth_status status = try(c, &good);
  CHECK(now_ms() - again < AT_ONCE_MS);
  CHECK(status == AUTH_STATUS_KEYS_UNAVAILABLE || status == AUTH_STATUS_KEYS_PENDING);
  CHECK(r.verdict.http_status == 503 && r.verdict.retry_after_s >= 1);
  auth_config_free(c);
  healthy();
}

// ---------------------------------------------------------------- refresh

// Its result is good for 2 s, whether it was good or not. A round that a busy machine stretched
// tells nothing and is done again.
static void result_within_2_s(int failing) {
  auth_status expected = failing ? AUTH_STATUS_KEYS_UNAVAILABLE : AUTH_STATUS_OK;
  int in_time = 0;
  for (int round = 0; round < 5 && !in_time; round++) {
    auth_config *c = configured();
    if (failing) FAULT("jwks", "status&code=500");
    int64_t began = now_ms();
    ANSWERS(refresh(c), expected);
    count_fetches();
    auth_status second = refresh(c), all = auth_refresh(c, NULL, 0, OUT);
    in_time = now_ms() - began < 1900;
    int fetches = fetches_counted();
    CHECK(!in_time || (second == expected && all == expected && fetches == 0));
    // After that it fetches, due or not, back-off or not.
    pause_s(2.1);
    count_fetches();
    ANSWERS(refresh(c), AUTH_STATUS_OK);
    CHECK(fetches_counted() == 1);
    auth_config_free(c);
    healthy();
  }
  CHECK(in_time);
}

static void refused_arguments(void) {
  auth_config *c = configured();
  const char *other = "https://other.example";
  count_fetches();
  ANSWERS(auth_refresh(c, other, strlen(other), OUT), AUTH_STATUS_ARGUMENT_INVALID);
  ANSWERS(auth_refresh(c, provider_url, strlen(provider_url) - 1, OUT),
          AUTH_STATUS_ARGUMENT_INVALID);
  ANSWERS(auth_refresh(c, NULL, 3, OUT), AUTH_STATUS_ARGUMENT_INVALID);
  ANSWERS(auth_refresh(NULL, NULL, 0, OUT), AUTH_STATUS_ARGUMENT_INVALID);
  ANSWERS(auth_ready(NULL, OUT), AUTH_STATUS_ARGUMENT_INVALID);
  CHECK(fetches_counted() == 0);
  auth_config_free(c);
  c = auth_config_new();
  ANSWERS(auth_refresh(c, NULL, 0, OUT), AUTH_STATUS_OPTION_MISSING);
  ANSWERS(auth_ready(c, OUT), AUTH_STATUS_OPTION_MISSING);
  ANSWERS(try(c, &good), AUTH_STATUS_OPTION_MISSING);
  auth_config_free(c);
}

static atomic_int refreshed;
static auth_status all_status;

static void *refresh_all(void *argument) {
  (void)argument;
  all_status = auth_refresh(handle, NULL, 0, NULL, 0);
  refreshed = 1;
  return NULL;
}

// Two issuers, one of which is dead: it takes connections (or, its queue being full, none), and
// never answers.
static void dead_issuer(int full) {
  int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), queued[4];
  struct sockaddr_in address = provider_address;
  socklen_t length = sizeof address;
  address.sin_port = 0;
  need(bind(listener, (void *)&address, length) == 0 && listen(listener, full ? 0 : 8) == 0 &&
           getsockname(listener, (void *)&address, &length) == 0,
       "no port to listen on");
  for (int i = 0; i < 4; i++) {
    queued[i] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (full && connect(queued[i], (void *)&address, length) != 0)
      need(errno == EINPROGRESS, "the queue cannot be filled");
  }
  char json[512];
  snprintf(json, sizeof json,
           "{\"keys\":{\"timeout\":2},\"audience\":\"" AUDIENCE "\",\"issuers\":["
           "{\"issuer\":\"http://127.0.0.1:%u\"},{\"issuer\":\"%s\"}]}",
           ntohs(address.sin_port), provider_url);
  handle = auth_config_new();
  ANSWERS(auth_config_load(handle, json, strlen(json), OUT), AUTH_STATUS_OK);
  refreshed = 0;
  int64_t began = now_ms();
  pthread_t thread = start(refresh_all, NULL);
  HOLDS_SOON(try(handle, &good) == AUTH_STATUS_OK);
  CHECK(!refreshed); // long before the dead one is given up
  join(thread);
  CHECK(now_ms() - began < 2000 + 1000 + 2000); // keys.timeout, 1 s, and a busy machine
  CHECK(all_status == AUTH_STATUS_DISCOVERY_FAILED);
  AT_ONCE(try(handle, &good), AUTH_STATUS_OK);
  auth_config_free(handle);
  for (int i = 0; i < 4; i++) close(queued[i]);
  close(listener);
}

// ---------------------------------------------------------------- readiness

static void ready_before_traffic(void) {
  FAULT("discovery", "slow_head&ms=1000");
  auth_config *c = configured();
  STATUS(auth_config_set(c, "keys.ttl", "1s", NULL, 0), AUTH_STATUS_OK);
  STATUS(auth_config_set(c, "keys.stale", "0s", NULL, 0), AUTH_STATUS_OK);
  AT_ONCE(auth_ready(c, OUT), AUTH_STATUS_KEYS_PENDING);
  CHECK(r.verdict.http_status == 503 && r.verdict.retry_after_s >= 1);
  ANSWERS(auth_config_set(c, "audience", "x", OUT), AUTH_STATUS_CONFIG_FROZEN);
  // By the fetch that it started: nothing else asks for keys.
  HOLDS_SOON(auth_ready(c, OUT) == AUTH_STATUS_OK);
  // Readiness is about the start: past ttl and stale, the provider away, it stays.
  FAULT("discovery", "close");
  FAULT("jwks", "close");
  pause_s(1.5);
  AT_ONCE(auth_ready(c, OUT), AUTH_STATUS_OK);
  ANSWERS(auth_verify(c, good.text, good.length, OUT), AUTH_STATUS_DISCOVERY_FAILED);
  AT_ONCE(auth_ready(c, OUT), AUTH_STATUS_OK);
  auth_config_free(c);

  // The provider is away from the beginning, and comes back.
  c = configured();
  ANSWERS(auth_ready(c, OUT), AUTH_STATUS_KEYS_PENDING);
  HOLDS_SOON(auth_ready(c, OUT) == AUTH_STATUS_DISCOVERY_FAILED);
  healthy();
  HOLDS_SOON(auth_ready(c, OUT) == AUTH_STATUS_OK);
  auth_config_free(c);
}

int main(int argc, char **argv) {
  use_provider(argc, argv);
  good = new_token(ES256);
  one_flight_for_all();
  newer_key();
  failed_wait();
  result_within_2_s(0);
  result_within_2_s(1);
  refused_arguments();
  dead_issuer(0);
  dead_issuer(1);
  ready_before_traffic();
  return finish("waiting");
}

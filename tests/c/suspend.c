// A machine that was suspended: CLOCK_MONOTONIC stood still, CLOCK_BOOTTIME went on. The keys are
// as old as the latter says. The program's own clock_gettime takes the place of the C library's.
#define _GNU_SOURCE
#include "check.h"
#include "provider.h"
#include <sys/syscall.h>

static auth_record r;
#define OUT &r.verdict, sizeof r

static _Atomic int64_t suspended_s;
static _Atomic int asked;

int clock_gettime(clockid_t clock, struct timespec *time) {
  int result = (int)syscall(SYS_clock_gettime, clock, time);
  if (result == 0 && clock == CLOCK_BOOTTIME) {
    time->tv_sec += suspended_s;
    asked++;
  }
  return result;
}

static auth_config *warm(const token *t, const char *stale) {
  auth_config *c = configured();
  STATUS(auth_config_set(c, "keys.ttl", "10m", NULL, 0), AUTH_STATUS_OK);
  STATUS(auth_config_set(c, "keys.stale", stale, NULL, 0), AUTH_STATUS_OK);
  ANSWERS(auth_verify(c, t->text, t->length, OUT), AUTH_STATUS_OK);
  return c;
}

static void down(void) {
  FAULT("jwks", "close");
  FAULT("discovery", "close");
}

int main(int argc, char **argv) {
  use_provider(argc, argv);
  token t = new_token(ES256);

  // Past ttl and stale, the provider is up: they are fetched again before they are used.
  auth_config *c = warm(&t, "1h");
  CHECK(asked > 0); // else this test would test nothing
  count_fetches();
  ANSWERS(auth_verify(c, t.text, t.length, OUT), AUTH_STATUS_OK);
  CHECK(fetches_counted() == 0); // they are fresh
  suspended_s += 600 + 3600;
  count_fetches();
  ANSWERS(auth_verify(c, t.text, t.length, OUT), AUTH_STATUS_OK);
  CHECK(fetches_counted() == 1);
  auth_config_free(c);

  // Past ttl alone, the provider is down: they serve.
  c = warm(&t, "1h");
  down();
  suspended_s += 600 + 60;
  ANSWERS(auth_verify(c, t.text, t.length, OUT), AUTH_STATUS_OK);
  // And past both they do not.
  suspended_s += 3600;
  ANSWERS(auth_verify(c, t.text, t.length, OUT), AUTH_STATUS_DISCOVERY_FAILED);
  auth_config_free(c);
  healthy();

  c = configured();
  char uri[96];
  snprintf(uri, sizeof uri, "%s/jwks", provider_url);
  STATUS(auth_config_set(c, "keys.jwks_uri", uri, NULL, 0), AUTH_STATUS_OK);
  STATUS(auth_config_set(c, "keys.stale", "0s", NULL, 0), AUTH_STATUS_OK);
  ANSWERS(auth_verify(c, t.text, t.length, OUT), AUTH_STATUS_OK);
  down();
  suspended_s += 600;
  ANSWERS(auth_verify(c, t.text, t.length, OUT), AUTH_STATUS_KEYS_UNAVAILABLE);
  healthy();
  auth_config_free(c);
  return finish("suspend");
}

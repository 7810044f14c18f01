// Where no thread can be started (a limit of the user's, of a container's) a call that may wait
// fetches by itself, and one that may not says that keys are pending.
#define _GNU_SOURCE
#include "check.h"
#include "provider.h"
#include <signal.h>
#include <sys/mman.h>
#include <sys/resource.h>

static auth_record r;
#define OUT &r.verdict, sizeof r
#define NOBODY 65534

static void *nothing(void *argument) {
  return argument;
}

// root has no such limit.
static void allow_no_thread(void) {
  if (geteuid() == 0)
    need(setresgid(NOBODY, NOBODY, NOBODY) == 0 && setresuid(NOBODY, NOBODY, NOBODY) == 0,
         "root cannot become another user");
  struct rlimit none = {0, 0};
  need(setrlimit(RLIMIT_NPROC, &none) == 0, "the limit cannot be set");
  pthread_t thread;
  errno = pthread_create(&thread, NULL, nothing, NULL);
  need(errno == EAGAIN, "a thread could be started all the same: this test would test nothing");
}

static char issuer[64];

static auth_config *cold(const char *key, const char *value) {
  auth_config *c = auth_config_new();
  STATUS(auth_config_set(c, "issuer", issuer, NULL, 0), AUTH_STATUS_OK);
  STATUS(auth_config_set(c, "audience", AUDIENCE, NULL, 0), AUTH_STATUS_OK);
  if (key != NULL) STATUS(auth_config_set(c, key, value, NULL, 0), AUTH_STATUS_OK);
  return c;
}

static token of_issuer(const char *more) {
  char form[256];
  snprintf(form, sizeof form, "alg=ES256&claims=%%7B%%22iss%%22%%3A%%22%s%%22%%7D&%s", issuer,
           more);
  return new_token(form);
}

static void waits(const char *key, const char *value) {
  token t = of_issuer("");
  auth_config *c = cold(key, value);
  count_fetches();
  ANSWERS(auth_verify(c, t.text, t.length, OUT), AUTH_STATUS_OK);
  CHECK(fetches_counted() == 1);
  // A key that it does not have.
  rotate();
  token newer = of_issuer("");
  ANSWERS(auth_verify(c, newer.text, newer.length, OUT), AUTH_STATUS_OK);
  auth_config_free(c);
}

static void does_not_wait(const char *key, const char *value) {
  token t = of_issuer("");
  auth_config *c = cold(key, value);
  count_fetches();
  ANSWERS(auth_try_verify(c, t.text, t.length, OUT), AUTH_STATUS_KEYS_PENDING);
  CHECK(text_is(&r, r.verdict.issuer, issuer));
  ANSWERS(auth_ready(c, OUT), AUTH_STATUS_KEYS_PENDING);
  ANSWERS(auth_try_verify(c, t.text, t.length, OUT), AUTH_STATUS_KEYS_PENDING);
  CHECK(fetches_counted() == 0);
  count_fetches();
  ANSWERS(auth_refresh(c, issuer, strlen(issuer), OUT), AUTH_STATUS_OK);
  ANSWERS(auth_try_verify(c, t.text, t.length, OUT), AUTH_STATUS_OK);
  ANSWERS(auth_ready(c, OUT), AUTH_STATUS_OK);
  CHECK(fetches_counted() == 1);
  auth_config_free(c);
}

// It is this thread that fetches: what the provider does must not reach its signals.
static void fails(void) {
  token t = of_issuer("");
  sigset_t before, after;
  signal(SIGPIPE, SIG_DFL);
  pthread_sigmask(SIG_SETMASK, NULL, &before);
  const char *faults[] = {"/fault?endpoint=jwks&kind=close", "/fault?endpoint=jwks&kind=truncated"};
  for (int i = 0; i < 2; i++) {
    order(faults[i]);
    auth_config *c = cold(NULL, NULL);
    ANSWERS(auth_verify(c, t.text, t.length, OUT), AUTH_STATUS_KEYS_UNAVAILABLE);
    CHECK(text_has(&r, r.verdict.log, "/jwks")); // it was asked
    auth_config_free(c);
  }
  // No longer than keys.timeout.
  FAULT("jwks", "slow_head&ms=20000");
  auth_config *c = cold("keys.timeout", "1s");
  int64_t began = now_ms();
  ANSWERS(auth_verify(c, t.text, t.length, OUT), AUTH_STATUS_KEYS_UNAVAILABLE);
  CHECK(text_has(&r, r.verdict.log, "keys.timeout"));
  CHECK(now_ms() - began < 10000);
  auth_config_free(c);
  FAULT("jwks", "header&name=X&value=y");
  pthread_sigmask(SIG_SETMASK, NULL, &after);
  for (int s = 1; s <= SIGRTMAX; s++) CHECK(sigismember(&before, s) == sigismember(&after, s));
}

int main(int argc, char **argv) {
  use_provider(argc, argv);
  unsigned port = ntohs(provider_address.sin_port);
  allow_no_thread();
  // What is written to stderr is nobody's.
  int errors = memfd_create("errors", MFD_CLOEXEC);
  need(errors >= 0 && dup2(errors, 2) == 2, "stderr cannot be caught");
  int files = files_of_process();
  const char *hosts[] = {"127.0.0.1", "localhost"};
  for (int i = 0; i < 2; i++) {
    char place[128];
    snprintf(issuer, sizeof issuer, "http://%s:%u", hosts[i], port);
    snprintf(place, sizeof place, "/fault?endpoint=discovery&kind=issuer&value=%s", issuer);
    order(place);
    snprintf(place, sizeof place, "%s/jwks", issuer);
    waits(NULL, NULL);
    waits("keys.jwks_uri", place);
    does_not_wait(NULL, NULL);
    does_not_wait("keys.jwks_uri", place);
    fails();
    healthy();
  }
  CHECK(files_of_process() == files);
  CHECK(lseek(errors, 0, SEEK_END) == 0);
  return finish("nothread");
}

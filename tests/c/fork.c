// Processes that fork: the handle goes on in parent and child, whatever the other threads of the
// parent did at that moment. A child has no thread but its own, so a lock that another one held
// stays locked in it, and a fetch of its parent never ends in it.
#define _GNU_SOURCE
#include "check.h"
#include "provider.h"
#include <signal.h>
#include <stdatomic.h>
#include <sys/wait.h>

#define CHILDREN 64
// keys.timeout is 5 s, and the machine is busy with 64 processes.
#define CHILD_LIMIT_S 20
static auth_record r;
#define OUT &r.verdict, sizeof r

static int alone;
static auth_config *handle;
// `known` by the keys that the parent fetched, `newer` by those that came after.
static token known, newer, forged, unknown;

// ---------------------------------------------------------------- children

static struct {
  pid_t pid;
  int output;
} born[CHILDREN];
static int living, lived, told;

// What a child writes, and how it ends, is told by its parent.
static void bear(void (*life)(void)) {
  int ends[2];
  fflush(stdout);
  need(pipe(ends) == 0, "no pipe");
  pid_t pid = fork();
  need(pid >= 0, "no process can be forked");
  if (pid == 0) {
    signal(SIGALRM, SIG_DFL);
    alarm(CHILD_LIMIT_S);
    dup2(ends[1], 1), dup2(ends[1], 2);
    close(ends[0]), close(ends[1]);
    checks = failures = 0;
    life();
    exit(failures != 0);
  }
  close(ends[1]);
  born[living].pid = pid, born[living].output = ends[0];
  living++;
}

// Waits for every child; each must have ended by itself, with 0, and have written nothing.
static void bury(const char *when) {
  int bad = 0;
  for (int i = 0; i < living; i++) {
    char text[4096];
    size_t length = 0;
    for (ssize_t got; length < sizeof text - 1; length += (size_t)got)
      if ((got = read(born[i].output, text + length, sizeof text - 1 - length)) <= 0) break;
    text[length] = '\0';
    close(born[i].output);
    int status = 0;
    waitpid(born[i].pid, &status, 0);
    if (status == 0 && length == 0) continue;
    bad++;
    if (told++ >= 8) continue;
    if (WIFSIGNALED(status) && WTERMSIG(status) == SIGALRM)
      printf("a child forked %s hung: it was not done after %d s\n", when, CHILD_LIMIT_S);
    else
      printf("a child forked %s ended with status 0x%x and wrote: %s\n", when, status, text);
  }
  printf("  %3d children forked %s: %d bad\n", living, when, bad);
  CHECK(bad == 0);
  lived += living;
  living = 0;
}

// ---------------------------------------------------------------- what children do

static void accepts(const token *t) {
  ANSWERS(auth_verify(handle, t->text, t->length, OUT), AUTH_STATUS_OK);
}

static void accepts_known(void) {
  accepts(&known);
}

// The parent never had the key of `newer`.
static void fetches_by_itself(void) {
  accepts(&known);
  accepts(&newer);
}

static void frees(void) {
  auth_config_free(handle);
}

static void uses_and_frees(void) {
  fetches_by_itself();
  frees();
}

// Every call that takes a lock somewhere.
static void calls_everything(void) {
  static char text[65536];
  ANSWERS(auth_config_check(handle, OUT), AUTH_STATUS_OK);
  ANSWERS(auth_config_set(handle, "audience", "x", OUT), AUTH_STATUS_CONFIG_FROZEN);
  CHECK(auth_report(handle, text, sizeof text) > 0);
  CHECK(auth_metrics(handle, text, sizeof text) > 0);
  ANSWERS(auth_ready(handle, OUT), AUTH_STATUS_OK);
  ANSWERS(auth_try_verify(handle, known.text, known.length, OUT), AUTH_STATUS_OK);
  // Starts a fetch that nobody waits for: it may be cut off by the end of this process.
  ANSWERS(auth_verify(handle, forged.text, forged.length, OUT), AUTH_STATUS_SIGNATURE_INVALID);
  // A new handle knows nothing of the old one's locks, but shares what is of the process.
  auth_config *own = configured();
  ANSWERS(auth_verify(own, newer.text, newer.length, OUT), AUTH_STATUS_OK);
  auth_config_free(own);
}

// Runs `life` in a child of this child, which takes its own time limit.
static void in_grandchild(void (*life)(void)) {
  fflush(stdout);
  pid_t pid = fork();
  if (pid == 0) {
    alarm(CHILD_LIMIT_S);
    life();
    exit(failures != 0);
  }
  int status = 1;
  CHECK(pid > 0 && waitpid(pid, &status, 0) == pid && status == 0);
}

static void forks_unused(void) {
  in_grandchild(fetches_by_itself);
  accepts(&known);
}

static void forks_used(void) {
  fetches_by_itself();
  in_grandchild(frees);
  accepts(&newer);
}

// ---------------------------------------------------------------- when they are forked

// The handle has verified `known`, and the provider has rotated since.
static void warm(void) {
  known = new_token(ES256);
  forged = tampered(known);
  unknown = new_token(UNKNOWN_KID);
  handle = configured();
  accepts(&known);
}

static void after_use(void) {
  warm();
  rotate();
  newer = new_token(ES256);
  for (int i = 0; i < CHILDREN - 12; i++) bear(fetches_by_itself);
  for (int i = 0; i < 4; i++) {
    bear(frees);
    bear(uses_and_frees);
    bear(i % 2 ? forks_used : forks_unused);
  }
  bury("after use");
  // Whatever the children did.
  fetches_by_itself();
  frees();
}

static void before_use(void) {
  known = newer = new_token(ES256);
  handle = configured();
  for (int i = 0; i < 4; i++) {
    bear(frees);
    bear(uses_and_frees);
    bear(i % 2 ? forks_used : forks_unused);
  }
  bury("before the first use");
  accepts(&known);
  frees();
}

static atomic_int running, wrong;

static void *verify_known(void *argument) {
  (void)argument;
  if (auth_verify(handle, known.text, known.length, NULL, 0) != AUTH_STATUS_OK) wrong++;
  running = 0;
  return NULL;
}

// A flight of the parent is a flight that never ends in the child.
static void during_fetch(void) {
  known = newer = new_token(ES256);
  FAULT("jwks", "slow_head&ms=300");
  wrong = 0;
  for (int round = 0; round < 4; round++) {
    void (*const lives[])(void) = {accepts_known, accepts_known, frees, forks_unused};
    int during = 0;
    handle = configured();
    running = 1;
    pthread_t waiter = start(verify_known, NULL);
    pause_us(50000);
    for (int i = 0; i < CHILDREN / 4; i++) {
      bear(lives[i % 4]);
      during += running;
    }
    join(waiter);
    CHECK(during > 0); // else this test would test nothing
    accepts(&known);
    frees();
  }
  CHECK(wrong == 0);
  healthy();
  bury("during a fetch");
}

static void *call_again_and_again(void *argument) {
  const int kind = *(const int *)argument;
  static char texts[4][65536];
  while (running) {
    auth_status status = AUTH_STATUS_OK, expected = AUTH_STATUS_OK;
    switch (kind) {
    case 0:
      status = auth_verify(handle, known.text, known.length, NULL, 0);
      break;
    case 1: // looks whether a fetch is due, each time
      status = auth_verify(handle, forged.text, forged.length, NULL, 0);
      expected = AUTH_STATUS_SIGNATURE_INVALID;
      if (status != expected) break;
      status = auth_verify(handle, unknown.text, unknown.length, NULL, 0);
      expected = AUTH_STATUS_KEY_NOT_FOUND;
      break;
    case 2:
      status = auth_config_set(handle, "audience", "x", NULL, 0);
      expected = AUTH_STATUS_CONFIG_FROZEN;
      break;
    default:
      status = auth_config_check(handle, NULL, 0);
      if (auth_report(handle, texts[0], sizeof texts[0]) == 0) wrong++;
      if (auth_metrics(handle, texts[1], sizeof texts[1]) == 0) wrong++;
      if (auth_ready(handle, NULL, 0) != AUTH_STATUS_OK) wrong++;
    }
    if (status != expected) wrong++;
  }
  return NULL;
}

static void with_locks_held(void) {
  static int kinds[] = {0, 1, 2, 3};
  pthread_t threads[4];
  for (int batch = 0; batch < 4; batch++) {
    warm();
    // The two fetches that the threads would else cause: neither is due again for 30 s.
    ANSWERS(auth_verify(handle, unknown.text, unknown.length, OUT), AUTH_STATUS_KEY_NOT_FOUND);
    ANSWERS(auth_verify(handle, forged.text, forged.length, OUT), AUTH_STATUS_SIGNATURE_INVALID);
    HOLDS_SOON(threads_of_process() == alone);
    rotate();
    newer = new_token(ES256);
    wrong = 0;
    running = 1;
    for (int i = 0; i < 4; i++) threads[i] = start(call_again_and_again, &kinds[i]);
    for (int i = 0; i < CHILDREN; i++) bear(i % 4 == 0 ? fetches_by_itself : calls_everything);
    running = 0;
    for (int i = 0; i < 4; i++) join(threads[i]);
    CHECK(wrong == 0);
    bury("while threads called");
    accepts(&known);
    frees();
  }
}

// ---------------------------------------------------------------- the very first use

#define KEYS 32
static token first[KEYS];

static void accepts_all(void) {
  for (int i = 0; i < KEYS; i++) accepts(&first[i]);
  ANSWERS(auth_config_check(handle, OUT), AUTH_STATUS_OK);
  ANSWERS(auth_config_set(handle, "audience", "x", OUT), AUTH_STATUS_CONFIG_FROZEN);
}

// The keys of the provider, and its first one, which is RSA, again and again under other key ids: a
// token for each of them.
static const char *many_keys(void) {
  static char answer[16384], set[65536];
  const char *algorithms[] = {"RS256", "PS256", "ES256", "ES384", "EdDSA"};
  need(ask("GET", "/jwks", "", answer, sizeof answer) == 200, "the provider gives no keys");
  char *keys = strstr(answer, "\r\n\r\n{\"keys\":[");
  need(keys != NULL, "the provider gives no set of keys");
  keys += strlen("\r\n\r\n{\"keys\":[");
  char *kid = strstr(keys, "\"kid\":\""), *end = strchr(keys, '}');
  need(kid != NULL && end != NULL && kid < end, "the first key has no kid");
  kid += strlen("\"kid\":\"");
  char *rest = strchr(kid, '"');
  int length = snprintf(set, sizeof set, "{\"keys\":[");
  for (int i = 0; i < KEYS; i++) {
    char form[128];
    if (i < 5) {
      snprintf(form, sizeof form, "alg=%s", algorithms[i]);
    } else {
      length += snprintf(set + length, sizeof set - (size_t)length, "%.*sagain-%d%.*s},",
                         (int)(kid - keys), keys, i, (int)(end - rest), rest);
      snprintf(form, sizeof form, "alg=RS256&header=%%7B%%22kid%%22%%3A%%22again-%d%%22%%7D", i);
    }
    first[i] = new_token(form);
  }
  length += snprintf(set + length, sizeof set - (size_t)length, "%s", keys);
  need((size_t)length < sizeof set, "the set of keys is too large");
  return set;
}

static atomic_int ready;

static void *verify_first(void *argument) {
  (void)argument;
  ready = 1;
  while (!running) {
  }
  for (int i = 0; i < KEYS; i++)
    if (auth_verify(handle, first[i].text, first[i].length, NULL, 0) != AUTH_STATUS_OK) wrong++;
  return NULL;
}

static int64_t now_us(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return (int64_t)time.tv_sec * 1000000 + time.tv_nsec / 1000;
}

// The keys are set as text: one thread makes up the handle and uses each key for the first time,
// while another forks. The moment of the fork moves through all of it.
static void during_first_use(void) {
  const char *set = many_keys();
  int64_t whole = INT64_MAX; // of the fastest of some rounds without a fork
  wrong = 0;
  for (int batch = -1; batch < 4; batch++) {
    for (int i = 0; i < CHILDREN; i++) {
      handle = configured();
      STATUS(auth_config_set(handle, "keys.jwks", set, NULL, 0), AUTH_STATUS_OK);
      running = ready = 0;
      pthread_t user = start(verify_first, NULL);
      while (!ready) {
      }
      int64_t began = now_us();
      running = 1;
      if (batch >= 0) {
        while (now_us() - began < whole * i / CHILDREN) {
        }
        bear(accepts_all);
      }
      join(user);
      if (batch < 0 && now_us() - began < whole) whole = now_us() - began;
      frees();
    }
    if (batch >= 0) bury("during the first use");
  }
  CHECK(wrong == 0);
}

int main(int argc, char **argv) {
  use_provider(argc, argv);
  alone = threads_of_process();
  after_use();
  before_use();
  during_fetch();
  with_locks_held();
  during_first_use();
  printf("  %d children in all\n", lived);
  return finish("fork");
}

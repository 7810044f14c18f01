// Handles and processes that end while keys are fetched: nothing waits for the provider, and no
// thread and no descriptor is left.
#define _GNU_SOURCE
#include "check.h"
#include "provider.h"
#include <sys/wait.h>

static auth_record r;
#define OUT &r.verdict, sizeof r
#define ROUNDS 50
// So long the provider takes, and so long nothing here may.
#define SLOW_MS "5000"
#define PROMPT_MS 1000

static token good, forged;
static int alone;

static void accepts(const auth_config *c) {
  ANSWERS(auth_verify(c, good.text, good.length, OUT), AUTH_STATUS_OK);
}

static auth_config *warm(void) {
  auth_config *c = configured();
  accepts(c);
  HOLDS_SOON(threads_of_process() == alone);
  return c;
}

// ---------------------------------------------------------------- a fetch that nobody waits for

// Of a warm handle: a bad signature asks for newer keys.
static void begin_refresh(const auth_config *c) {
  ANSWERS(auth_verify(c, forged.text, forged.length, OUT), AUTH_STATUS_SIGNATURE_INVALID);
  HOLDS_SOON(threads_of_process() == alone + 1);
}

// Of a cold one.
static void begin_first_fetch(const auth_config *c) {
  ANSWERS(auth_try_verify(c, good.text, good.length, OUT), AUTH_STATUS_KEYS_PENDING);
  HOLDS_SOON(threads_of_process() == alone + 1);
}

static int64_t ms_to_free(auth_config *c) {
  int64_t began = now_ms();
  auth_config_free(c);
  return now_ms() - began;
}

// `late` rounds are another process's turn on a busy machine; a free that waited for the fetch
// would take 5 s, in every round.
static void free_is_prompt(const char *what, int cold) {
  int64_t worst = 0;
  int late = 0;
  for (int i = 0; i < ROUNDS; i++) {
    healthy();
    auth_config *c = cold ? configured() : warm();
    order("/fault?endpoint=jwks&kind=slow_head&ms=" SLOW_MS);
    if (cold) begin_first_fetch(c);
    else begin_refresh(c);
    int64_t took = ms_to_free(c);
    if (took > worst) worst = took;
    late += took >= 100;
    HOLDS_SOON(threads_of_process() == alone);
  }
  printf("  %d handles freed during %s: %d took 100 ms or more, the longest %d ms\n", ROUNDS, what,
         late, (int)worst);
  CHECK(late <= ROUNDS / 10);
  CHECK(worst < PROMPT_MS);
  healthy();
}

// ---------------------------------------------------------------- the end of a process

static auth_config *handle;

static void *wait_for_keys(void *argument) {
  (void)argument;
  (void)!auth_verify(handle, good.text, good.length, NULL, 0);
  return NULL;
}

static void free_handle(void) {
  auth_config_free(handle);
}

enum ending { NOBODY_WAITS, FIRST_FETCH, SOMEBODY_WAITS, FREED_AT_EXIT, FREED_BEFORE, ENDINGS };

// The body of a process; its answer is its exit code.
static int die(enum ending ending) {
  alone = threads_of_process();
  handle = ending == NOBODY_WAITS || ending >= FREED_AT_EXIT ? warm() : configured();
  order("/fault?endpoint=jwks&kind=slow_head&ms=" SLOW_MS);
  if (ending == FIRST_FETCH) {
    begin_first_fetch(handle);
  } else if (ending == SOMEBODY_WAITS) {
    start(wait_for_keys, NULL);
    HOLDS_SOON(threads_of_process() == alone + 2);
  } else {
    begin_refresh(handle);
  }
  if (ending == FREED_AT_EXIT) atexit(free_handle);
  if (ending == FREED_BEFORE) free_handle();
  return failures == 0 ? 10 + ending : 1;
}

static void processes_end(void) {
  for (enum ending ending = NOBODY_WAITS; ending < ENDINGS; ending++) {
    int ends[2];
    fflush(stdout);
    need(pipe(ends) == 0, "no pipe");
    pid_t pid = fork();
    need(pid >= 0, "no process can be forked");
    if (pid == 0) {
      failures = 0;
      int code = die(ending);
      int64_t began = now_ms();
      if (write(ends[1], &began, sizeof began) != sizeof began) _exit(2);
      exit(code);
    }
    int64_t began = 0;
    CHECK(read(ends[0], &began, sizeof began) == sizeof began);
    int status = 0;
    waitpid(pid, &status, 0);
    CHECK(now_ms() - began < PROMPT_MS);
    CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 10 + (int)ending);
    close(ends[0]), close(ends[1]);
    healthy();
  }
}

// ---------------------------------------------------------------- what is left

static void nothing_is_left(void) {
  HOLDS_SOON(threads_of_process() == alone);
  int files = files_of_process();
  for (int i = 0; i < 25; i++) {
    auth_config *used = configured(), *failing = configured(), *unused = configured();
    accepts(used);
    auth_config *cut = warm();
    FAULT("jwks", "truncated");
    ANSWERS(auth_verify(failing, good.text, good.length, OUT), AUTH_STATUS_KEYS_UNAVAILABLE);
    order("/fault?endpoint=jwks&kind=slow_head&ms=" SLOW_MS);
    begin_refresh(cut);
    HOLDS_SOON(files_of_process() > files); // its socket
    auth_config_free(used), auth_config_free(failing), auth_config_free(unused);
    auth_config_free(cut);
    HOLDS_SOON(threads_of_process() == alone);
    healthy();
  }
  HOLDS_SOON(files_of_process() == files);
  HOLDS_SOON(threads_of_process() == alone);
}

int main(int argc, char **argv) {
  use_provider(argc, argv);
  good = new_token(ES256);
  forged = tampered(good);
  alone = threads_of_process();
  free_is_prompt("a refresh", 0);
  free_is_prompt("the first fetch", 1);
  processes_end();
  nothing_is_left();
  return finish("exit");
}

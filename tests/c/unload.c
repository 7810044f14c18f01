// A plug-in that loads libauth, uses it and unloads it while keys are fetched. The library stays
// mapped (-z nodelete), so its thread ends in code that is there.
#define _GNU_SOURCE
#include <dlfcn.h>
#include "check.h"
#include "provider.h"
#include <signal.h>
#include <sys/wait.h>

static auth_record r;
#define OUT &r.verdict, sizeof r

// The calls of this program, and of what it includes, go to the library that is loaded.
static struct {
  auth_config *(*config_new)(void);
  auth_status (*config_set)(auth_config *, const char *, const char *, auth_verdict *, size_t);
  void (*config_free)(auth_config *);
  auth_status (*verify)(const auth_config *, const char *, size_t, auth_verdict *, size_t);
  const char *(*status_name)(int32_t);
} loaded;

auth_config *auth_config_new(void) {
  return loaded.config_new();
}
auth_status auth_config_set(auth_config *c, const char *key, const char *value, auth_verdict *out,
                            size_t size) {
  return loaded.config_set(c, key, value, out, size);
}
void auth_config_free(auth_config *c) {
  loaded.config_free(c);
}
auth_status auth_verify(const auth_config *c, const char *t, size_t n, auth_verdict *out,
                        size_t size) {
  return loaded.verify(c, t, n, out, size);
}
const char *auth_status_name(int32_t status) {
  return loaded.status_name(status);
}

static void *load(const char *path) {
  void *library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
  if (library == NULL) printf("%s\n", dlerror());
  need(library != NULL, "the library cannot be loaded");
#define LOAD(name) *(void **)&loaded.name = dlsym(library, "auth_" #name)
  LOAD(config_new), LOAD(config_set), LOAD(config_free), LOAD(verify), LOAD(status_name);
  need(loaded.config_new && loaded.config_set && loaded.config_free && loaded.verify &&
           loaded.status_name,
       "the library lacks a function");
  return library;
}

static int mapped(void) {
  char line[1024];
  int found = 0;
  FILE *maps = fopen("/proc/self/maps", "r");
  need(maps != NULL, "there is no /proc/self/maps");
  while (fgets(line, sizeof line, maps) != NULL) found += strstr(line, "libauth.so") != NULL;
  fclose(maps);
  return found > 0;
}

// The provider takes 500 ms for the refresh that a bad signature causes.
static auth_config *begin_refresh(const token *good, const token *forged, int alone) {
  auth_config *c = configured();
  ANSWERS(auth_verify(c, good->text, good->length, OUT), AUTH_STATUS_OK);
  HOLDS_SOON(threads_of_process() == alone);
  FAULT("jwks", "slow_head&ms=500");
  ANSWERS(auth_verify(c, forged->text, forged->length, OUT), AUTH_STATUS_SIGNATURE_INVALID);
  HOLDS_SOON(threads_of_process() == alone + 1);
  return c;
}

static void forks(void) {
  pid_t pid = fork();
  if (pid == 0) kill(getpid(), SIGKILL); // the handler has run
  int status = 0;
  CHECK(pid > 0 && waitpid(pid, &status, 0) == pid);
  CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
}

static token good, forged;
static int alone;
static auth_config *kept; // of an earlier life of the library

// In a thread of its own: a thread that used the library keeps it mapped while it runs, whatever
// it was linked with.
static void *use_and_unload(void *argument) {
  const char *path = argument;
  static int round;
  void *library = load(path);
  if (kept != NULL) ANSWERS(auth_verify(kept, good.text, good.length, OUT), AUTH_STATUS_OK);
  auth_config *c = begin_refresh(&good, &forged, alone + 1);
  if (round % 2 == 1) auth_config_free(c); // else it stays, and its fetch goes on
  CHECK(dlclose(library) == 0);
  CHECK(mapped());
  if (round % 2 == 0) CHECK(threads_of_process() == alone + 2); // unloaded during the fetch
  forks(); // the library's handler for forks is there
  if (round % 2 == 0) {
    if (kept != NULL) auth_config_free(kept);
    kept = c;
  }
  round++;
  return NULL;
}

int main(int argc, char **argv) {
  need(argc == 3, "usage: unload URL-OF-THE-PROVIDER PATH-OF-THE-LIBRARY");
  use_provider(argc, argv);
  good = new_token(ES256), forged = tampered(good);
  alone = threads_of_process();
  CHECK(!mapped()); // else this test would test nothing
  for (int round = 0; round < 6; round++) {
    join(start(use_and_unload, argv[2]));
    forks();
    HOLDS_SOON(threads_of_process() == alone);
    CHECK(mapped());
    healthy();
  }
  // No thread runs that used it.
  CHECK(dlclose(load(argv[2])) == 0);
  CHECK(mapped());
  forks();
  auth_config_free(kept);
  return finish("unload");
}

// A thread with a stack of 64 KiB can authorize, with its record on the heap: the whole of a cold
// verification of each algorithm, deep claims, and the fetch itself where no thread can be started
// for it. How much of the stack was written is printed.
#define _GNU_SOURCE
#include "check.h"
#include "provider.h"
#include <sys/mman.h>
#include <sys/resource.h>

#define STACK_BYTES (64 * 1024)
#define UNTOUCHED 0x5A

typedef struct call {
  const auth_config *config;
  token token;
  auth_status status;
  void (*before)(void);
} call;

static pthread_barrier_t started;

static void *authorize(void *argument) {
  call *c = argument;
  if (c == NULL) return NULL;
  if (c->before != NULL) {
    pthread_barrier_wait(&started);
    pthread_barrier_wait(&started);
  }
  char *header = malloc(c->token.length + 8);
  auth_record *record = malloc(sizeof *record);
  memcpy(header, "Bearer ", 7);
  memcpy(header + 7, c->token.text, c->token.length);
  c->status = auth_authorize(c->config, header, 7 + c->token.length, "read role:x|read", 16,
                             &record->verdict, sizeof *record);
  CHECK_RECORD(record, c->status);
  free(record);
  free(header);
  return NULL;
}

// The bytes of its stack that a thread has written, what the C library keeps there among them.
// Below it lies a page that may not be touched.
static size_t used_by(call *c) {
  size_t page = (size_t)sysconf(_SC_PAGESIZE);
  unsigned char *whole =
      mmap(NULL, page + STACK_BYTES, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  unsigned char *stack = whole + page;
  need(whole != MAP_FAILED && mprotect(stack, STACK_BYTES, PROT_READ | PROT_WRITE) == 0,
       "no memory for a stack");
  memset(stack, UNTOUCHED, STACK_BYTES);
  pthread_attr_t attributes;
  pthread_t thread;
  need(pthread_attr_init(&attributes) == 0 &&
           pthread_attr_setstack(&attributes, stack, STACK_BYTES) == 0,
       "no such stack can be asked for");
  errno = pthread_create(&thread, &attributes, authorize, c);
  need(errno == 0, "no thread can be started");
  if (c != NULL && c->before != NULL) {
    pthread_barrier_wait(&started);
    c->before();
    pthread_barrier_wait(&started);
  }
  join(thread);
  size_t untouched = 0;
  while (untouched < STACK_BYTES && stack[untouched] == UNTOUCHED) untouched++;
  pthread_attr_destroy(&attributes);
  munmap(whole, page + STACK_BYTES);
  return STACK_BYTES - untouched;
}

static size_t idle;

static void measure(const char *what, call c, auth_status expected) {
  size_t used = used_by(&c);
  printf("small_stack: %-28s %5zu bytes of %d, %5zu more than a thread that does nothing\n", what,
         used, STACK_BYTES, used - idle);
  check_status(c.status, expected, what, __LINE__);
  CHECK(used > idle && used < STACK_BYTES);
}

// root has no such limit.
static void allow_no_thread(void) {
  if (geteuid() == 0)
    need(setresgid(65534, 65534, 65534) == 0 && setresuid(65534, 65534, 65534) == 0,
         "root cannot become another user");
  struct rlimit none = {0, 0};
  need(setrlimit(RLIMIT_NPROC, &none) == 0, "the limit cannot be set");
}

// {"deep":[[[...]]]}
static token nested(int levels) {
  char form[64 + 6 * 100] = "alg=ES256&claims=%7B%22deep%22%3A";
  for (int i = 1; i < levels; i++) strcat(form, "%5B");
  for (int i = 1; i < levels; i++) strcat(form, "%5D");
  strcat(form, "%7D");
  return new_token(form);
}

int main(int argc, char **argv) {
  use_provider(argc, argv);
  need(pthread_barrier_init(&started, NULL, 2) == 0, "no barrier");
  idle = used_by(NULL);
  const char *algorithms[] = {"RS256", "PS256", "ES256", "EdDSA"};
  for (int i = 0; i < 4; i++) {
    char form[16], title[32];
    snprintf(form, sizeof form, "alg=%s", algorithms[i]);
    order("/rotate");
    auth_config *c = configured();
    token t = new_token(form);
    snprintf(title, sizeof title, "%s, no keys held", algorithms[i]);
    measure(title, (call){c, t, -1, NULL}, AUTH_STATUS_OK);
    t = new_token(form); // none that was seen before
    snprintf(title, sizeof title, "%s, keys held", algorithms[i]);
    measure(title, (call){c, t, -1, NULL}, AUTH_STATUS_OK);
    snprintf(title, sizeof title, "%s, a wrong signature", algorithms[i]);
    measure(title, (call){c, tampered(t), -1, NULL}, AUTH_STATUS_SIGNATURE_INVALID);
    auth_config_free(c);
  }

  auth_config *c = configured();
  measure("claims of 32 levels", (call){c, nested(32), -1, NULL}, AUTH_STATUS_OK);
  measure("claims of 100 levels", (call){c, nested(100), -1, NULL}, AUTH_STATUS_TOKEN_MALFORMED);
  auth_config_free(c);

  c = configured();
  measure("no thread for the fetch", (call){c, new_token(ES256), -1, allow_no_thread},
          AUTH_STATUS_OK);
  auth_config_free(c);
  return finish("small_stack");
}

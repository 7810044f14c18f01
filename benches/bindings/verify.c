// libauth in C, as a row of the table: keys over loopback, then auth_try_verify alone.
// Says and is told what README.md has.
#include <auth.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { TOKENS = 64, TOKEN_BYTES = 2048 };

typedef struct token_list {
  const char *name;
  size_t count;
  size_t lengths[TOKENS];
  char texts[TOKENS][TOKEN_BYTES];
} token_list;

static token_list lists[] = {{.name = "RS256"}, {.name = "ES256"}, {.name = "EdDSA"}};
static token_list refused = {.name = "refused"};
static auth_config *config;

static _Noreturn void fail(const char *what, const char *why) {
  fprintf(stderr, "verify: %s: %s\n", what, why);
  exit(1);
}

static FILE *open_in(const char *folder, const char *name) {
  char path[1024];
  snprintf(path, sizeof path, "%s/%s", folder, name);
  FILE *file = fopen(path, "r");
  if (file == NULL) fail(path, "cannot be read");
  return file;
}

static void read_tokens(const char *folder, token_list *list) {
  FILE *file = open_in(folder, list->name);
  while (list->count < TOKENS && fgets(list->texts[list->count], TOKEN_BYTES, file) != NULL) {
    list->lengths[list->count] = strcspn(list->texts[list->count], "\n");
    list->count++;
  }
  fclose(file);
}

static void set(const char *key, const char *folder, const char *name) {
  char value[1024] = "";
  FILE *file = open_in(folder, name);
  if (fgets(value, sizeof value, file) == NULL) fail(name, "is empty");
  fclose(file);
  if (auth_config_set(config, key, value, NULL, 0) != AUTH_STATUS_OK) fail(key, value);
}

static auth_status verdict_of(const token_list *list, size_t place) {
  auth_record r;
  return auth_try_verify(config, list->texts[place], list->lengths[place], &r.verdict, sizeof r);
}

static void pass(const token_list *list) {
  for (size_t place = 0; place < list->count; place++) {
    if (verdict_of(list, place) != AUTH_STATUS_OK) fail(list->name, "a token is refused");
  }
}

static double now_ns(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (double)now.tv_sec * 1e9 + (double)now.tv_nsec;
}

static double window(const token_list *list, double time_ns) {
  pass(list);
  const double began = now_ns();
  double took = 0;
  size_t passes = 0;
  for (; took < time_ns; took = now_ns() - began) {
    pass(list);
    passes++;
  }
  return took / (double)(passes * list->count);
}

static void prepare(const char *folder) {
  config = auth_config_new();
  set("issuer", folder, "issuer");
  set("audience", folder, "audience");
  if (auth_refresh(config, NULL, 0, NULL, 0) != AUTH_STATUS_OK) fail("keys", "cannot be fetched");
  for (size_t n = 0; n < sizeof lists / sizeof *lists; n++) {
    read_tokens(folder, &lists[n]);
    if (lists[n].count != TOKENS) fail(lists[n].name, "has not 64 tokens");
    pass(&lists[n]);
  }
  read_tokens(folder, &refused);
  if (refused.count == 0) fail("refused", "is empty");
  for (size_t place = 0; place < refused.count; place++) {
    if (verdict_of(&refused, place) == AUTH_STATUS_OK) fail("refused", "a token is accepted");
  }
}

int main(int argc, char **argv) {
  if (argc != 3) fail("usage", "verify ROW FOLDER");
  prepare(argv[2]);
  printf("ready libauth %s\n", auth_version());
  fflush(stdout);
  char name[16];
  double milliseconds;
  while (scanf("%15s %lf", name, &milliseconds) == 2) {
    const token_list *list = NULL;
    for (size_t n = 0; n < sizeof lists / sizeof *lists; n++) {
      if (strcmp(lists[n].name, name) == 0) list = &lists[n];
    }
    if (list == NULL) fail(name, "is no algorithm of this row");
    printf("%.1f\n", window(list, milliseconds * 1e6));
    fflush(stdout);
  }
  auth_config_free(config);
  return 0;
}

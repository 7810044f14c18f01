// What the programs share that need a provider: `libauth issuer`, whose URL is their first
// argument. It is asked over plain sockets. And what they share to look at their own process.
#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define AUDIENCE "https://api.example"

static char provider_url[64];
static struct sockaddr_in provider_address;

static inline int64_t now_ms(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return (int64_t)time.tv_sec * 1000 + time.tv_nsec / 1000000;
}

static inline void pause_us(int64_t microseconds) {
  struct timespec left = {microseconds / 1000000, microseconds % 1000000 * 1000};
  while (nanosleep(&left, &left) != 0 && errno == EINTR) {
  }
}

// For what makes every further check senseless.
static inline void need(int holds, const char *sentence) {
  if (holds) return;
  printf("%s: errno is %d, %s\n", sentence, errno, strerror(errno));
  exit(1);
}

// Waits until it holds, at most 10 s; where something failed already, at most 1 s.
#define HOLDS_SOON(condition)                                                                      \
  do {                                                                                             \
    int64_t until = now_ms() + (failures == 0 ? 10000 : 1000);                           \
    while (!(condition) && now_ms() < until) pause_us(1000);                                       \
    CHECK(condition);                                                                              \
  } while (0)

// One request; comes back with the HTTP status, and with the whole answer as text.
static int ask(const char *method, const char *target, const char *body, char *answer,
               size_t room) {
  int s = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  need(s >= 0 && connect(s, (void *)&provider_address, sizeof provider_address) == 0,
       "the provider cannot be reached");
  dprintf(s,
          "%s %s HTTP/1.1\r\nHost: provider\r\nContent-Length: %zu\r\n"
          "Content-Type: application/x-www-form-urlencoded\r\n\r\n%s",
          method, target, strlen(body), body);
  size_t length = 0;
  for (ssize_t got; length + 1 < room; length += (size_t)got) {
    got = read(s, answer + length, room - 1 - length);
    if (got < 0 && errno == EINTR) got = 0;
    else if (got <= 0) break;
  }
  answer[length] = '\0';
  close(s);
  need(strncmp(answer, "HTTP/1.1 ", 9) == 0, "the provider gave no HTTP answer");
  return atoi(answer + 9);
}

static inline void order(const char *target) {
  char answer[8192];
  need(ask("POST", target, "", answer, sizeof answer) == 200, target);
}

// From now on; see `libauth issuer`, GET /.
#define FAULT(endpoint, kind) order("/fault?endpoint=" endpoint "&kind=" kind)
static inline void healthy(void) {
  order("/fault?kind=none");
}

static inline void rotate(void) {
  order("/rotate");
}

#define MARKS 32
// The next answers with keys are marked: those that are left tell how many were given.
static inline void count_fetches(void) {
  FAULT("jwks", "header&name=X-Marked&value=yes&times=32");
}
static inline int fetches_counted(void) {
  static char answer[65536];
  int left = 0;
  while (ask("GET", "/jwks", "", answer, sizeof answer) == 200 && strstr(answer, "X-Marked"))
    left++;
  return MARKS - left;
}

typedef struct token {
  char text[2048];
  size_t length;
} token;

// A token of the provider, signed by its present key; `more`: form fields.
static inline token new_token(const char *more) {
  char answer[8192], form[1024];
  snprintf(form, sizeof form, "grant_type=client_credentials&lifetime=86400&scope=read&%s", more);
  need(ask("POST", "/token", form, answer, sizeof answer) == 200, "the provider gives no token");
  token t = {{0}, 0};
  char *begin = strstr(answer, "\"access_token\":\"");
  need(begin != NULL, "the answer of the provider has no token");
  begin += strlen("\"access_token\":\"");
  t.length = strcspn(begin, "\"");
  need(t.length < sizeof t.text, "the token is longer than expected");
  memcpy(t.text, begin, t.length);
  return t;
}
#define ES256 "alg=ES256"
#define UNKNOWN_KID "alg=ES256&header=%7B%22kid%22%3A%22unknown%22%7D"

// The same token with another signature.
static inline token tampered(token t) {
  char *within = &t.text[t.length - 10];
  *within = *within == 'A' ? 'B' : 'A';
  return t;
}

// A handle that accepts the tokens of the provider.
static inline auth_config *configured(void) {
  auth_config *c = auth_config_new();
  STATUS(auth_config_set(c, "issuer", provider_url, NULL, 0), AUTH_STATUS_OK);
  STATUS(auth_config_set(c, "audience", AUDIENCE, NULL, 0), AUTH_STATUS_OK);
  return c;
}

static inline void use_provider(int argc, char **argv) {
  need(argc >= 2 && strlen(argv[1]) < sizeof provider_url, "usage: PROGRAM URL-OF-THE-PROVIDER");
  strcpy(provider_url, argv[1]);
  unsigned port = 0;
  need(sscanf(provider_url, "http://127.0.0.1:%u", &port) == 1, "the URL is not of this machine");
  provider_address.sin_family = AF_INET;
  provider_address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  provider_address.sin_port = htons((uint16_t)port);
  healthy();
}

// The entries of a folder, without those that begin with a dot.
static inline int entries(const char *folder) {
  DIR *d = opendir(folder);
  need(d != NULL, folder);
  int count = 0;
  for (struct dirent *e; (e = readdir(d)) != NULL;) count += e->d_name[0] != '.';
  closedir(d);
  return count;
}
static inline int threads_of_process(void) {
  return entries("/proc/self/task");
}
// Counts the folder's own descriptor, always.
static inline int files_of_process(void) {
  return entries("/proc/self/fd");
}

static inline pthread_t start(void *(*body)(void *), void *argument) {
  pthread_t thread;
  errno = pthread_create(&thread, NULL, body, argument);
  need(errno == 0, "no thread can be started");
  return thread;
}

static inline void join(pthread_t thread) {
  pthread_join(thread, NULL);
}

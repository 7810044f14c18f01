// Signals are the host's: no handler of it ever runs on a thread of the library, no call changes a
// mask or is disturbed by a signal, and a provider that cuts connections raises no SIGPIPE.
#define _GNU_SOURCE
#include "check.h"
#include "provider.h"
#include <signal.h>
#include <stdatomic.h>
#include <sys/time.h>
#include <sys/wait.h>

static auth_record r;
#define OUT &r.verdict, sizeof r

static const int handled[] = {SIGUSR1, SIGUSR2, SIGTERM, SIGHUP,  SIGINT, SIGALRM,
                              SIGPROF, SIGCHLD, SIGIO,   SIGWINCH, SIGURG};
#define HANDLED (sizeof handled / sizeof *handled)

// ---------------------------------------------------------------- the host

static _Thread_local volatile sig_atomic_t is_host;
static atomic_int on_host, on_library;

static void record(int signal_number) {
  (void)signal_number;
  if (is_host) on_host++;
  else on_library++;
}

static void install(void) {
  struct sigaction action = {.sa_handler = record, .sa_flags = 0}; // no SA_RESTART
  for (size_t i = 0; i < HANDLED; i++) need(sigaction(handled[i], &action, NULL) == 0, "sigaction");
  action.sa_flags = SA_SIGINFO;
  need(sigaction(SIGRTMIN, &action, NULL) == 0, "sigaction of a real-time signal");
}

static sigset_t mask_of_thread(void) {
  sigset_t mask;
  pthread_sigmask(SIG_SETMASK, NULL, &mask);
  return mask;
}

static sigset_t all_handled(void) {
  sigset_t set;
  sigemptyset(&set);
  for (size_t i = 0; i < HANDLED; i++) sigaddset(&set, handled[i]);
  sigaddset(&set, SIGRTMIN);
  return set;
}

static int same_mask(const sigset_t *a, const sigset_t *b) {
  for (int s = 1; s <= SIGRTMAX; s++)
    if (sigismember(a, s) != sigismember(b, s)) return 0;
  return 1;
}

// Another process sends every signal to this one, again and again, until it is killed.
static pid_t sender(void) {
  pid_t pid = fork();
  need(pid >= 0, "no process can be forked");
  if (pid > 0) return pid;
  for (pid_t host = getppid(); getppid() == host; pause_us(200)) {
    for (size_t i = 0; i < HANDLED; i++) kill(host, handled[i]);
    kill(host, SIGRTMIN);
  }
  _exit(0);
}

static void end(pid_t pid) {
  kill(pid, SIGKILL);
  while (waitpid(pid, NULL, 0) < 0 && errno == EINTR) {
  }
}

// ---------------------------------------------------------------- threads of the library

// Looks at the threads of the process, all the time; the library's have every signal blocked.
static atomic_int looking, seen, open_to_signals;

static void look_at(const char *name) {
  char path[300], line[256];
  snprintf(path, sizeof path, "/proc/self/task/%s/status", name);
  FILE *status = fopen(path, "r");
  if (status == NULL) return; // it has ended
  int of_library = 0;
  unsigned long long blocked = 0;
  while (fgets(line, sizeof line, status) != NULL) {
    if (strncmp(line, "Name:\tlibauth", 13) == 0) of_library = 1;
    sscanf(line, "SigBlk: %llx", &blocked);
  }
  fclose(status);
  if (!of_library) return;
  seen++;
  for (size_t i = 0; i < HANDLED; i++)
    if ((blocked >> (handled[i] - 1) & 1) == 0) open_to_signals++;
  if ((blocked >> (SIGRTMIN - 1) & 1) == 0 || (blocked >> (SIGPIPE - 1) & 1) == 0)
    open_to_signals++;
}

static void *look(void *argument) {
  (void)argument;
  is_host = 1;
  while (looking) {
    DIR *tasks = opendir("/proc/self/task");
    for (struct dirent *e; tasks != NULL && (e = readdir(tasks)) != NULL;)
      if (e->d_name[0] != '.') look_at(e->d_name);
    closedir(tasks);
    pause_us(5000);
  }
  return NULL;
}

// ---------------------------------------------------------------- the tests

// A cold handle, the first fetch of which takes 200 ms.
static void slow_fetch(const token *t) {
  auth_config *c = configured();
  int64_t began = now_ms();
  ANSWERS(auth_verify(c, t->text, t->length, OUT), AUTH_STATUS_OK);
  CHECK(now_ms() - began >= 200); // it was fetched, and waited for
  auth_config_free(c);
}

// `blocked`: the host takes no signal itself. The system would then give it to any thread that
// takes it.
static void under_fire(int blocked) {
  token t = new_token(ES256);
  sigset_t set = all_handled(), before;
  pthread_sigmask(blocked ? SIG_BLOCK : SIG_UNBLOCK, &set, &before);
  FAULT("jwks", "slow_head&ms=200");
  seen = open_to_signals = on_host = on_library = 0;
  looking = 1;
  sigset_t all, own;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &own); // of the looker from its first moment
  pthread_t looker = start(look, NULL);
  pthread_sigmask(SIG_SETMASK, &own, NULL);
  pid_t pid = sender();
  for (int i = 0; i < 8; i++) slow_fetch(&t);
  end(pid);
  looking = 0;
  join(looker);
  CHECK(seen > 0); // else this test would test nothing
  CHECK(open_to_signals == 0);
  CHECK(on_library == 0);
  CHECK(blocked ? on_host == 0 : on_host > 100);
  sigset_t pending;
  sigpending(&pending);
  CHECK(sigismember(&pending, SIGUSR1) == blocked);
  pthread_sigmask(SIG_SETMASK, &before, NULL);
  if (blocked) CHECK(on_host > 0 && on_library == 0);
  printf("  signals %s: %d handlers ran on threads of the host, %d on the library's\n",
         blocked ? "blocked" : "taken", on_host, on_library);
  healthy();
}

#define KEEPS_MASK(call)                                                                           \
  do {                                                                                             \
    sigset_t before = mask_of_thread();                                                            \
    (void)!(call);                                                                                 \
    sigset_t after = mask_of_thread();                                                             \
    check(same_mask(&before, &after), "the mask is as before " #call, __LINE__);                   \
  } while (0)

static void masks_stay(void) {
  token t = new_token(ES256), unknown = new_token(UNKNOWN_KID), forged = tampered(t);
  static char text[65536];
  sigset_t odd, before;
  sigemptyset(&odd);
  sigaddset(&odd, SIGUSR2), sigaddset(&odd, SIGTERM), sigaddset(&odd, SIGRTMAX);
  for (int full = 0; full < 2; full++) {
    if (full) sigfillset(&odd);
    pthread_sigmask(SIG_SETMASK, &odd, &before);
    auth_config *c = configured();
    KEEPS_MASK(auth_ready(c, OUT));
    KEEPS_MASK(auth_try_verify(c, t.text, t.length, OUT));
    KEEPS_MASK(auth_verify(c, t.text, t.length, OUT));
    KEEPS_MASK(auth_verify(c, unknown.text, unknown.length, OUT));
    KEEPS_MASK(auth_verify(c, forged.text, forged.length, OUT));
    KEEPS_MASK(auth_refresh(c, NULL, 0, OUT));
    KEEPS_MASK(auth_config_set(c, "audience", "x", OUT));
    KEEPS_MASK(auth_config_check(c, OUT));
    KEEPS_MASK(auth_report(c, text, sizeof text));
    KEEPS_MASK(auth_metrics(c, text, sizeof text));
    KEEPS_MASK((auth_config_free(c), 0));
    pthread_sigmask(SIG_SETMASK, &before, NULL);
  }
}

// Resets each connection at once: a later write to it is what raises SIGPIPE.
static void *reset_connections(void *argument) {
  int listener = *(const int *)argument;
  for (int s; (s = accept(listener, NULL, NULL)) >= 0;) {
    struct linger now = {1, 0};
    setsockopt(s, SOL_SOCKET, SO_LINGER, &now, sizeof now);
    close(s);
  }
  return NULL;
}

static void broken_connections(void) {
  token t = new_token(ES256);
  CHECK(signal(SIGPIPE, SIG_DFL) != SIG_ERR);
  const char *faults[] = {
      "/fault?endpoint=jwks&kind=close",
      "/fault?endpoint=jwks&kind=truncated",
      "/fault?endpoint=discovery&kind=close",
      "/fault?endpoint=discovery&kind=truncated",
  };
  for (int i = 0; i < 4; i++) {
    order(faults[i]);
    auth_config *c = configured();
    ANSWERS(auth_verify(c, t.text, t.length, OUT),
            i < 2 ? AUTH_STATUS_KEYS_UNAVAILABLE : AUTH_STATUS_DISCOVERY_FAILED);
    auth_config_free(c);
    healthy();
  }
  int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  struct sockaddr_in address = provider_address;
  socklen_t length = sizeof address;
  address.sin_port = 0;
  need(bind(listener, (void *)&address, length) == 0 && listen(listener, 8) == 0 &&
           getsockname(listener, (void *)&address, &length) == 0,
       "no port to listen on");
  pthread_t resetter = start(reset_connections, &listener);
  char uri[64];
  snprintf(uri, sizeof uri, "http://127.0.0.1:%u/jwks", ntohs(address.sin_port));
  for (int i = 0; i < 20; i++) {
    auth_config *c = configured();
    STATUS(auth_config_set(c, "keys.jwks_uri", uri, NULL, 0), AUTH_STATUS_OK);
    ANSWERS(auth_verify(c, t.text, t.length, OUT), AUTH_STATUS_KEYS_UNAVAILABLE);
    auth_config_free(c);
  }
  shutdown(listener, SHUT_RDWR);
  join(resetter);
  close(listener);
}

// SIGALRM every millisecond, and the handler restarts nothing.
static void interrupted_waits(void) {
  token t = new_token(ES256);
  FAULT("jwks", "slow_head&ms=200");
  on_host = on_library = 0;
  struct itimerval each_ms = {{0, 1000}, {0, 1000}}, never = {{0, 0}, {0, 0}};
  setitimer(ITIMER_REAL, &each_ms, NULL);
  for (int i = 0; i < 4; i++) slow_fetch(&t);
  setitimer(ITIMER_REAL, &never, NULL);
  CHECK(on_host > 100 && on_library == 0);
  healthy();
}

int main(int argc, char **argv) {
  use_provider(argc, argv);
  is_host = 1;
  install();
  under_fire(1);
  under_fire(0);
  masks_stay();
  interrupted_waits();
  broken_connections();
  return finish("signals");
}

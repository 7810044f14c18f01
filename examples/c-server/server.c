// A web API protected by libauth on libmicrohttpd: a table says which route needs what.
//     LIBAUTH_ISSUER=https://id.example LIBAUTH_AUDIENCE=https://api.example server PORT
// Every option of docs/options.md is a variable LIBAUTH_...; a wrong one ends the start with 4.
#define _POSIX_C_SOURCE 200809L
#include <arpa/inet.h>
#include <auth.h>
#include <microhttpd.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

// ---------------------------------------------------------------- answers

// `refusal` may be NULL; its challenge and its seconds become headers.
static enum MHD_Result reply(struct MHD_Connection *connection, unsigned http_status,
                             const char *type, const char *body, const auth_verdict *refusal) {
  struct MHD_Response *response =
      MHD_create_response_from_buffer(strlen(body), (void *)body, MHD_RESPMEM_MUST_COPY);
  if (response == NULL) return MHD_NO;
  MHD_add_response_header(response, "Content-Type", type);
  if (refusal != NULL && refusal->challenge.length > 0)
    MHD_add_response_header(response, "WWW-Authenticate",
                            auth_text_of(refusal, refusal->challenge));
  if (refusal != NULL && refusal->retry_after_s > 0) {
    char seconds[11];
    snprintf(seconds, sizeof seconds, "%u", (unsigned)refusal->retry_after_s);
    MHD_add_response_header(response, "Retry-After", seconds);
  }
  enum MHD_Result queued = MHD_queue_response(connection, http_status, response);
  MHD_destroy_response(response);
  return queued;
}

// The body of RFC 9457 that libauth wrote.
static enum MHD_Result refuse(struct MHD_Connection *connection, const auth_verdict *verdict) {
  return reply(connection, (unsigned)verdict->http_status, "application/problem+json",
               auth_text_of(verdict, verdict->problem), verdict);
}

// ---------------------------------------------------------------- routes

typedef enum MHD_Result handler(struct MHD_Connection *connection, const auth_config *auth,
                                const auth_verdict *caller);

static enum MHD_Result list_orders(struct MHD_Connection *connection, const auth_config *auth,
                                   const auth_verdict *caller) {
  (void)auth, (void)caller;
  return reply(connection, 200, "application/json", "{\"orders\":[\"book\",\"lamp\"]}", NULL);
}

static enum MHD_Result add_order(struct MHD_Connection *connection, const auth_config *auth,
                                 const auth_verdict *caller) {
  (void)auth, (void)caller;
  return reply(connection, 201, "application/json", "{\"added\":\"lamp\"}", NULL);
}

static enum MHD_Result tell_claims(struct MHD_Connection *connection, const auth_config *auth,
                                   const auth_verdict *caller) {
  (void)auth;
  return reply(connection, 200, "application/json", auth_text_of(caller, caller->claims), NULL);
}

// Liveness: it asks nothing of anybody. A provider that is down is no reason to restart a server.
static enum MHD_Result tell_alive(struct MHD_Connection *connection, const auth_config *auth,
                                  const auth_verdict *caller) {
  (void)auth, (void)caller;
  return reply(connection, 200, "application/json", "{\"status\":\"alive\"}", NULL);
}

// Readiness: starts the first fetch of the keys, and is 503 until they are here.
static enum MHD_Result tell_ready(struct MHD_Connection *connection, const auth_config *auth,
                                  const auth_verdict *caller) {
  (void)caller;
  auth_record record;
  if (auth_ready(auth, &record.verdict, sizeof record) != AUTH_STATUS_OK)
    return refuse(connection, &record.verdict);
  return reply(connection, 200, "application/json", "{\"status\":\"ready\"}", NULL);
}

static enum MHD_Result tell_metrics(struct MHD_Connection *connection, const auth_config *auth,
                                    const auth_verdict *caller) {
  (void)caller;
  char *text = NULL;
  for (size_t room = 0, needed; (needed = auth_metrics(auth, text, room)) >= room;) {
    room = needed + 1024; // counters grow from one call to the next
    free(text);
    if ((text = malloc(room)) == NULL) return MHD_NO;
  }
  enum MHD_Result queued = reply(connection, 200, "text/plain; version=0.0.4", text, NULL);
  free(text);
  return queued;
}

// What is not here is not served. Without `open`, a token is needed that is good for `require`.
static const struct route {
  const char *method, *path, *require;
  handler *handle;
  int open;
} routes[] = {
    {"GET", "/orders", "read:orders", list_orders, 0},
    {"POST", "/orders", "write:orders", add_order, 0},
    {"GET", "/me", "", tell_claims, 0}, // any valid token
    {"GET", "/healthz", "", tell_alive, 1},
    {"GET", "/readyz", "", tell_ready, 1},
    {"GET", "/metrics", "", tell_metrics, 1}, // for a port that the world does not reach
};
#define ROUTES (sizeof routes / sizeof *routes)

// 404, or 405. OPTIONS of a path that is here: 204 without a token, because the preflight of a
// browser carries none. It allows no other origin: that would be Access-Control-Allow-... headers.
static enum MHD_Result no_route(struct MHD_Connection *connection, const char *method,
                                const char *path) {
  char allow[64] = "OPTIONS";
  int found = 0;
  for (size_t i = 0; i < ROUTES; i++) {
    if (strcmp(routes[i].path, path) != 0) continue;
    found = 1;
    strcat(allow, strcmp(routes[i].method, "GET") == 0 ? ", GET, HEAD" : ", POST");
  }
  if (!found) return reply(connection, 404, "text/plain", "not found\n", NULL);
  struct MHD_Response *response =
      MHD_create_response_from_buffer(0, (void *)"", MHD_RESPMEM_PERSISTENT);
  if (response == NULL) return MHD_NO;
  MHD_add_response_header(response, "Allow", allow);
  enum MHD_Result queued =
      MHD_queue_response(connection, strcmp(method, "OPTIONS") == 0 ? 204 : 405, response);
  MHD_destroy_response(response);
  return queued;
}

// ---------------------------------------------------------------- authorization

struct credentials { // the Authorization header: its bytes, and how many of them came
  const char *value;
  size_t length;
  int count;
};

static enum MHD_Result collect(void *into, enum MHD_ValueKind kind, const char *name,
                               size_t name_length, const char *value, size_t length) {
  struct credentials *credentials = into;
  (void)kind, (void)name_length;
  if (strcasecmp(name, "Authorization") != 0) return MHD_YES;
  credentials->value = value;
  credentials->length = length;
  credentials->count += 1;
  return MHD_YES;
}

// One call, one record on the stack, nothing to free. It waits for the network only while no keys
// of the issuer are held, and then for keys.timeout at most: a thread of the pool may do that. The
// connections of that one thread wait with it; send traffic once /readyz is 200, and none does.
static auth_status authorize(const auth_config *auth, struct MHD_Connection *connection,
                             const char *require, auth_record *record) {
  struct credentials header = {NULL, 0, 0};
  MHD_get_connection_values_n(connection, MHD_HEADER_KIND, collect, &header);
  if (header.count > 1) { // which of them would the next server take?
    const char *detail = "more than one Authorization header";
    return auth_describe(auth, AUTH_STATUS_HEADER_MALFORMED, detail, strlen(detail),
                         &record->verdict, sizeof *record);
  }
  return auth_authorize(auth, header.value, header.length, require, strlen(require),
                        &record->verdict, sizeof *record);
}

enum { LONGEST_BODY = 1 << 20 };

static enum MHD_Result handle(void *auth, struct MHD_Connection *connection, const char *path,
                              const char *method, const char *version, const char *upload,
                              size_t *upload_size, void **state) {
  (void)version, (void)upload;
  // Comes again while the body does: it is passed over, and counted in *state, plus one.
  size_t passed = *state == NULL ? 0 : (size_t)*state - 1;
  if (*upload_size > LONGEST_BODY - passed) return MHD_NO; // closes the connection
  if (*state == NULL || *upload_size > 0) {
    *state = (void *)(passed + *upload_size + 1);
    *upload_size = 0;
    return MHD_YES;
  }
  const char *wanted = strcmp(method, "HEAD") == 0 ? "GET" : method;
  const struct route *route = routes, *end = routes + ROUTES;
  while (route < end && (strcmp(route->method, wanted) != 0 || strcmp(route->path, path) != 0))
    route++;
  if (route == end) return no_route(connection, method, path);
  if (route->open) return route->handle(connection, auth, NULL);

  auth_record record;
  const auth_verdict *verdict = &record.verdict;
  if (authorize(auth, connection, route->require, &record) == AUTH_STATUS_OK)
    return route->handle(connection, auth, verdict);
  fprintf(stderr, "%s %s: %s: %s\n", route->method, route->path,
          auth_text_of(verdict, verdict->code), auth_text_of(verdict, verdict->log));
  return refuse(connection, verdict);
}

// ---------------------------------------------------------------- start and end

static void require_ok(auth_status status, const auth_verdict *verdict) {
  if (verdict->log.length > 0) // of an OK: a warning
    fprintf(stderr, "%s: %s\n", auth_text_of(verdict, verdict->code),
            auth_text_of(verdict, verdict->log));
  if (status != AUTH_STATUS_OK) exit(4);
}

int main(int argc, char **argv) {
  char *end = NULL;
  long port = argc == 2 ? strtol(argv[1], &end, 10) : -1;
  if (end == NULL || end == argv[1] || *end != '\0' || port < 0 || port > 65535) {
    fprintf(stderr, "usage: LIBAUTH_ISSUER=... LIBAUTH_AUDIENCE=... server PORT\n");
    return 2;
  }
  auth_config *auth = auth_config_new();
  auth_record record;
  require_ok(auth_config_load_env(auth, &record.verdict, sizeof record), &record.verdict);
  require_ok(auth_config_check(auth, &record.verdict, sizeof record), &record.verdict);

  sigset_t stop; // blocked before the first thread starts, so that sigwait below gets them
  int received;
  sigemptyset(&stop);
  sigaddset(&stop, SIGINT);
  sigaddset(&stop, SIGTERM);
  pthread_sigmask(SIG_BLOCK, &stop, NULL);

  // Four threads, each with an epoll of its own and a share of the connections.
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  struct MHD_Daemon *daemon = MHD_start_daemon(
      MHD_USE_AUTO | MHD_USE_INTERNAL_POLLING_THREAD, 0, NULL, NULL, handle, auth,
      MHD_OPTION_SOCK_ADDR, &address, MHD_OPTION_THREAD_POOL_SIZE, 4u,
      MHD_OPTION_CONNECTION_TIMEOUT, 10u, MHD_OPTION_END);
  if (daemon == NULL) {
    perror("cannot listen");
    return 1;
  }
  printf("listening on http://127.0.0.1:%u\n",
         (unsigned)MHD_get_daemon_info(daemon, MHD_DAEMON_INFO_BIND_PORT)->port);
  fflush(stdout);
  sigwait(&stop, &received);
  MHD_stop_daemon(daemon);
  auth_config_free(auth);
  return 0;
}

// A web API protected by libauth: GET /orders needs the scope read:orders, GET /me any valid token.
//     server PORT key=value...      for instance: server 8080 issuer=https://id.example
//     audience=https://api.example
#define _POSIX_C_SOURCE 200809L
#include <arpa/inet.h>
#include <auth.h>
#include <microhttpd.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

static enum MHD_Result reply(struct MHD_Connection *connection, unsigned http_status,
                             const char *type, const char *body, const char *challenge,
                             uint32_t retry_after_s) {
  struct MHD_Response *response =
      MHD_create_response_from_buffer(strlen(body), (void *)body, MHD_RESPMEM_MUST_COPY);
  if (response == NULL) return MHD_NO;
  MHD_add_response_header(response, "Content-Type", type);
  if (challenge[0] != '\0') MHD_add_response_header(response, "WWW-Authenticate", challenge);
  if (retry_after_s > 0) {
    char seconds[11];
    snprintf(seconds, sizeof seconds, "%u", (unsigned)retry_after_s);
    MHD_add_response_header(response, "Retry-After", seconds);
  }
  enum MHD_Result queued = MHD_queue_response(connection, http_status, response);
  MHD_destroy_response(response);
  return queued;
}

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

// The whole of authorization: one call, one record on the stack, nothing to free.
static auth_status authorize(const auth_config *auth, struct MHD_Connection *connection,
                             const char *require, auth_record *record) {
  struct credentials header = {NULL, 0, 0};
  MHD_get_connection_values_n(connection, MHD_HEADER_KIND, collect, &header);
  if (header.count > 1) {
    const char *detail = "more than one Authorization header";
    return auth_describe(auth, AUTH_STATUS_HEADER_MALFORMED, detail, strlen(detail),
                         &record->verdict, sizeof *record);
  }
  return auth_authorize(auth, header.value, header.length, require, strlen(require),
                        &record->verdict, sizeof *record);
}

static enum MHD_Result handle(void *auth, struct MHD_Connection *connection, const char *path,
                              const char *method, const char *version, const char *upload,
                              size_t *upload_size, void **state) {
  (void)version, (void)upload;
  if (*state == NULL ||
      *upload_size >
          0) { // asked again when the body is in: an earlier answer closes the connection
    *state = connection;
    *upload_size = 0;
    return MHD_YES;
  }
  int orders = strcmp(path, "/orders") == 0, me = strcmp(path, "/me") == 0;
  if (strcmp(method, "GET") != 0 || !(orders || me))
    return reply(connection, MHD_HTTP_NOT_FOUND, "text/plain", "not found\n", "", 0);

  auth_record record;
  const auth_verdict *verdict = &record.verdict;
  if (authorize(auth, connection, orders ? "read:orders" : "", &record) != AUTH_STATUS_OK) {
    fprintf(stderr, "%s %s: %s: %s\n", method, path, auth_text_of(verdict, verdict->code),
            auth_text_of(verdict, verdict->log));
    return reply(connection, (unsigned)verdict->http_status, "application/problem+json",
                 auth_text_of(verdict, verdict->problem), auth_text_of(verdict, verdict->challenge),
                 verdict->retry_after_s);
  }
  return reply(connection, MHD_HTTP_OK, "application/json",
               me ? auth_text_of(verdict, verdict->claims) : "{\"orders\":[\"book\",\"lamp\"]}", "",
               0);
}

static void require_ok(auth_status status, const auth_record *record) {
  if (status == AUTH_STATUS_OK) return;
  fprintf(stderr, "%s: %s\n", auth_text_of(&record->verdict, record->verdict.code),
          auth_text_of(&record->verdict, record->verdict.log));
  exit(4);
}

int main(int argc, char **argv) {
  char *end = NULL;
  long port = argc > 1 ? strtol(argv[1], &end, 10) : -1;
  if (end == NULL || end == argv[1] || *end != '\0' || port < 0 || port > 65535) {
    fprintf(stderr, "usage: server PORT key=value...\n");
    return 2;
  }
  auth_config *auth = auth_config_new();
  auth_record record;
  for (int i = 2; i < argc; i++) {
    char *value = strchr(argv[i], '=');
    if (value != NULL) *value++ = '\0';
    require_ok(auth_config_set(auth, argv[i], value, &record.verdict, sizeof record), &record);
  }
  require_ok(auth_config_check(auth, &record.verdict, sizeof record), &record);

  sigset_t stop; // blocked before the first thread starts, so that sigwait below gets them
  int received;
  sigemptyset(&stop);
  sigaddset(&stop, SIGINT);
  sigaddset(&stop, SIGTERM);
  pthread_sigmask(SIG_BLOCK, &stop, NULL);

  struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  struct MHD_Daemon *daemon = MHD_start_daemon(
      MHD_USE_AUTO | MHD_USE_INTERNAL_POLLING_THREAD, 0, NULL, NULL, handle, auth,
      MHD_OPTION_SOCK_ADDR, &address, MHD_OPTION_THREAD_POOL_SIZE, 4u, MHD_OPTION_END);
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

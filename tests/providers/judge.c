// Judges through the C ABI what a runner sends, knowing nothing but auth.h.
//     judge      reads one JSON object a line on stdin, answers one JSON object a line on stdout:
//     {"handle":"a","options":{…}}                 makes handle a anew
//     {"handle":"a","header":"…","require":"…"}    auth_authorize; a member that is absent is NULL
//     {"handle":"a","refresh":true}                auth_refresh of every issuer
//     {"handle":"a","report":true}                 auth_report
#define _POSIX_C_SOURCE 200809L
#include <auth.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { HANDLES = 64 };

static struct {
  char name[64];
  auth_config *config;
} handles[HANDLES];

static void die(const char *why) {
  fprintf(stderr, "judge: %s\n", why);
  exit(1);
}

static int place_of(const char *name) {
  int place = 0;
  while (place < HANDLES && handles[place].config && strcmp(handles[place].name, name) != 0)
    place++;
  if (place == HANDLES || strlen(name) >= sizeof handles[0].name) die("too many handles");
  return place;
}

static json_t *text(const auth_verdict *verdict, auth_text part) {
  json_t *value = json_stringn(auth_text_of(verdict, part), part.length);
  if (!value) die("a text of the verdict is not UTF-8");
  return value;
}

static json_t *answer(auth_status status, const auth_verdict *verdict) {
  if (status != (auth_status)verdict->status) die("the record has another status");
  return json_pack("{s:s, s:i, s:i, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o}", //
      "status", auth_status_name(status), "http", (int)verdict->http_status,  //
      "retry_after_s", (int)verdict->retry_after_s,                           //
      "code", text(verdict, verdict->code), "log", text(verdict, verdict->log),
      "challenge", text(verdict, verdict->challenge), "claims", text(verdict, verdict->claims),
      "issuer", text(verdict, verdict->issuer), "subject", text(verdict, verdict->subject),
      "client_id", text(verdict, verdict->client_id), "scopes", text(verdict, verdict->scopes));
}

static json_t *report(const auth_config *config) {
  size_t size = auth_report(config, NULL, 0) + 4096;
  char *room = malloc(size);
  if (!room || auth_report(config, room, size) >= size) die("the report does not fit");
  json_t *told = json_loads(room, 0, NULL);
  free(room);
  return told;
}

static json_t *serve(const json_t *asked) {
  const char *name = json_string_value(json_object_get(asked, "handle"));
  if (!name) die("no handle is named");
  int place = place_of(name);
  auth_record record;
  const json_t *options = json_object_get(asked, "options");
  if (options) {
    auth_config_free(handles[place].config);
    auth_config *config = handles[place].config = auth_config_new();
    if (!config) die("no handle can be made");
    strcpy(handles[place].name, name);
    char *set = json_dumps(options, 0);
    auth_status status = auth_config_load(config, set, strlen(set), &record.verdict, sizeof record);
    free(set);
    if (status == AUTH_STATUS_OK)
      status = auth_config_check(config, &record.verdict, sizeof record);
    return answer(status, &record.verdict);
  }
  const auth_config *config = handles[place].config;
  if (!config) die("a handle is used before it is made");
  if (json_object_get(asked, "report")) return report(config);
  if (json_object_get(asked, "refresh"))
    return answer(auth_refresh(config, NULL, 0, &record.verdict, sizeof record), &record.verdict);
  const json_t *header = json_object_get(asked, "header");
  const json_t *require = json_object_get(asked, "require");
  auth_status status = auth_authorize(config, json_string_value(header),
      json_string_length(header), json_string_value(require), json_string_length(require),
      &record.verdict, sizeof record);
  return answer(status, &record.verdict);
}

int main(void) {
  if (auth_abi() != AUTH_ABI) die("the library has another ABI than its header");
  char *line = NULL;
  size_t room = 0;
  while (getline(&line, &room, stdin) > 0) {
    json_t *asked = json_loads(line, 0, NULL);
    if (!asked) die("a line is no JSON object");
    json_t *told = serve(asked);
    if (!told || json_dumpf(told, stdout, JSON_COMPACT)) die("the answer cannot be written");
    putchar('\n');
    fflush(stdout);
    json_decref(told);
    json_decref(asked);
  }
  free(line);
  for (int place = 0; place < HANDLES; place++) auth_config_free(handles[place].config);
  return 0;
}

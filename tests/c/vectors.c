// Runs every conformance vector, knowing nothing but auth.h: tests/vectors/README.md is the rule.
//     vectors FILE      from the root of the checkout; FILE gets one line a case
// What a vector file holds beyond the rule ends the program: no case and no member is passed over.
#define _POSIX_C_SOURCE 200809L
#include "token.h"
#include <auth.h>
#include <glob.h>
#include <inttypes.h>
#include <jansson.h>
#include <openssl/evp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct text {
  const char *bytes;
  size_t length;
} text;

// A case as its file has it.
typedef struct vector {
  const char *id;
  json_int_t now;
  text header, header_b64, require, require_b64, load, load_b64, claims, claims_b64;
  json_t *options, *set, *expect;
} vector;

// What is asked of the library, as often as one likes.
typedef struct call {
  enum { CHECK, LOAD, REQUIRE, AUTHORIZE } kind;
  auth_config *config;
  text input, require;
  int64_t now;
} call;

static auth_record accepted; // holds an accepted verdict
static char place[512];      // the file or case that is at work
static json_t *statuses;
static int cases, faults;

#if defined(__GNUC__)
static void die(const char *format, ...) __attribute__((noreturn, format(printf, 1, 2)));
static void unless(int fine, const char *format, ...) __attribute__((format(printf, 2, 3)));
#endif

static void die(const char *format, ...) {
  va_list arguments;
  va_start(arguments, format);
  fprintf(stderr, "vectors: %s: ", place);
  vfprintf(stderr, format, arguments);
  fputc('\n', stderr);
  exit(1);
}

static void unless(int fine, const char *format, ...) {
  if (fine) return;
  va_list arguments;
  va_start(arguments, format);
  fprintf(stderr, "%s: ", place);
  vfprintf(stderr, format, arguments);
  fputc('\n', stderr);
  va_end(arguments);
  faults += 1;
}

static void *memory(size_t size) {
  void *start = malloc(size);
  if (start == NULL && size > 0) die("no memory");
  return start;
}

static int same(text a, text b) {
  return a.length == b.length && (a.length == 0 || memcmp(a.bytes, b.bytes, a.length) == 0);
}

static text text_at(const auth_verdict *verdict, auth_text at) {
  return (text){auth_text_of(verdict, at), at.length};
}

// SHA-256 over the texts with a NUL between, in hex.
static void sha256(const text *texts, size_t count, char hex[65]) {
  unsigned char hash[EVP_MAX_MD_SIZE];
  EVP_MD_CTX *state = EVP_MD_CTX_new();
  int fine = state != NULL && EVP_DigestInit_ex(state, EVP_sha256(), NULL);
  for (size_t i = 0; i < count; i++) {
    fine = fine && (i == 0 || EVP_DigestUpdate(state, "", 1));
    fine = fine && EVP_DigestUpdate(state, texts[i].bytes, texts[i].length);
  }
  if (!fine || !EVP_DigestFinal_ex(state, hash, NULL)) die("no SHA-256");
  EVP_MD_CTX_free(state);
  for (size_t i = 0; i < 32; i++) snprintf(hex + 2 * i, 3, "%02x", hash[i]);
}

// ---------------------------------------------------------------- from JSON to arguments

static text decoded(text b64) {
  unsigned char *bytes = memory(b64.length + 1);
  int length = EVP_DecodeBlock(bytes, (const unsigned char *)b64.bytes, (int)b64.length);
  if (length < 0 || (size_t)length != b64.length / 4 * 3) die("no base64: %s", b64.bytes);
  for (size_t end = b64.length; end > 0 && b64.bytes[end - 1] == '='; end--) length--;
  return (text){(char *)bytes, (size_t)length};
}

// A copy in memory of exactly that length, so that a tool sees a byte read beyond; the caller frees
// it. NULL when there is neither form.
static text argument(text plain, text b64) {
  if (plain.bytes != NULL && b64.bytes != NULL) die("a text and its base64 at once");
  if (plain.bytes == NULL && b64.bytes == NULL) return plain;
  text from = b64.bytes != NULL ? decoded(b64) : plain;
  char *copy = memory(from.length);
  memcpy(copy, from.bytes, from.length);
  if (b64.bytes != NULL) free((char *)from.bytes);
  return (text){copy, from.length};
}

static int by_bytes(const void *a, const void *b) {
  return strcmp(*(const char *const *)a, *(const char *const *)b);
}

// A text as it stands, any other value as JSON.
static char *value_of(const json_t *option) {
  char *value = json_is_string(option)
                    ? strdup(json_string_value(option))
                    : json_dumps(option, JSON_COMPACT | JSON_SORT_KEYS | JSON_ENCODE_ANY);
  if (value == NULL) die("no memory");
  if (json_is_string(option) && strlen(value) != json_string_length(option))
    die("an option with a NUL");
  return value;
}

// What is answered, a later call repeats.
static void set_all(auth_config *config, json_t *options) {
  if (!json_is_object(options)) die("options that are no object");
  size_t count = 0;
  const char **keys = memory(json_object_size(options) * sizeof *keys), *key;
  json_t *option;
  json_object_foreach(options, key, option) keys[count++] = key;
  if (count > 0) qsort(keys, count, sizeof *keys, by_bytes);
  for (size_t i = 0; i < count; i++) {
    char *name = strdup(keys[i]), *value = value_of(json_object_get(options, keys[i]));
    (void)auth_config_set(config, name, value, NULL, 0);
    free(name);
    free(value);
  }
  free(keys);
}

static auth_config *configured(json_t *of_file, json_t *of_case) {
  auth_config *config = auth_config_new();
  json_t *options = json_copy(of_file);
  if (config == NULL || options == NULL) die("no memory");
  if (of_case != NULL && json_object_update(options, of_case) != 0) die("options of the case");
  set_all(config, options);
  json_decref(options);
  return config;
}

static vector parsed(json_t *json) {
  vector v = {0};
  json_error_t error;
  int result = json_unpack_ex(
      json, &error, JSON_STRICT,
      "{s:s, s?I, s?s%, s?s%, s?s%, s?s%, s?s%, s?s%, s?s%, s?s%, s?o, s?o, s:o}", "id", &v.id,
      "now", &v.now, "header", &v.header.bytes, &v.header.length, "header_b64",
      &v.header_b64.bytes, &v.header_b64.length, "require", &v.require.bytes, &v.require.length,
      "require_b64", &v.require_b64.bytes, &v.require_b64.length, "load", &v.load.bytes,
      &v.load.length, "load_b64", &v.load_b64.bytes, &v.load_b64.length, "claims",
      &v.claims.bytes, &v.claims.length, "claims_b64", &v.claims_b64.bytes, &v.claims_b64.length,
      "options", &v.options, "set", &v.set, "expect", &v.expect);
  if (result != 0) die("%s", error.text);
  return v;
}

// ---------------------------------------------------------------- calls and answers

static auth_status ask(const call *c, auth_verdict *out, size_t out_size) {
  const char *input = c->input.bytes, *require = c->require.bytes;
  size_t input_len = c->input.length, require_len = c->require.length;
  switch (c->kind) {
  case CHECK: return auth_config_check(c->config, out, out_size);
  case LOAD: return auth_config_load(c->config, input, input_len, out, out_size);
  case REQUIRE:
    return auth_require(c->config, input, input_len, require, require_len, out, out_size);
  default:
    return auth_authorize_at(c->config, input, input_len, require, require_len, c->now, out,
                             out_size);
  }
}

// The texts of a record lie behind its head, inside of it, and a NUL follows each.
static void check_record(const auth_verdict *v, size_t room, auth_status returned) {
  if (v->size < sizeof *v || v->size > room) die("a record of %" PRIu32 " bytes", v->size);
  unless(v->status == (int32_t)returned, "returned %d, recorded %" PRId32, returned, v->status);
  const auth_text texts[] = {v->code,   v->message, v->log,     v->challenge, v->problem, v->claims,
                             v->header, v->issuer,  v->subject, v->client_id, v->scopes};
  for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
    auth_text at = texts[i];
    if (at.offset == 0 && at.length == 0) continue;
    int inside = at.offset >= sizeof *v && at.offset < v->size && at.length < v->size - at.offset;
    if (!inside || auth_text_of(v, at)[at.length] != '\0') die("text %zu is not inside", i);
  }
}

// Asks into a record that held `before`. The caller frees it.
static auth_verdict *ask_once(const call *c, const void *before, size_t before_size) {
  size_t room = AUTH_VERDICT_SIZE(c->kind == AUTHORIZE ? c->input.length : 0);
  if (room < before_size) room = before_size;
  auth_verdict *record = memory(room);
  memset(record, 0x55, room);
  if (before_size > 0) memcpy(record, before, before_size);
  check_record(record, room, ask(c, record, room));
  return record;
}

// Twice in a row, once into a record that held an acceptance, once without a record.
static auth_verdict *answer(const call *c) {
  auth_verdict *first = ask_once(c, NULL, 0), *again = ask_once(c, NULL, 0);
  auth_verdict *reused = ask_once(c, &accepted, accepted.verdict.size);
  unless(memcmp(first, again, first->size) == 0, "another answer the second time");
  unless(memcmp(first, reused, first->size) == 0, "another answer in a used record");
  unless(ask(c, NULL, 0) == (auth_status)first->status, "another status without a record");
  free(again);
  free(reused);
  return first;
}

// Loads, then sets what stands after it. A refused load that nothing is set after is the answer.
static auth_verdict *loaded(const vector *v, auth_config *config) {
  text document = argument(v->load, v->load_b64);
  if (document.bytes == NULL) return NULL;
  auth_verdict *verdict = answer(&(call){.kind = LOAD, .config = config, .input = document});
  free((char *)document.bytes);
  if (v->set != NULL) set_all(config, v->set);
  if (verdict->status != AUTH_STATUS_OK && json_object_size(v->set) == 0) return verdict;
  free(verdict);
  return NULL;
}

static auth_verdict *decided(const vector *v, int has_now, auth_config *config) {
  text header = argument(v->header, v->header_b64), claims = argument(v->claims, v->claims_b64);
  call c = {.kind = has_now ? AUTHORIZE : claims.bytes != NULL ? REQUIRE : CHECK,
            .config = config,
            .input = has_now ? header : claims,
            .require = argument(v->require, v->require_b64),
            .now = v->now};
  if (header.bytes != NULL && !has_now) die("a header without a time");
  if (claims.bytes != NULL && has_now) die("claims with a time");
  if (c.require.bytes != NULL && c.kind == CHECK) die("a requirement of nothing");
  if (v->set != NULL && v->load.bytes == NULL && v->load_b64.bytes == NULL) die("set, no load");
  auth_verdict *verdict = loaded(v, config);
  if (verdict == NULL) verdict = answer(&c);
  free((char *)header.bytes);
  free((char *)claims.bytes);
  free((char *)c.require.bytes);
  return verdict;
}

// ---------------------------------------------------------------- what is expected

static void check_status(const auth_verdict *v, const char *name) {
  const char *got = auth_status_name(v->status);
  unless(strcmp(got, name) == 0, "%s, not %s: %s", got, name, auth_text_of(v, v->log));
  size_t i;
  json_t *row;
  json_array_foreach(statuses, i, row) {
    if (strcmp(json_string_value(json_object_get(row, "name")), name) != 0) continue;
    json_int_t number = json_integer_value(json_object_get(row, "number"));
    json_int_t http = json_integer_value(json_object_get(row, "http_status"));
    const char *code = json_string_value(json_object_get(row, "code"));
    const char *got_code = auth_text_of(v, v->code);
    unless(v->status == number, "number %" PRId32, v->status);
    unless(v->http_status == http, "http_status %" PRId32, v->http_status);
    unless(strcmp(got_code, code) == 0, "code %s, not %s", got_code, code);
    return;
  }
  die("no status is called %s", name);
}

static void check_text(const char *name, text got, text wanted) {
  unless(same(got, wanted), "%s is '%.*s', not '%.*s'", name, (int)got.length, got.bytes,
         (int)wanted.length, wanted.length > 0 ? wanted.bytes : "");
}

static void check_refusal(const auth_verdict *v, const char *scope, json_t *log_has) {
  size_t i;
  json_t *part;
  json_array_foreach(log_has, i, part) {
    if (!json_is_string(part)) die("log_has that is no text");
    const char *log = auth_text_of(v, v->log), *wanted = json_string_value(part);
    unless(strstr(log, wanted) != NULL, "log without '%s': %s", wanted, log);
  }
  const char *challenge = auth_text_of(v, v->challenge);
  if (scope == NULL) {
    unless(strstr(challenge, " scope=") == NULL, "a scope in the challenge: %s", challenge);
    return;
  }
  char wanted[1024];
  snprintf(wanted, sizeof wanted, " scope=\"%s\"", scope);
  unless(strstr(challenge, wanted) != NULL, "challenge without%s: %s", wanted, challenge);
}

static void check_expected(const auth_verdict *v, json_t *expect) {
  const char *status, *claims_sha256 = NULL, *scope = NULL;
  text issuer = {0}, subject = {0}, client_id = {0}, scopes = {0};
  json_int_t expires_at = 0;
  json_t *log_has = NULL;
  json_error_t error;
  int result = json_unpack_ex(
      expect, &error, JSON_STRICT, "{s:s, s?s%, s?s%, s?s%, s?s%, s?I, s?s, s?s, s?o}", "status",
      &status, "issuer", &issuer.bytes, &issuer.length, "subject", &subject.bytes,
      &subject.length, "client_id", &client_id.bytes, &client_id.length, "scopes", &scopes.bytes,
      &scopes.length, "expires_at", &expires_at, "claims_sha256", &claims_sha256,
      "challenge_scope", &scope, "log_has", &log_has);
  if (result != 0) die("expect: %s", error.text);
  if (log_has != NULL && !json_is_array(log_has)) die("log_has is no list");
  check_status(v, status);
  check_refusal(v, scope, log_has);
  if (v->status != AUTH_STATUS_OK) return;
  check_text("issuer", text_at(v, v->issuer), issuer);
  check_text("subject", text_at(v, v->subject), subject);
  check_text("client_id", text_at(v, v->client_id), client_id);
  check_text("scopes", text_at(v, v->scopes), scopes);
  unless(v->expires_at == expires_at, "expires_at %" PRId64, v->expires_at);
  char got[65];
  sha256(&(text){auth_text_of(v, v->claims), v->claims.length}, 1, got);
  unless(claims_sha256 == NULL || strcmp(got, claims_sha256) == 0, "claims are not those signed");
}

// `stage/file#id number http retry_after expires_at code sha256`
static void write_line(const auth_verdict *v, FILE *lines) {
  const text of_accepted[] = {text_at(v, v->claims), text_at(v, v->header),
                              text_at(v, v->issuer), text_at(v, v->subject),
                              text_at(v, v->client_id), text_at(v, v->scopes)};
  const text of_refused[] = {text_at(v, v->message), text_at(v, v->log),
                             text_at(v, v->challenge), text_at(v, v->problem)};
  char hex[65];
  if (v->status == AUTH_STATUS_OK)
    sha256(of_accepted, 6, hex);
  else
    sha256(of_refused, 4, hex);
  fprintf(lines, "%s %" PRId32 " %" PRId32 " %" PRIu32 " %" PRId64 " %s %s\n", place, v->status,
          v->http_status, v->retry_after_s, v->expires_at, auth_text_of(v, v->code), hex);
}

// ---------------------------------------------------------------- all of them

static void run_case(const char *file, json_t *options, json_t *json, FILE *lines) {
  cases += 1;
  snprintf(place, sizeof place, "case %d, of %s", cases, file);
  vector v = parsed(json);
  snprintf(place, sizeof place, "%s#%s", file, v.id);
  auth_config *config = configured(options, v.options);
  auth_verdict *verdict = decided(&v, json_object_get(json, "now") != NULL, config);
  check_expected(verdict, v.expect);
  write_line(verdict, lines);
  free(verdict);
  auth_config_free(config);
}

static void run_file(const char *path, FILE *lines) {
  char name[256];
  snprintf(name, sizeof name, "%s", path + strlen("tests/vectors/"));
  *strrchr(name, '.') = '\0';
  snprintf(place, sizeof place, "%s", path);
  json_error_t error;
  json_t *file = json_load_file(path, JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL, &error);
  if (file == NULL) die("%s", error.text);
  json_t *about, *stage, *notes = NULL, *options, *all, *one;
  if (json_unpack_ex(file, &error, JSON_STRICT, "{s:o, s:o, s?o, s:o, s:o}", "about", &about,
                     "stage", &stage, "notes", &notes, "options", &options, "cases", &all) != 0)
    die("%s", error.text);
  if (!json_is_array(all)) die("cases is no list");
  size_t i;
  json_array_foreach(all, i, one) run_case(name, options, one, lines);
  json_decref(file);
}

static void begin(json_t *tables) {
  snprintf(place, sizeof place, "begin");
  statuses = json_object_get(tables, "statuses");
  if (auth_abi() != AUTH_ABI || !json_is_array(statuses)) die("another library");
  auth_config *config = auth_config_new();
  (void)auth_config_set(config, "issuer", TEST_ISSUER, NULL, 0);
  (void)auth_config_set(config, "audience", TEST_AUDIENCE, NULL, 0);
  (void)auth_config_set(config, "keys.jwks", TEST_JWKS, NULL, 0);
  auth_status status = auth_verify_at(config, TEST_TOKEN, strlen(TEST_TOKEN), 1800000000,
                                      &accepted.verdict, sizeof accepted);
  if (status != AUTH_STATUS_OK) die("%s", auth_text_of(&accepted.verdict, accepted.verdict.log));
  auth_config_free(config);
}

static int counted(void) {
  int count = -1;
  FILE *file = fopen("tests/vectors/COUNT", "r");
  if (file == NULL || fscanf(file, "%d", &count) != 1) count = -1;
  if (file != NULL) fclose(file);
  return count;
}

int main(int argc, char **argv) {
  FILE *lines = argc == 2 ? fopen(argv[1], "w") : NULL;
  if (lines == NULL) {
    fprintf(stderr, "usage: vectors FILE, from the root of the checkout\n");
    return 2;
  }
  json_t *tables = json_loads(auth_tables_json(), 0, NULL);
  begin(tables);
  glob_t files;
  if (glob("tests/vectors/*/*.json", 0, NULL, &files) != 0) die("no tests/vectors/*/*.json");
  for (size_t i = 0; i < files.gl_pathc; i++) run_file(files.gl_pathv[i], lines);
  globfree(&files);
  json_decref(tables);
  snprintf(place, sizeof place, "end");
  if (fclose(lines) != 0) die("%s is not written", argv[1]);
  unless(cases == counted(), "%d cases, and tests/vectors/COUNT says %d", cases, counted());
  printf("vectors: %d cases, %d faults\n", cases, faults);
  return faults != 0;
}

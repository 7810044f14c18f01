// Calls every function of auth.h, knowing nothing but auth.h: with good arguments, NULL, no bytes,
// too many, any alignment, too small an `out`.
#include "check.h"
#include "token.h"
#include <limits.h>
#include <stdlib.h>

static const char token[] = TEST_TOKEN, header[] = "Bearer " TEST_TOKEN;
static const size_t token_len = sizeof token - 1, header_len = sizeof header - 1;
static const int64_t now = 1800000000;
static auth_record r;
#define OUT &r.verdict, sizeof r

static auth_config *configured(void) {
  auth_config *c = auth_config_new();
  STATUS(auth_config_set(c, "issuer", TEST_ISSUER, NULL, 0), AUTH_STATUS_OK);
  STATUS(auth_config_set(c, "audience", TEST_AUDIENCE, NULL, 0), AUTH_STATUS_OK);
  STATUS(auth_config_set(c, "keys.jwks", TEST_JWKS, NULL, 0), AUTH_STATUS_OK);
  return c;
}

static void check_accepted(void) {
  CHECK(text_is(&r, r.verdict.code, "ok"));
  CHECK(text_is(&r, r.verdict.claims, TEST_CLAIMS));
  CHECK(text_is(&r, r.verdict.header, TEST_HEADER));
  CHECK(text_is(&r, r.verdict.issuer, TEST_ISSUER));
  CHECK(text_is(&r, r.verdict.subject, "alice"));
  CHECK(text_is(&r, r.verdict.client_id, "svc"));
  CHECK(text_is(&r, r.verdict.scopes, "read:orders write:orders"));
  CHECK(r.verdict.expires_at == TEST_EXPIRES_AT);
}

static void library(void) {
  CHECK(auth_abi() == AUTH_ABI);
  CHECK(auth_version()[0] >= '0' && auth_version()[0] <= '9');
  CHECK(strcmp(auth_status_name(AUTH_STATUS_OK), "OK") == 0);
  CHECK(strcmp(auth_status_name(AUTH_STATUS_TOKEN_EXPIRED), "TOKEN_EXPIRED") == 0);
  CHECK(strcmp(auth_status_name(-1), "UNKNOWN") == 0);
  CHECK(strcmp(auth_status_name(INT32_MIN), "UNKNOWN") == 0);
  CHECK(strcmp(auth_status_name(INT32_MAX), "UNKNOWN") == 0);
  CHECK(auth_tables_json()[0] == '{' && strstr(auth_tables_json(), "TOKEN_EXPIRED") != NULL);
  CHECK(strstr(auth_tables_json(), auth_version()) != NULL);
}

static void options(void) {
  auth_config *c = auth_config_new();
  CHECK(c != NULL);
  ANSWERS(auth_config_check(c, OUT), AUTH_STATUS_OPTION_MISSING);
  ANSWERS(auth_config_set(c, "issuer", TEST_ISSUER, OUT), AUTH_STATUS_OK);
  ANSWERS(auth_config_check(c, OUT), AUTH_STATUS_OPTION_MISSING);
  ANSWERS(auth_config_set(c, "audience", TEST_AUDIENCE, OUT), AUTH_STATUS_OK);
  ANSWERS(auth_config_set(c, "keys.jwks", TEST_JWKS, OUT), AUTH_STATUS_OK);
  ANSWERS(auth_config_check(c, OUT), AUTH_STATUS_OK);
  STATUS(auth_config_check(c, NULL, 0), AUTH_STATUS_OK);

  ANSWERS(auth_config_set(NULL, "issuer", TEST_ISSUER, OUT), AUTH_STATUS_ARGUMENT_INVALID);
  ANSWERS(auth_config_check(NULL, OUT), AUTH_STATUS_ARGUMENT_INVALID);
  auth_config_free(NULL);

  // A refused option is remembered until it is set right.
  ANSWERS(auth_config_set(c, "claims.leeway", "soon", OUT), AUTH_STATUS_OPTION_INVALID);
  ANSWERS(auth_config_check(c, OUT), AUTH_STATUS_OPTION_INVALID);
  ANSWERS(auth_verify_at(c, token, token_len, now, OUT), AUTH_STATUS_OPTION_INVALID);
  ANSWERS(auth_config_set(c, "claims.leeway", "", OUT), AUTH_STATUS_OPTION_INVALID);
  ANSWERS(auth_config_set(c, "claims.leeway", "10s", OUT), AUTH_STATUS_OK);
  ANSWERS(auth_verify_at(c, token, token_len, now, OUT), AUTH_STATUS_OK);

  ANSWERS(auth_config_set(c, "audience", "https://else.example", OUT), AUTH_STATUS_CONFIG_FROZEN);
  ANSWERS(auth_verify_at(c, token, token_len, now, OUT), AUTH_STATUS_OK);
  auth_config_free(c);

  // A missing value must be refused as well, and must stay refused.
  c = configured();
  auth_status missing = auth_config_set(c, "audience", NULL, OUT);
  CHECK(missing == AUTH_STATUS_ARGUMENT_INVALID || missing == AUTH_STATUS_OPTION_INVALID);
  CHECK_RECORD(&r, missing);
  CHECK(auth_verify_at(c, token, token_len, now, OUT) != AUTH_STATUS_OK);
  auth_config_free(c);

  // An unknown one refuses the handle for good, and the nearest key is named.
  c = configured();
  ANSWERS(auth_config_set(c, "audiense", TEST_AUDIENCE, OUT), AUTH_STATUS_OPTION_UNKNOWN);
  CHECK(text_has(&r, r.verdict.log, "audience"));
  ANSWERS(auth_verify_at(c, token, token_len, now, OUT), AUTH_STATUS_OPTION_UNKNOWN);
  auth_config_free(c);

  // So does a missing key: it was meant to be some option.
  c = configured();
  ANSWERS(auth_config_set(c, NULL, TEST_ISSUER, OUT), AUTH_STATUS_OPTION_UNKNOWN);
  ANSWERS(auth_verify_at(c, token, token_len, now, OUT), AUTH_STATUS_OPTION_UNKNOWN);
  auth_config_free(c);
}

static const char document[] =
    "{\"issuer\":\"" TEST_ISSUER "\",\"audience\":[\"" TEST_AUDIENCE "\"],"
    "\"keys\":{\"jwks\":" TEST_JWKS "},\"claims.leeway\":10}";
static const size_t document_len = sizeof document - 1;

static void load(void) {
  auth_config *c = auth_config_new();
  ANSWERS(auth_config_load(c, document, document_len, OUT), AUTH_STATUS_OK);
  STATUS(auth_config_load(c, document, document_len, NULL, 0), AUTH_STATUS_OK);
  ANSWERS(auth_config_load(NULL, document, document_len, OUT), AUTH_STATUS_ARGUMENT_INVALID);
  ANSWERS(auth_config_load(c, NULL, 1, OUT), AUTH_STATUS_ARGUMENT_INVALID);
  ANSWERS(auth_config_load(c, document, SIZE_MAX, OUT), AUTH_STATUS_ARGUMENT_INVALID);
  ANSWERS(auth_config_load(c, document, (size_t)PTRDIFF_MAX + 1, OUT),
          AUTH_STATUS_ARGUMENT_INVALID);
  ANSWERS(auth_config_load(c, NULL, 0, OUT), AUTH_STATUS_OPTION_INVALID);
  ANSWERS(auth_config_load(c, "", 0, OUT), AUTH_STATUS_OPTION_INVALID);
  ANSWERS(auth_config_load(c, document, document_len - 1, OUT), AUTH_STATUS_OPTION_INVALID);
  ANSWERS(auth_config_load(c, document, sizeof document, OUT), AUTH_STATUS_OPTION_INVALID);

  // All or nothing: mistakes are told together and remembered, and nothing is set.
  const char *mistakes =
      "{\"audience\":\"other\",\"claims\":{\"leeway\":null,\"max_age\":\"\"}}";
  ANSWERS(auth_config_load(c, mistakes, strlen(mistakes), OUT), AUTH_STATUS_OPTION_INVALID);
  CHECK(text_has(&r, r.verdict.log, "claims.leeway"));
  CHECK(text_has(&r, r.verdict.log, "claims.max_age"));
  ANSWERS(auth_verify_at(c, token, token_len, now, OUT), AUTH_STATUS_OPTION_INVALID);
  ANSWERS(auth_config_load(c, "{\"claims.max_age\":\"3650d\"}", 26, OUT), AUTH_STATUS_OK);
  ANSWERS(auth_config_check(c, OUT), AUTH_STATUS_OPTION_INVALID);
  ANSWERS(auth_config_load(c, document, document_len, OUT), AUTH_STATUS_OK);

  // Text at an odd address, answer at another.
  static char odd[sizeof document + 1], room[sizeof(auth_record) + 1];
  memcpy(odd + 1, document, document_len);
  STATUS(auth_config_load(c, odd + 1, document_len, (auth_verdict *)(void *)(room + 1), sizeof r),
         AUTH_STATUS_OK);
  CHECK_RECORD(room + 1, AUTH_STATUS_OK);
  STATUS(auth_config_load(c, document, document_len, &r.verdict, sizeof(auth_verdict)),
         AUTH_STATUS_OUT_TOO_SMALL);
  CHECK(r.verdict.size > sizeof(auth_verdict) && r.verdict.http_status == 500);

  ANSWERS(auth_config_load_env(c, OUT), AUTH_STATUS_OK);
  STATUS(auth_config_load_env(c, NULL, 0), AUTH_STATUS_OK);
  STATUS(auth_config_load_env(c, (auth_verdict *)(void *)(room + 1), sizeof r), AUTH_STATUS_OK);
  STATUS(auth_config_load_env(c, &r.verdict, 0), AUTH_STATUS_OUT_TOO_SMALL);
  ANSWERS(auth_config_load_env(NULL, OUT), AUTH_STATUS_ARGUMENT_INVALID);

  ANSWERS(auth_verify_at(c, token, token_len, now, OUT), AUTH_STATUS_OK);
  ANSWERS(auth_config_load(c, document, document_len, OUT), AUTH_STATUS_CONFIG_FROZEN);
  ANSWERS(auth_config_load_env(c, OUT), AUTH_STATUS_CONFIG_FROZEN);
  auth_config_free(c);
}

static void extract(void) {
  const char *found = "before";
  size_t found_len = 7;
#define REFUSED(call, status)                                                                      \
  do {                                                                                             \
    found = "before", found_len = 7;                                                               \
    STATUS((call), (status));                                                                      \
    CHECK(found == NULL && found_len == 0);                                                        \
  } while (0)
  STATUS(auth_extract_bearer(header, header_len, &found, &found_len), AUTH_STATUS_OK);
  CHECK(found == header + 7 && found_len == token_len);
  STATUS(auth_extract_bearer("bEARER  x.y.z", 13, &found, &found_len), AUTH_STATUS_OK);
  CHECK(found_len == 5 && memcmp(found, "x.y.z", 5) == 0);
  REFUSED(auth_extract_bearer(NULL, 0, &found, &found_len), AUTH_STATUS_HEADER_MISSING);
  REFUSED(auth_extract_bearer("", 0, &found, &found_len), AUTH_STATUS_HEADER_MISSING);
  REFUSED(auth_extract_bearer(NULL, 9, &found, &found_len), AUTH_STATUS_ARGUMENT_INVALID);
  REFUSED(auth_extract_bearer(header, (size_t)PTRDIFF_MAX + 1, &found, &found_len),
          AUTH_STATUS_ARGUMENT_INVALID);
  REFUSED(auth_extract_bearer("Basic YTpi", 10, &found, &found_len),
          AUTH_STATUS_SCHEME_UNSUPPORTED);
  REFUSED(auth_extract_bearer("Bearer", 6, &found, &found_len), AUTH_STATUS_HEADER_MALFORMED);
  REFUSED(auth_extract_bearer("Bearer a, b", 11, &found, &found_len), AUTH_STATUS_HEADER_MALFORMED);
  REFUSED(auth_extract_bearer("Bearer a\0b", 10, &found, &found_len), AUTH_STATUS_HEADER_MALFORMED);
  STATUS(auth_extract_bearer(header, header_len, NULL, &found_len), AUTH_STATUS_ARGUMENT_INVALID);
  STATUS(auth_extract_bearer(header, header_len, &found, NULL), AUTH_STATUS_ARGUMENT_INVALID);
}

static void verify(const auth_config *c) {
  ANSWERS(auth_verify(c, token, token_len, OUT), AUTH_STATUS_OK);
  check_accepted();
  ANSWERS(auth_verify_at(c, token, token_len, now, OUT), AUTH_STATUS_OK);
  check_accepted();
  ANSWERS(auth_verify_at(c, token, token_len, TEST_EXPIRES_AT + 31, OUT),
          AUTH_STATUS_TOKEN_EXPIRED);
  CHECK(r.verdict.http_status == 401 && text_is(&r, r.verdict.code, "auth.token_expired"));
  CHECK(text_has(&r, r.verdict.challenge, "error=\"invalid_token\""));
  ANSWERS(auth_verify_at(c, token, token_len, INT64_MAX, OUT), AUTH_STATUS_TOKEN_EXPIRED);
  ANSWERS(auth_verify_at(c, token, token_len, INT64_MIN, OUT), AUTH_STATUS_OK);

  ANSWERS(auth_verify(c, NULL, 0, OUT), AUTH_STATUS_TOKEN_MALFORMED);
  ANSWERS(auth_verify(c, "", 0, OUT), AUTH_STATUS_TOKEN_MALFORMED);
  ANSWERS(auth_verify(c, NULL, 5, OUT), AUTH_STATUS_ARGUMENT_INVALID);
  ANSWERS(auth_verify(c, token, (size_t)PTRDIFF_MAX + 1, OUT), AUTH_STATUS_TOKEN_TOO_LARGE);
  ANSWERS(auth_verify(c, token, SIZE_MAX, OUT), AUTH_STATUS_TOKEN_TOO_LARGE);
  ANSWERS(auth_verify_at(c, token, SIZE_MAX, now, OUT), AUTH_STATUS_TOKEN_TOO_LARGE);
  ANSWERS(auth_verify(c, "opaque", 6, OUT), AUTH_STATUS_TOKEN_OPAQUE);
  ANSWERS(auth_verify(c, "a.b.c.d.e", 9, OUT), AUTH_STATUS_TOKEN_ENCRYPTED);
  ANSWERS(auth_verify(c, token, token_len - 1, OUT), AUTH_STATUS_TOKEN_MALFORMED);
  ANSWERS(auth_verify(NULL, token, token_len, OUT), AUTH_STATUS_ARGUMENT_INVALID);
  ANSWERS(auth_verify_at(NULL, token, token_len, now, OUT), AUTH_STATUS_ARGUMENT_INVALID);
  STATUS(auth_verify(c, token, token_len, NULL, 0), AUTH_STATUS_OK);
  STATUS(auth_verify_at(c, token, token_len, now, NULL, 0), AUTH_STATUS_OK);
  STATUS(auth_verify(NULL, NULL, 0, NULL, 0), AUTH_STATUS_ARGUMENT_INVALID);

  char *tampered = malloc(token_len);
  memcpy(tampered, token, token_len);
  tampered[token_len - 10] ^= 2; // within the alphabet of base64url
  ANSWERS(auth_verify(c, tampered, token_len, OUT), AUTH_STATUS_SIGNATURE_INVALID);
  free(tampered);
}

static void authorize(const auth_config *c) {
  ANSWERS(auth_authorize(c, header, header_len, NULL, 0, OUT), AUTH_STATUS_OK);
  check_accepted();
  ANSWERS(auth_authorize(c, header, header_len, "", 0, OUT), AUTH_STATUS_OK);
  ANSWERS(auth_authorize(c, header, header_len, "write:orders read:orders", 24, OUT),
          AUTH_STATUS_OK);
  ANSWERS(auth_authorize_at(c, header, header_len, "read:orders", 11, now, OUT), AUTH_STATUS_OK);
  check_accepted();
  ANSWERS(auth_authorize(c, header, header_len, "admin", 5, OUT), AUTH_STATUS_SCOPE_MISSING);
  CHECK(r.verdict.http_status == 403 && text_is(&r, r.verdict.code, "auth.insufficient_scope"));
  CHECK(text_has(&r, r.verdict.challenge, "error=\"insufficient_scope\""));
  CHECK(text_has(&r, r.verdict.challenge, "scope=\"admin\""));
  ANSWERS(auth_authorize_at(c, header, header_len, NULL, 0, TEST_EXPIRES_AT + 31, OUT),
          AUTH_STATUS_TOKEN_EXPIRED);

  ANSWERS(auth_authorize(c, NULL, 0, NULL, 0, OUT), AUTH_STATUS_HEADER_MISSING);
  CHECK(text_is(&r, r.verdict.challenge, "Bearer"));
  ANSWERS(auth_authorize(c, NULL, 1, NULL, 0, OUT), AUTH_STATUS_ARGUMENT_INVALID);
  ANSWERS(auth_authorize(c, header, header_len, NULL, 1, OUT), AUTH_STATUS_ARGUMENT_INVALID);
  ANSWERS(auth_authorize(c, header, SIZE_MAX, NULL, 0, OUT), AUTH_STATUS_ARGUMENT_INVALID);
  ANSWERS(auth_authorize(c, header, header_len, "x", SIZE_MAX, OUT), AUTH_STATUS_ARGUMENT_INVALID);
  ANSWERS(auth_authorize(c, header, header_len, "\x01", 1, OUT), AUTH_STATUS_REQUIREMENT_INVALID);
  ANSWERS(auth_authorize(NULL, header, header_len, NULL, 0, OUT), AUTH_STATUS_ARGUMENT_INVALID);
  ANSWERS(auth_authorize_at(NULL, header, header_len, NULL, 0, now, OUT),
          AUTH_STATUS_ARGUMENT_INVALID);
  STATUS(auth_authorize(c, header, header_len, NULL, 0, NULL, 0), AUTH_STATUS_OK);
  STATUS(auth_authorize_at(c, header, header_len, NULL, 0, now, NULL, 0), AUTH_STATUS_OK);
}

static void require(const auth_config *c) {
  const char *claims = TEST_CLAIMS;
  size_t claims_len = strlen(claims);
  ANSWERS(auth_require(c, claims, claims_len, "read:orders", 11, OUT), AUTH_STATUS_OK);
  CHECK(text_is(&r, r.verdict.code, "ok") && r.verdict.claims.length == 0 &&
        r.verdict.subject.length == 0 && r.verdict.expires_at == 0);
  ANSWERS(auth_require(c, claims, claims_len, NULL, 0, OUT), AUTH_STATUS_OK);
  ANSWERS(auth_require(c, claims, claims_len, "admin", 5, OUT), AUTH_STATUS_SCOPE_MISSING);
  CHECK(text_has(&r, r.verdict.challenge, "scope=\"admin\""));
  ANSWERS(auth_require(c, claims, claims_len, "role:a", 6, OUT), AUTH_STATUS_ROLE_MISSING);
  ANSWERS(auth_require(c, claims, claims_len, "a  b", 4, OUT), AUTH_STATUS_REQUIREMENT_INVALID);
  ANSWERS(auth_require(c, NULL, 0, "a", 1, OUT), AUTH_STATUS_CLAIM_MALFORMED);
  ANSWERS(auth_require(c, claims, claims_len - 1, "a", 1, OUT), AUTH_STATUS_CLAIM_MALFORMED);
  ANSWERS(auth_require(c, NULL, 1, "a", 1, OUT), AUTH_STATUS_ARGUMENT_INVALID);
  ANSWERS(auth_require(c, claims, SIZE_MAX, "a", 1, OUT), AUTH_STATUS_ARGUMENT_INVALID);
  ANSWERS(auth_require(c, claims, claims_len, NULL, 1, OUT), AUTH_STATUS_ARGUMENT_INVALID);
  ANSWERS(auth_require(c, claims, claims_len, "a", SIZE_MAX, OUT), AUTH_STATUS_ARGUMENT_INVALID);
  ANSWERS(auth_require(NULL, claims, claims_len, "a", 1, OUT), AUTH_STATUS_ARGUMENT_INVALID);
  STATUS(auth_require(c, claims, claims_len, "read:orders", 11, NULL, 0), AUTH_STATUS_OK);
  STATUS(auth_require(c, claims, claims_len, NULL, 0, &r.verdict, sizeof(auth_verdict)),
         AUTH_STATUS_OUT_TOO_SMALL);

  static char odd[sizeof TEST_CLAIMS + 1], room[sizeof(auth_record) + 1];
  memcpy(odd + 1, claims, claims_len);
  STATUS(auth_require(c, odd + 1, claims_len, NULL, 0, (auth_verdict *)(void *)(room + 1),
                      sizeof r),
         AUTH_STATUS_OK);
  CHECK_RECORD(room + 1, AUTH_STATUS_OK);

  // The claims of a record cannot be asked into the same record; into another one they can.
  ANSWERS(auth_verify_at(c, token, token_len, now, OUT), AUTH_STATUS_OK);
  static auth_record more;
  STATUS(auth_require(c, auth_text_of(&r.verdict, r.verdict.claims), r.verdict.claims.length,
                      "write:orders", 12, &more.verdict, sizeof more),
         AUTH_STATUS_OK);
  STATUS(auth_require(c, auth_text_of(&r.verdict, r.verdict.claims), r.verdict.claims.length,
                      "write:orders", 12, OUT),
         AUTH_STATUS_ARGUMENT_INVALID);
  CHECK_RECORD(&r, AUTH_STATUS_ARGUMENT_INVALID);
}

static void claim(void) {
  static const char claims[] =
      "{\"sub\":\"alice\",\"a\":{\"b\":[1,\"two\"]},\"nul\":\"x\\u0000y\",\"none\":\"\"}";
  const size_t length = sizeof claims - 1;
  char text[32];
#define CLAIM_IS(path, expected)                                                                   \
  do {                                                                                             \
    memset(text, 0xA5, sizeof text);                                                               \
    CHECK(auth_claim(claims, length, path, NULL, 0) == strlen(expected));                          \
    CHECK(auth_claim(claims, length, path, text, strlen(expected)) == strlen(expected));           \
    CHECK((unsigned char)text[0] == 0xA5);                                                         \
    CHECK(auth_claim(claims, length, path, text, strlen(expected) + 1) == strlen(expected));       \
    CHECK(strcmp(text, expected) == 0);                                                            \
    CHECK((unsigned char)text[strlen(expected) + 1] == 0xA5);                                      \
  } while (0)
  CLAIM_IS("sub", "alice");
  CLAIM_IS("a", "{\"b\":[1,\"two\"]}");
  CLAIM_IS("a.b", "[1,\"two\"]");
  CLAIM_IS("a.b.1", "two");
  CLAIM_IS("/a/b/0", "1");
  CLAIM_IS("nul", "\"x\\u0000y\"");
  CLAIM_IS("none", "");
  memset(text, 0xA5, sizeof text);
#define ABSENT(call) CHECK((call) == SIZE_MAX && (unsigned char)text[0] == 0xA5)
  ABSENT(auth_claim(claims, length, "other", text, sizeof text));
  ABSENT(auth_claim(claims, length, "", text, sizeof text));
  ABSENT(auth_claim(claims, length, NULL, text, sizeof text));
  ABSENT(auth_claim(claims, length - 1, "sub", text, sizeof text));
  ABSENT(auth_claim(claims, 0, "sub", text, sizeof text));
  ABSENT(auth_claim(claims, SIZE_MAX, "sub", text, sizeof text));
  ABSENT(auth_claim(NULL, 0, "sub", text, sizeof text));
  ABSENT(auth_claim(NULL, 1, "sub", text, sizeof text));
  char odd[sizeof claims + 1];
  memcpy(odd + 1, claims, length);
  CHECK(auth_claim(odd + 1, length, "sub", text + 1, 6) == 5 && strcmp(text + 1, "alice") == 0);
}

static void describe(const auth_config *c) {
  ANSWERS(auth_describe(c, AUTH_STATUS_HEADER_MALFORMED, "two headers", 11, OUT),
          AUTH_STATUS_HEADER_MALFORMED);
  CHECK(text_is(&r, r.verdict.code, "auth.authorization_token_invalid_format"));
  CHECK(text_has(&r, r.verdict.challenge, "error=\"invalid_request\"") &&
        text_has(&r, r.verdict.log, "two headers"));
  CHECK(!text_has(&r, r.verdict.problem, "two headers") &&
        !text_has(&r, r.verdict.message, "two headers"));
  ANSWERS(auth_describe(c, AUTH_STATUS_TOKEN_EXPIRED, NULL, 0, OUT), AUTH_STATUS_TOKEN_EXPIRED);
  ANSWERS(auth_describe(c, AUTH_STATUS_TOKEN_EXPIRED, NULL, 1, OUT), AUTH_STATUS_ARGUMENT_INVALID);
  ANSWERS(auth_describe(c, AUTH_STATUS_TOKEN_EXPIRED, "x", SIZE_MAX, OUT),
          AUTH_STATUS_ARGUMENT_INVALID);
  ANSWERS(auth_describe(c, 12345, NULL, 0, OUT), AUTH_STATUS_ARGUMENT_INVALID);
  ANSWERS(auth_describe(c, -1, NULL, 0, OUT), AUTH_STATUS_ARGUMENT_INVALID);
  ANSWERS(auth_describe(NULL, AUTH_STATUS_TOKEN_EXPIRED, NULL, 0, OUT),
          AUTH_STATUS_ARGUMENT_INVALID);
  STATUS(auth_describe(c, AUTH_STATUS_TOKEN_EXPIRED, NULL, 0, NULL, 0), AUTH_STATUS_TOKEN_EXPIRED);
}

// Every `out` that is too small says what is needed, as far as it has room for that, tells nothing
// else, and is not left by a byte.
static void too_small(const auth_config *c, const char *value, auth_status expected) {
  static char room[AUTH_VERDICT_SIZE(4096)];
  size_t length = strlen(value);
  ANSWERS(auth_verify_at(c, value, length, now, OUT), expected);
  const uint32_t needed = r.verdict.size;
  CHECK(needed <= AUTH_VERDICT_SIZE(length));
  for (size_t size = 0; size < needed; size++) {
    auth_verdict head;
    memset(room, 0xA5, sizeof room);
    STATUS(auth_verify_at(c, value, length, now, (auth_verdict *)(void *)room, size),
           AUTH_STATUS_OUT_TOO_SMALL);
    memcpy(&head, room, sizeof head);
    if (size >= 4) CHECK(head.size == needed);
    if (size >= 8) CHECK(head.status == AUTH_STATUS_OUT_TOO_SMALL);
    if (size >= sizeof head)
      CHECK(head.http_status == 500 && head.claims.offset == 0 && head.subject.offset == 0);
    CHECK((unsigned char)room[size] == 0xA5);
  }
  memset(room, 0xA5, sizeof room);
  STATUS(auth_verify_at(c, value, length, now, (auth_verdict *)(void *)room, needed), expected);
  CHECK_RECORD(room, expected);
  CHECK((unsigned char)room[needed] == 0xA5);
}

static void any_alignment(const auth_config *c) {
  static char room[sizeof(auth_record) + 16];
  ANSWERS(auth_authorize_at(c, header, header_len, NULL, 0, now, OUT), AUTH_STATUS_OK);
  for (size_t shift = 0; shift < 16; shift++) {
    // The address stands in for what Go, Java and Python pass; only bytes are read from it.
    STATUS(auth_authorize_at(c, header, header_len, NULL, 0, now,
                             (auth_verdict *)(void *)(room + shift), sizeof r),
           AUTH_STATUS_OK);
    CHECK(memcmp(room + shift, &r, r.verdict.size) == 0);
  }
}

static void overlap(const auth_config *c) {
  static auth_record both;
  char *inside = both.room + 64;
  memcpy(inside, token, token_len);
  STATUS(auth_verify_at(c, inside, token_len, now, &both.verdict, sizeof both),
         AUTH_STATUS_ARGUMENT_INVALID);
  memcpy(inside, header, header_len);
  STATUS(auth_authorize_at(c, inside, header_len, NULL, 0, now, &both.verdict, sizeof both),
         AUTH_STATUS_ARGUMENT_INVALID);
  memcpy(inside, "read:orders", 11);
  STATUS(auth_authorize_at(c, header, header_len, inside, 11, now, &both.verdict, sizeof both),
         AUTH_STATUS_ARGUMENT_INVALID);
  memcpy(inside, "read:orders", 11);
  STATUS(auth_require(c, TEST_CLAIMS, strlen(TEST_CLAIMS), inside, 11, &both.verdict, sizeof both),
         AUTH_STATUS_ARGUMENT_INVALID);
  auth_config *open = auth_config_new();
  memcpy(inside, document, document_len);
  STATUS(auth_config_load(open, inside, document_len, &both.verdict, sizeof both),
         AUTH_STATUS_ARGUMENT_INVALID);
  // Remembered: what the document would have set is not known.
  STATUS(auth_config_check(open, NULL, 0), AUTH_STATUS_ARGUMENT_INVALID);
  auth_config_free(open);
}

// One record for call after call: nothing of an accepted token is left in the next answer.
static void reused(const auth_config *c) {
  static auth_record one;
  STATUS(auth_verify(c, token, token_len, &one.verdict, sizeof one), AUTH_STATUS_OK);
  STATUS(auth_verify(c, "opaque", 6, &one.verdict, sizeof one), AUTH_STATUS_TOKEN_OPAQUE);
  CHECK_RECORD(&one, AUTH_STATUS_TOKEN_OPAQUE);
  STATUS(auth_verify(c, token, token_len, &one.verdict, sizeof one), AUTH_STATUS_OK);
  STATUS(auth_verify(NULL, token, token_len, &one.verdict, sizeof one),
         AUTH_STATUS_ARGUMENT_INVALID);
  CHECK_RECORD(&one, AUTH_STATUS_ARGUMENT_INVALID);
  STATUS(auth_verify(c, token, token_len, &one.verdict, sizeof one), AUTH_STATUS_OK);
  STATUS(auth_verify(c, token, token_len, &one.verdict, sizeof(auth_verdict)),
         AUTH_STATUS_OUT_TOO_SMALL);
  CHECK(one.verdict.status == AUTH_STATUS_OUT_TOO_SMALL && one.verdict.subject.length == 0);
}

int main(void) {
  library();
  options();
  load();
  extract();
  claim();
  auth_config *c = configured();
  verify(c);
  authorize(c);
  require(c);
  describe(c);
  too_small(c, token, AUTH_STATUS_OK);
  too_small(c, "opaque", AUTH_STATUS_TOKEN_OPAQUE);
  any_alignment(c);
  overlap(c);
  reused(c);
  auth_config_free(c);
  return finish("every_call");
}

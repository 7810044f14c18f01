// The calls about keys on a handle that holds its own: every misuse has an answer, and the texts of
// auth_report and auth_metrics fit exactly or are not written.
#include "check.h"
#include "token.h"
#include <stdlib.h>

static auth_record r;
#define OUT &r.verdict, sizeof r

static auth_config *configured(void) {
  auth_config *c = auth_config_new();
  STATUS(auth_config_set(c, "issuer", TEST_ISSUER, NULL, 0), AUTH_STATUS_OK);
  STATUS(auth_config_set(c, "audience", TEST_AUDIENCE, NULL, 0), AUTH_STATUS_OK);
  STATUS(auth_config_set(c, "keys.jwks", TEST_JWKS, NULL, 0), AUTH_STATUS_OK);
  return c;
}

static void try(const auth_config *c) {
  const char *token = TEST_TOKEN, *header = "Bearer " TEST_TOKEN;
  size_t token_len = strlen(token), header_len = strlen(header);
  ANSWERS(auth_try_verify(c, token, token_len, OUT), AUTH_STATUS_OK);
  CHECK(text_is(&r, r.verdict.subject, "alice"));
  ANSWERS(auth_try_authorize(c, header, header_len, "read:orders", 11, OUT), AUTH_STATUS_OK);
  CHECK(text_is(&r, r.verdict.scopes, "read:orders write:orders"));
  ANSWERS(auth_try_authorize(c, header, header_len, "admin", 5, OUT), AUTH_STATUS_SCOPE_MISSING);
  ANSWERS(auth_try_authorize(c, NULL, 0, NULL, 0, OUT), AUTH_STATUS_HEADER_MISSING);
  ANSWERS(auth_try_authorize(c, NULL, 1, NULL, 0, OUT), AUTH_STATUS_ARGUMENT_INVALID);
  ANSWERS(auth_try_authorize(c, header, header_len, NULL, 1, OUT), AUTH_STATUS_ARGUMENT_INVALID);
  ANSWERS(auth_try_authorize(NULL, header, header_len, NULL, 0, OUT), AUTH_STATUS_ARGUMENT_INVALID);
  ANSWERS(auth_try_verify(c, NULL, 0, OUT), AUTH_STATUS_TOKEN_MALFORMED);
  ANSWERS(auth_try_verify(c, token, SIZE_MAX, OUT), AUTH_STATUS_TOKEN_TOO_LARGE);
  ANSWERS(auth_try_verify(NULL, token, token_len, OUT), AUTH_STATUS_ARGUMENT_INVALID);
  STATUS(auth_try_verify(c, token, token_len, NULL, 0), AUTH_STATUS_OK);
  STATUS(auth_try_verify(c, token, token_len, &r.verdict, sizeof(auth_verdict)),
         AUTH_STATUS_OUT_TOO_SMALL);
  memcpy(r.room + 4096, token, token_len);
  ANSWERS(auth_try_verify(c, r.room + 4096, token_len, OUT), AUTH_STATUS_ARGUMENT_INVALID);
}

static void refresh(const auth_config *c) {
  const char *issuer = TEST_ISSUER;
  size_t length = strlen(issuer);
  ANSWERS(auth_refresh(c, issuer, length, OUT), AUTH_STATUS_OK);
  ANSWERS(auth_refresh(c, NULL, 0, OUT), AUTH_STATUS_OK);
  ANSWERS(auth_refresh(c, "", 0, OUT), AUTH_STATUS_ARGUMENT_INVALID);
  ANSWERS(auth_refresh(c, issuer, length - 1, OUT), AUTH_STATUS_ARGUMENT_INVALID);
  ANSWERS(auth_refresh(c, "\xff\x00", 2, OUT), AUTH_STATUS_ARGUMENT_INVALID);
  ANSWERS(auth_refresh(c, NULL, 1, OUT), AUTH_STATUS_ARGUMENT_INVALID);
  ANSWERS(auth_refresh(c, issuer, SIZE_MAX, OUT), AUTH_STATUS_ARGUMENT_INVALID);
  ANSWERS(auth_refresh(NULL, issuer, length, OUT), AUTH_STATUS_ARGUMENT_INVALID);
  STATUS(auth_refresh(c, NULL, 0, NULL, 0), AUTH_STATUS_OK);
  ANSWERS(auth_ready(c, OUT), AUTH_STATUS_OK);
  ANSWERS(auth_ready(NULL, OUT), AUTH_STATUS_ARGUMENT_INVALID);
  STATUS(auth_ready(c, NULL, 0), AUTH_STATUS_OK);
}

static void tells(size_t (*tell)(const auth_config *, char *, size_t), const auth_config *c,
                  const char *has) {
  char note = 'x';
  CHECK(tell(NULL, &note, 1) == 0 && note == 'x');
  size_t length = tell(c, NULL, 0);
  CHECK(length > 50);
  char *room = malloc(length + 2);
  memset(room, 'x', length + 2);
  CHECK(tell(c, room, length) == length && room[0] == 'x'); // no room for the NUL
  CHECK(tell(c, room, length + 1) == length);
  CHECK(room[length] == '\0' && room[length + 1] == 'x' && strlen(room) == length);
  CHECK(strstr(room, has) != NULL);
  CHECK(strstr(room, "alice") == NULL); // nothing of a token
  free(room);
}

int main(void) {
  auth_config *c = configured();
  tells(auth_report, c, "\"ready\":false"); // of a handle that nobody has used, and leaves it so
  STATUS(auth_config_set(c, "claims.leeway", "5s", NULL, 0), AUTH_STATUS_OK);
  ANSWERS(auth_ready(c, OUT), AUTH_STATUS_OK);
  STATUS(auth_config_set(c, "claims.leeway", "5s", NULL, 0), AUTH_STATUS_CONFIG_FROZEN);
  try(c);
  refresh(c);
  tells(auth_report, c, "\"status\":{\"number\":0,\"name\":\"OK\"");
  tells(auth_metrics, c, "libauth_verifications_total{issuer=\"https://id.example\"");
  auth_config_free(c);

  c = auth_config_new(); // nothing is set
  ANSWERS(auth_ready(c, OUT), AUTH_STATUS_OPTION_MISSING);
  ANSWERS(auth_refresh(c, NULL, 0, OUT), AUTH_STATUS_OPTION_MISSING);
  ANSWERS(auth_try_verify(c, "x", 1, OUT), AUTH_STATUS_OPTION_MISSING);
  CHECK(auth_report(c, NULL, 0) > 0 && auth_metrics(c, NULL, 0) == 0);
  auth_config_free(c);
  return finish("telling");
}

// A program that has functions of its own by the generic names of libauth. The loader resolves
// those names to the program's, in every library that asks it; libauth must not ask: a token to be
// refused is refused all the same.
#define _GNU_SOURCE
#include <dlfcn.h>
// The declarations of auth.h step aside for the program's own functions.
#define auth_verify declared_auth_verify
#define auth_verify_at declared_auth_verify_at
#define auth_require declared_auth_require
#define auth_extract_bearer declared_auth_extract_bearer
#define auth_authorize_at declared_auth_authorize_at
#define auth_describe declared_auth_describe
#include "check.h"
#undef auth_verify
#undef auth_verify_at
#undef auth_require
#undef auth_extract_bearer
#undef auth_authorize_at
#undef auth_describe
#include "token.h"

static int called;
int auth_verify(void) {
  return called++, 0;
}
int auth_verify_at(void) {
  return called++, 0;
}
int auth_require(void) {
  return called++, 0;
}
int auth_extract_bearer(void) {
  return called++, 0;
}
int auth_authorize_at(void) {
  return called++, 0;
}
int auth_describe(void) {
  return called++, 0;
}

int main(void) {
  static auth_record r;
  // Else this test would test nothing.
  int (*found)(void) = auth_verify;
  CHECK(memcmp(&(void *){dlsym(RTLD_DEFAULT, "auth_verify")}, &found, sizeof found) == 0);

  auth_config *c = auth_config_new();
  STATUS(auth_config_set(c, "issuer", TEST_ISSUER, NULL, 0), AUTH_STATUS_OK);
  STATUS(auth_config_set(c, "audience", TEST_AUDIENCE, NULL, 0), AUTH_STATUS_OK);
  STATUS(auth_config_set(c, "keys.jwks", TEST_JWKS, NULL, 0), AUTH_STATUS_OK);
  char header[] = "Bearer " TEST_TOKEN;
  size_t header_len = sizeof header - 1;
  ANSWERS(auth_authorize(c, header, header_len, "read:orders", 11, &r.verdict, sizeof r),
          AUTH_STATUS_OK);
  ANSWERS(auth_authorize(c, header, header_len, "admin", 5, &r.verdict, sizeof r),
          AUTH_STATUS_SCOPE_MISSING);
  ANSWERS(auth_authorize(c, "Basic YTpi", 10, NULL, 0, &r.verdict, sizeof r),
          AUTH_STATUS_SCHEME_UNSUPPORTED);
  header[header_len - 10] ^= 2; // within the alphabet of base64url
  ANSWERS(auth_authorize(c, header, header_len, NULL, 0, &r.verdict, sizeof r),
          AUTH_STATUS_SIGNATURE_INVALID);
  CHECK(called == 0);
  auth_config_free(c);
  return finish("interpose");
}

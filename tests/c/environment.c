// The environment of a program that runs with more rights than its caller (AT_SECURE) is the
// caller's: nothing of it is read. Run twice with the same LIBAUTH_* variables, as "plain" and, by
// another user than its owner with the set-user-id bit, as "secure".
#define _GNU_SOURCE
#include "check.h"
#include "token.h"
#include <stdlib.h>
#include <sys/auxv.h>

int main(int argc, char **argv) {
  static auth_record r;
  int secure = argc == 2 && strcmp(argv[1], "secure") == 0;
  // Else this test would test nothing.
  if ((getauxval(AT_SECURE) != 0) != secure) {
    printf("AT_SECURE is %lu: is the folder mounted nosuid?\n", getauxval(AT_SECURE));
    return 1;
  }
  CHECK(getenv("LIBAUTH_ISSUER") != NULL && getenv("LIBAUTH_AUDIENC") != NULL);
  auth_config *c = auth_config_new();
  ANSWERS(auth_config_load_env(c, &r.verdict, sizeof r), AUTH_STATUS_OK);
  if (!secure) {
    CHECK(text_has(&r, r.verdict.log, "did you mean LIBAUTH_AUDIENCE?"));
    ANSWERS(auth_config_check(c, &r.verdict, sizeof r), AUTH_STATUS_OK);
    ANSWERS(auth_verify(c, TEST_TOKEN, strlen(TEST_TOKEN), &r.verdict, sizeof r), AUTH_STATUS_OK);
  } else {
    CHECK(text_is(&r, r.verdict.log, ""));
    ANSWERS(auth_config_check(c, &r.verdict, sizeof r), AUTH_STATUS_OPTION_MISSING);
    CHECK(text_has(&r, r.verdict.log, "issuer is not set"));
    // Nor does it replace what the program set itself.
    STATUS(auth_config_set(c, "issuer", "https://own.example", NULL, 0), AUTH_STATUS_OK);
    STATUS(auth_config_set(c, "audience", TEST_AUDIENCE, NULL, 0), AUTH_STATUS_OK);
    STATUS(auth_config_set(c, "keys.jwks", TEST_JWKS, NULL, 0), AUTH_STATUS_OK);
    ANSWERS(auth_config_load_env(c, &r.verdict, sizeof r), AUTH_STATUS_OK);
    ANSWERS(auth_verify(c, TEST_TOKEN, strlen(TEST_TOKEN), &r.verdict, sizeof r),
            AUTH_STATUS_ISSUER_INVALID);
  }
  auth_config_free(c);

  // A fetch would go by the proxy of HTTPS_PROXY, if that were one; else the host is not found.
  c = auth_config_new();
  STATUS(auth_config_set(c, "issuer", "https://id.example", NULL, 0), AUTH_STATUS_OK);
  STATUS(auth_config_set(c, "audience", TEST_AUDIENCE, NULL, 0), AUTH_STATUS_OK);
  ANSWERS(auth_verify(c, TEST_TOKEN, strlen(TEST_TOKEN), &r.verdict, sizeof r),
          AUTH_STATUS_DISCOVERY_FAILED);
  CHECK(text_has(&r, r.verdict.log, "HTTPS_PROXY names a SOCKS proxy") == !secure);
  auth_config_free(c);
  return finish(secure ? "environment secure" : "environment plain");
}

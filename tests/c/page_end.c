// No call reads or writes a byte beyond what it was given: each argument ends where an unreadable
// page begins.
#define _GNU_SOURCE
#include "check.h"
#include "token.h"
#include <sys/mman.h>
#include <unistd.h>

// `size` bytes that end at the end of a page, with a page behind them that may not be touched.
static char *room_at_end(size_t size) {
  size_t page = (size_t)sysconf(_SC_PAGESIZE), held = (size + page - 1) / page * page;
  char *memory =
      mmap(NULL, held + page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED || mprotect(memory + held, page, PROT_NONE) != 0) {
    perror("mmap");
    _exit(1);
  }
  return memory + held - size;
}

static char *at_end(const char *text, size_t length) {
  return memcpy(room_at_end(length), text, length);
}

int main(void) {
  static auth_record r;
  const char *token = TEST_TOKEN, *header = "Bearer " TEST_TOKEN, *require = "read:orders";
  size_t token_len = strlen(token), header_len = strlen(header), require_len = strlen(require);
  auth_config *c = auth_config_new();
  const char *options[][2] = {
      {"issuer", TEST_ISSUER}, {"audience", TEST_AUDIENCE}, {"keys.jwks", TEST_JWKS}};
  for (size_t i = 0; i < 3; i++) // text with its NUL: the NUL is the last byte of the page
    STATUS(auth_config_set(c, at_end(options[i][0], strlen(options[i][0]) + 1),
                           at_end(options[i][1], strlen(options[i][1]) + 1), NULL, 0),
           AUTH_STATUS_OK);

  char *token_end = at_end(token, token_len);
  ANSWERS(auth_verify(c, token_end, token_len, &r.verdict, sizeof r), AUTH_STATUS_OK);
  ANSWERS(auth_authorize(c, at_end(header, header_len), header_len, at_end(require, require_len),
                         require_len, &r.verdict, sizeof r),
          AUTH_STATUS_OK);
  ANSWERS(auth_describe(c, AUTH_STATUS_TOKEN_EXPIRED, at_end("late", 4), 4, &r.verdict, sizeof r),
          AUTH_STATUS_TOKEN_EXPIRED);

  const char *json = "{\"keys.jwks\":" TEST_JWKS "}", *claims = TEST_CLAIMS;
  size_t json_len = strlen(json), claims_len = strlen(claims);
  auth_config *open = auth_config_new();
  STATUS(auth_config_load(open, at_end(json, json_len), json_len, NULL, 0), AUTH_STATUS_OK);
  for (size_t length = 0; length < json_len; length++)
    CHECK(auth_config_load(open, at_end(json, length), length, NULL, 0) != AUTH_STATUS_OK);
  auth_config_free(open);
  char *claims_end = at_end(claims, claims_len), *path_end = at_end("sub", 4);
  STATUS(auth_require(c, claims_end, claims_len, at_end(require, require_len), require_len, NULL,
                      0),
         AUTH_STATUS_OK);
  CHECK(auth_claim(claims_end, claims_len, path_end, room_at_end(6), 6) == 5);
  CHECK(auth_claim(claims_end, claims_len, path_end, room_at_end(5), 5) == 5);
  for (size_t length = 0; length < claims_len; length++) {
    char *part = at_end(claims, length);
    CHECK(auth_require(c, part, length, NULL, 0, NULL, 0) == AUTH_STATUS_CLAIM_MALFORMED);
    CHECK(auth_claim(part, length, path_end, NULL, 0) == SIZE_MAX);
  }

  // Every beginning and every end of the token and the header, judged without a step beyond.
  for (size_t length = 0; length < token_len; length++) {
    CHECK(auth_verify(c, at_end(token, length), length, NULL, 0) != AUTH_STATUS_OK);
    if (length > 0)
      CHECK(auth_verify(c, token_end + token_len - length, length, NULL, 0) != AUTH_STATUS_OK);
  }
  for (size_t length = 0; length < 16; length++) {
    const char *found;
    size_t found_len;
    (void)!auth_extract_bearer(at_end(header, length), length, &found, &found_len);
    CHECK(auth_authorize(c, at_end(header, length), length, NULL, 0, NULL, 0) != AUTH_STATUS_OK);
  }

  // The record: exactly the room that is needed, and every size below.
  STATUS(auth_verify(c, token, token_len, &r.verdict, sizeof r), AUTH_STATUS_OK);
  const size_t needed = r.verdict.size;
  for (size_t size = 0; size <= needed; size++) {
    char *out = room_at_end(size);
    STATUS(auth_verify(c, token, token_len, (auth_verdict *)(void *)out, size),
           size < needed ? AUTH_STATUS_OUT_TOO_SMALL : AUTH_STATUS_OK);
  }
  auth_config_free(c);
  return finish("page_end");
}

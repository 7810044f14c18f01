// What the C tests share: counting checks, and what must hold for every record.
#include <auth.h>
#include <stdio.h>
#include <string.h>

static int checks, failures;

static void check(int holds, const char *what, int line) {
  checks += 1;
  if (holds) return;
  failures += 1;
  printf("line %d: %s\n", line, what);
}
#define CHECK(condition) check((condition), #condition, __LINE__)

static void check_status(auth_status got, auth_status expected, const char *call, int line) {
  checks += 1;
  if (got == expected) return;
  failures += 1;
  printf("line %d: %s is %s, not %s\n", line, call, auth_status_name((int32_t)got),
         auth_status_name((int32_t)expected));
}
#define STATUS(call, expected) check_status((call), (expected), #call, __LINE__)

static int finish(const char *program) {
  printf("%s: %d checks, %d failed\n", program, checks, failures);
  return failures != 0;
}

// A text lies inside the record behind its head and a NUL follows; an absent one is {0,0}.
static int text_holds(const char *record, const auth_verdict *head, auth_text text) {
  if (text.offset == 0) return text.length == 0;
  return text.offset >= sizeof *head && text.offset < head->size &&
         text.length < head->size - text.offset && record[text.offset + text.length] == '\0' &&
         memchr(record + text.offset, 0, text.length) == NULL;
}

// `record` may have any alignment: its head is copied out.
static void check_record_at(const void *record, auth_status returned, int line) {
  auth_verdict head;
  memcpy(&head, record, sizeof head);
  int accepted = returned == AUTH_STATUS_OK;
  check(head.status == (int32_t)returned, "the record has the status that was returned", line);
  check(head.size >= sizeof head, "the size counts the head", line);
  check(head.http_status == 200 || head.http_status == 401 || head.http_status == 403 ||
            head.http_status == 500 || head.http_status == 503,
        "http_status is one of five", line);
  check((head.http_status == 200) == accepted, "http_status is 200 on OK and nowhere else", line);
  check((head.retry_after_s > 0) == (head.http_status == 503), "retry_after_s goes with 503", line);
  check(head.code.length > 0, "there is a code", line);
  check((head.problem.length > 0) == !accepted, "there is a problem body unless it is OK", line);
  check((head.challenge.length > 0) == (head.http_status == 401 || head.http_status == 403),
        "there is a challenge with 401 and 403", line);
  if (!accepted)
    check(head.claims.length == 0 && head.header.length == 0 && head.subject.length == 0 &&
              head.client_id.length == 0 && head.scopes.length == 0 && head.expires_at == 0,
          "a refusal tells nothing of the token", line);
  auth_text texts[] = {head.code,    head.message,   head.log,    head.challenge,
                       head.problem, head.claims,    head.header, head.issuer,
                       head.subject, head.client_id, head.scopes};
  for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
    check(text_holds(record, &head, texts[i]), "every text lies in the record and ends with NUL",
          line);
}
#define CHECK_RECORD(record, returned) check_record_at((record), (returned), __LINE__)

// The call must answer `expected`, in its return value and in the record r.
#define ANSWERS(call, expected)                                                                    \
  do {                                                                                             \
    memset(&r, 0xA5, sizeof r);                                                                    \
    auth_status answer = (call);                                                                   \
    check_status(answer, (expected), #call, __LINE__);                                             \
    CHECK_RECORD(&r, answer);                                                                      \
  } while (0)

static inline int text_is(const auth_record *r, auth_text text, const char *expected) {
  return text.length == strlen(expected) && strcmp(auth_text_of(&r->verdict, text), expected) == 0;
}

static inline int text_has(const auth_record *r, auth_text text, const char *part) {
  return strstr(auth_text_of(&r->verdict, text), part) != NULL;
}

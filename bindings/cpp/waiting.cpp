// Waiting for keys through auth.hpp, on threads with a stack of 64 KiB.
//     waiting URL RS256 ES256 EDDSA      of a provider that runs; and its tokens for
//     https://api.example with the scope read
#include "check.hpp"
#include "small_stack.hpp"
#include <auth.hpp>
#include <string>
#include <vector>

using libauth::Auth;
using libauth::Status;
using libauth::Verdict;
using std::string;

static Auth of(const string &issuer) {
  return {{"issuer", issuer}, {"audience", "https://api.example"}, {"keys.timeout", "5s"}};
}

// A host that must not block: try, let one thread refresh, try once more.
static void try_wait_try(const string &url, const string &header) {
  const Auth auth = of(url);
  CHECK(auth.check());
  Verdict v = auth.try_authorize(header, "read");
  CHECK(v.status() == Status::keys_pending && v.issuer() == url && v.http_status() == 503);
  CHECK(v.retry_after() >= std::chrono::seconds(1) && v.subject().empty());
  CHECK(!auth.try_verify(header.substr(7), v) && v.status() == Status::keys_pending);
  CHECK(auth.refresh(v.issuer()));
  CHECK(auth.try_authorize(header, "read", v) && v.has_scope("read") && v.issuer() == url);
  CHECK(auth.ready());
  CHECK(auth.report().find(url) != string::npos);
}

static void wait_in_the_call(const string &url, const std::vector<string> &headers) {
  const Auth auth = of(url);
  Verdict v;
  for (const string &header : headers) {
    CHECK(auth.authorize(header, "read", v));
    CHECK(!auth.authorize(header, "write", v) && v.status() == Status::scope_missing);
    CHECK(!auth.authorize(header.substr(0, header.size() - 8) + "AAAAAAAA", {}, v));
    CHECK(v.status() == Status::signature_invalid);
  }
}

static void nobody_is_there() {
  const Auth auth = of("http://127.0.0.1:1");
  CHECK(!auth.ready());
  for (int i = 0; i < 2; i++) {
    const Verdict v = auth.refresh();
    CHECK(v.status() == Status::discovery_failed && v.http_status() == 503 && !v.log().empty());
  }
}

int main(int argc, char **argv) {
  if (argc != 5) {
    std::fprintf(stderr, "usage: waiting URL RS256-TOKEN ES256-TOKEN EDDSA-TOKEN\n");
    return 2;
  }
  const string url = argv[1];
  std::vector<string> headers;
  for (int i = 2; i < argc; i++) headers.push_back(string("Bearer ") + argv[i]);
  const long used = on_small_stack([&] {
    for (const string &header : headers) try_wait_try(url, header);
    wait_in_the_call(url, headers);
    nobody_is_there();
  });
  CHECK(used * 3 <= small_stack_bytes * 2);
  std::printf("waiting: %d checks, %d failed; at most %ld of %ld bytes of stack\n", checks,
              failures, used, small_stack_bytes);
  return failures != 0;
}

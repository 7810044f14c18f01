// auth_verify in C, and the same through auth.hpp with a new and with a used verdict: the same
// token and handle, interleaved in one process; the minimum over many rounds.
//     benches/cpp/run
#include "../../tests/c/token.h"
#include <algorithm>
#include <auth.hpp>
#include <chrono>
#include <cstdio>

using libauth::Auth;
using libauth::Verdict;

template <class Body> static double nanoseconds(Body body) {
  constexpr int calls = 64;
  const auto begin = std::chrono::steady_clock::now();
  int accepted = 0;
  for (int i = 0; i < calls; i++) accepted += body() ? 1 : 0;
  const std::chrono::duration<double, std::nano> took = std::chrono::steady_clock::now() - begin;
  if (accepted != calls) std::abort();
  return took.count() / calls;
}

// A refusal costs the library little, so that what the wrapper adds is seen.
static void measure(const char *name, const Auth &auth, std::string_view token, bool expected) {
  double in_c = 1e12, anew = 1e12, reused = 1e12;
  static auth_record r;
  Verdict used;
  for (int round = 0; round < 2000; round++) {
    in_c = std::min(in_c, nanoseconds([&] {
                      return (auth_verify(auth.handle(), token.data(), token.size(), &r.verdict,
                                          sizeof r) == AUTH_STATUS_OK) == expected;
                    }));
    anew = std::min(anew, nanoseconds([&] {
                      const Verdict verdict = auth.verify(token);
                      return static_cast<bool>(verdict) == expected;
                    }));
    reused = std::min(reused, nanoseconds([&] { return auth.verify(token, used) == expected; }));
  }
  std::printf("%-16s  %9.0f  %11.0f (%.3f)  %12.0f (%.3f)\n", name, in_c, anew, anew / in_c, reused,
              reused / in_c);
}

int main() {
  const Auth auth{{"issuer", TEST_ISSUER}, {"audience", TEST_AUDIENCE}, {"keys.jwks", TEST_JWKS}};
  std::printf("%-16s  %9s  %19s  %20s\n", "ns a call", "C", "C++, new verdict", "used verdict");
  measure("accepted, ES256", auth, TEST_TOKEN, true);
  measure("refused, no JWT", auth, "opaque", false);
}

// Ends with 0 when the library answers as its header says.
#include <auth.hpp>
#include <iostream>

int main() {
  const libauth::Auth auth{{"issuer", "https://id.example"}, {"audience", "https://api.example"}};
  const auto verdict = auth.authorize("Basic eDp5");
  std::cout << verdict.log() << '\n';
  return !auth.check() || verdict.status() != libauth::Status::scheme_unsupported;
}

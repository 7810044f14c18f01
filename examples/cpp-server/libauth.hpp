// As much of C++ around auth.h as server.cpp needs.
#pragma once
#include <auth.h>

#include <memory>
#include <string>
#include <string_view>

namespace libauth {

// What was decided of one request. Used again for the next one: nothing is allocated.
class Verdict {
 public:
  explicit operator bool() const { return verdict().status == AUTH_STATUS_OK; } // accepted
  int http_status() const { return verdict().http_status; }
  unsigned retry_after() const { return verdict().retry_after_s; } // seconds; 0 = not told
  std::string_view code() const { return text(verdict().code); }
  std::string_view log() const { return text(verdict().log); }
  std::string_view challenge() const { return text(verdict().challenge); }
  std::string_view problem() const { return text(verdict().problem); }
  std::string_view claims() const { return text(verdict().claims); }

  auth_verdict *out() { return &record_.verdict; }
  static constexpr size_t size = sizeof(auth_record);

 private:
  const auth_verdict &verdict() const { return record_.verdict; }
  std::string_view text(auth_text part) const {
    return {auth_text_of(&verdict(), part), part.length};
  }
  auth_record record_;
};

class Auth {
 public:
  // Options from LIBAUTH_...; `into` says what is wrong with them.
  [[nodiscard]] bool load_env(Verdict &into) {
    return auth_config_load_env(handle_.get(), into.out(), into.size) == AUTH_STATUS_OK;
  }
  [[nodiscard]] bool check(Verdict &into) const {
    return auth_config_check(handle_.get(), into.out(), into.size) == AUTH_STATUS_OK;
  }
  [[nodiscard]] bool authorize(std::string_view header, std::string_view require,
                               Verdict &into) const {
    return auth_authorize(handle_.get(), header.data(), header.size(), require.data(),
                          require.size(), into.out(), into.size) == AUTH_STATUS_OK;
  }
  void describe(auth_status status, std::string_view detail, Verdict &into) const {
    auth_describe(handle_.get(), status, detail.data(), detail.size(), into.out(), into.size);
  }
  [[nodiscard]] bool ready(Verdict &into) const {
    return auth_ready(handle_.get(), into.out(), into.size) == AUTH_STATUS_OK;
  }
  std::string metrics() const {
    std::string text;
    for (size_t needed; (needed = auth_metrics(handle_.get(), text.data(), text.size())) >=
                        text.size();)
      text.resize(needed + 1024); // counters grow from one call to the next
    text.resize(text.find('\0'));
    return text;
  }

 private:
  struct Free {
    void operator()(auth_config *config) const { auth_config_free(config); }
  };
  std::unique_ptr<auth_config, Free> handle_{auth_config_new()};
};

} // namespace libauth

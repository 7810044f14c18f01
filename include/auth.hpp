// auth.hpp - auth.h for C++17 and later: handles and verdicts that free themselves. Header only.
//
//   libauth::Auth auth{{"issuer", "https://id.example"}, {"audience", "https://api.example"}};
//   auto verdict = auth.authorize(header, "orders:read");
//   if (!verdict) return refuse(verdict.http_status(), verdict.challenge(), verdict.problem());
//   greet(verdict.subject());
//
// Ownership: an Auth owns its handle, a Verdict owns one block of memory; both are moved, never
// copied. A string_view that a verdict gives lives until the verdict is destroyed or filled again;
// moving the verdict leaves it valid.
// Threads: any number of calls on one Auth at once; set, load and destroy it when no call runs. A
// Verdict is for one thread at a time.
// Blocking: verify, authorize and refresh wait while keys are fetched; nothing else ever waits.
// Exceptions: none, but std::bad_alloc from what returns a std::string. Without memory a verdict
// is false and its status is Status::internal. Compiles with -fno-exceptions and -fno-rtti.
// What auth.h says of a call holds here too: lengths and bytes, NUL among them, pass as they are.

#ifndef LIBAUTH_AUTH_HPP
#define LIBAUTH_AUTH_HPP

#include "auth.h"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <initializer_list>
#include <limits>
#include <memory>
#include <new>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>

namespace libauth {

// The outcomes, by the names of docs/statuses.md: `make generated` writes them. ok is 0, and no
// value converts to bool: compare.
enum class Status : std::int32_t {
  ok = AUTH_STATUS_OK,
  header_missing = AUTH_STATUS_HEADER_MISSING,
  header_malformed = AUTH_STATUS_HEADER_MALFORMED,
  scheme_unsupported = AUTH_STATUS_SCHEME_UNSUPPORTED,
  token_too_large = AUTH_STATUS_TOKEN_TOO_LARGE,
  token_opaque = AUTH_STATUS_TOKEN_OPAQUE,
  token_encrypted = AUTH_STATUS_TOKEN_ENCRYPTED,
  token_malformed = AUTH_STATUS_TOKEN_MALFORMED,
  algorithm_not_allowed = AUTH_STATUS_ALGORITHM_NOT_ALLOWED,
  critical_unsupported = AUTH_STATUS_CRITICAL_UNSUPPORTED,
  type_not_allowed = AUTH_STATUS_TYPE_NOT_ALLOWED,
  issuer_invalid = AUTH_STATUS_ISSUER_INVALID,
  discovery_failed = AUTH_STATUS_DISCOVERY_FAILED,
  discovery_issuer_mismatch = AUTH_STATUS_DISCOVERY_ISSUER_MISMATCH,
  keys_unavailable = AUTH_STATUS_KEYS_UNAVAILABLE,
  keys_pending = AUTH_STATUS_KEYS_PENDING,
  key_not_found = AUTH_STATUS_KEY_NOT_FOUND,
  key_unusable = AUTH_STATUS_KEY_UNUSABLE,
  signature_invalid = AUTH_STATUS_SIGNATURE_INVALID,
  claim_missing = AUTH_STATUS_CLAIM_MISSING,
  claim_malformed = AUTH_STATUS_CLAIM_MALFORMED,
  not_an_access_token = AUTH_STATUS_NOT_AN_ACCESS_TOKEN,
  token_expired = AUTH_STATUS_TOKEN_EXPIRED,
  token_not_yet_valid = AUTH_STATUS_TOKEN_NOT_YET_VALID,
  token_too_old = AUTH_STATUS_TOKEN_TOO_OLD,
  audience_invalid = AUTH_STATUS_AUDIENCE_INVALID,
  client_not_allowed = AUTH_STATUS_CLIENT_NOT_ALLOWED,
  claim_invalid = AUTH_STATUS_CLAIM_INVALID,
  proof_required = AUTH_STATUS_PROOF_REQUIRED,
  scope_missing = AUTH_STATUS_SCOPE_MISSING,
  role_missing = AUTH_STATUS_ROLE_MISSING,
  permission_missing = AUTH_STATUS_PERMISSION_MISSING,
  group_missing = AUTH_STATUS_GROUP_MISSING,
  claim_not_granted = AUTH_STATUS_CLAIM_NOT_GRANTED,
  check_refused = AUTH_STATUS_CHECK_REFUSED,
  argument_invalid = AUTH_STATUS_ARGUMENT_INVALID,
  option_unknown = AUTH_STATUS_OPTION_UNKNOWN,
  option_invalid = AUTH_STATUS_OPTION_INVALID,
  option_missing = AUTH_STATUS_OPTION_MISSING,
  config_frozen = AUTH_STATUS_CONFIG_FROZEN,
  out_too_small = AUTH_STATUS_OUT_TOO_SMALL,
  requirement_invalid = AUTH_STATUS_REQUIREMENT_INVALID,
  internal = AUTH_STATUS_INTERNAL,
};

// Bytes that may be absent: a null pointer is text that is not there. An absent header is
// header_missing; an absent option value is refused, so that a getenv that found nothing switches
// no check off; an absent requirement is none: write it as a literal, or see that it is there.
// A Text does not own its bytes.
struct Text {
  constexpr Text() noexcept = default;
  constexpr Text(std::nullptr_t) noexcept {}
  constexpr Text(std::string_view text) noexcept : data(text.data()), size(text.size()) {}
  Text(const std::string &text) noexcept : data(text.data()), size(text.size()) {}
  Text(const char *text) noexcept : data(text), size(text == nullptr ? 0 : std::strlen(text)) {}

  const char *data = nullptr;
  std::size_t size = 0;
};

// One option: a key of docs/options.md and its value.
struct Option {
  std::string_view key;
  Text value;
};

[[nodiscard]] inline std::error_code make_error_code(Status status) noexcept;

// The answer to a call: false until a call filled it with Status::ok, and again once it was moved
// from. To save the allocation keep one and hand it to the calls that take a Verdict &: its memory
// serves again as long as it is large enough.
class Verdict {
public:
  Verdict() noexcept = default;
  Verdict(Verdict &&other) noexcept
      : memory_(std::move(other.memory_)), room_(std::exchange(other.room_, 0)) {}
  Verdict &operator=(Verdict &&other) noexcept {
    if (this == &other) return *this;
    memory_ = std::move(other.memory_);
    room_ = std::exchange(other.room_, 0);
    return *this;
  }
  Verdict(const Verdict &) = delete;
  Verdict &operator=(const Verdict &) = delete;
  ~Verdict() = default;

  // Accepted.
  [[nodiscard]] explicit operator bool() const noexcept { return status() == Status::ok; }

  [[nodiscard]] Status status() const noexcept {
    return memory_ ? static_cast<Status>(record()->status) : Status::internal;
  }
  [[nodiscard]] std::error_code error() const noexcept { return make_error_code(status()); }
  // 200, 401, 403, 500 or 503.
  [[nodiscard]] int http_status() const noexcept { return memory_ ? record()->http_status : 500; }
  // For 503: at least 1 s; else 0.
  [[nodiscard]] std::chrono::seconds retry_after() const noexcept {
    return std::chrono::seconds(memory_ ? record()->retry_after_s : 0);
  }
  // `exp`, since 1970-01-01 UTC; 0 when not valid. No time_point: system_clock's may end in 2262.
  [[nodiscard]] std::chrono::seconds expires_at() const noexcept {
    return std::chrono::seconds(memory_ ? record()->expires_at : 0);
  }

  // "ok", or a stable code such as "auth.token_expired".
  [[nodiscard]] std::string_view code() const noexcept {
    return text(&auth_verdict::code, "auth.internal");
  }
  // One sentence for the client, one for your log.
  [[nodiscard]] std::string_view message() const noexcept {
    return text(&auth_verdict::message, "The server failed to check the access token.");
  }
  [[nodiscard]] std::string_view log() const noexcept {
    return text(&auth_verdict::log, "There is no memory for a verdict, or none was filled.");
  }
  // Value for WWW-Authenticate. Empty when valid, on 500 and on 503.
  [[nodiscard]] std::string_view challenge() const noexcept {
    return text(&auth_verdict::challenge);
  }
  // Body for application/problem+json. Empty when valid.
  [[nodiscard]] std::string_view problem() const noexcept {
    return text(&auth_verdict::problem,
                "{\"type\":\"about:blank\",\"title\":\"Internal Server Error\",\"status\":500,"
                "\"detail\":\"The server failed to check the access token.\","
                "\"code\":\"auth.internal\"}");
  }
  // Of an accepted token: JSON objects, byte for byte as signed.
  [[nodiscard]] std::string_view claims() const noexcept { return text(&auth_verdict::claims); }
  [[nodiscard]] std::string_view header() const noexcept { return text(&auth_verdict::header); }
  // On Status::keys_pending the issuer to refresh.
  [[nodiscard]] std::string_view issuer() const noexcept { return text(&auth_verdict::issuer); }
  [[nodiscard]] std::string_view subject() const noexcept { return text(&auth_verdict::subject); }
  [[nodiscard]] std::string_view client_id() const noexcept {
    return text(&auth_verdict::client_id);
  }
  // Separated by one space, none twice.
  [[nodiscard]] std::string_view scopes() const noexcept { return text(&auth_verdict::scopes); }
  [[nodiscard]] bool has_scope(std::string_view scope) const noexcept;

  // One claim as text: `path` is a name, a dotted path or a JSON pointer. Anything but a JSON text
  // comes as its JSON. Nothing when it is absent or the token was refused.
  [[nodiscard]] std::optional<std::string> claim(std::string_view path) const;

  // For functions of auth.h: null when there is no memory. Lives as the string_views do.
  [[nodiscard]] const auth_verdict *record() const noexcept {
    return reinterpret_cast<const auth_verdict *>(memory_.get());
  }

private:
  friend class Auth;

  [[nodiscard]] std::string_view text(auth_text auth_verdict::*field,
                                      std::string_view without = {}) const noexcept {
    if (!memory_) return without;
    const auth_text at = record()->*field;
    return {auth_text_of(record(), at), at.length};
  }

  template <class Call> bool fill(std::size_t length, Call call) noexcept;

  std::unique_ptr<char[]> memory_;
  std::size_t room_ = 0;
};

// The handle: what is accepted, from whom, and the keys fetched for it. A mistake in an option is
// remembered: check() tells all of them, and until they are set right every token is refused.
// An Auth that was moved from, or for which there was no memory, refuses everything.
class Auth {
public:
  Auth() noexcept : handle_(auth_abi() == AUTH_ABI ? auth_config_new() : nullptr) {}
  // Loads nothing from the network. Ask check() before you serve.
  Auth(std::initializer_list<Option> options) noexcept : Auth() {
    for (const Option &option : options) (void)set(option.key, option.value);
  }
  Auth(Auth &&other) noexcept : handle_(std::exchange(other.handle_, nullptr)) {}
  Auth &operator=(Auth &&other) noexcept {
    if (this == &other) return *this;
    auth_config_free(std::exchange(handle_, std::exchange(other.handle_, nullptr)));
    return *this;
  }
  Auth(const Auth &) = delete;
  Auth &operator=(const Auth &) = delete;
  ~Auth() { auth_config_free(handle_); }

  // Sets one option; a later set replaces. config_frozen after the first verify. Never blocks.
  [[nodiscard]] Verdict set(std::string_view key, Text value) noexcept;
  // Sets the members of a JSON object, all or none.
  [[nodiscard]] Verdict load(std::string_view json) noexcept {
    return changed([&](auth_verdict *out, std::size_t room) {
      return auth_config_load(handle_, json.data(), json.size(), out, room);
    });
  }
  // Sets what the environment has: LIBAUTH_ISSUER, LIBAUTH_AUDIENCE, ...
  [[nodiscard]] Verdict load_env() noexcept {
    return changed([&](auth_verdict *out, std::size_t room) {
      return auth_config_load_env(handle_, out, room);
    });
  }
  // Judges all options together: log() tells every mistake, and of good ones what is doubtful.
  [[nodiscard]] Verdict check() const noexcept {
    return filled(0, [&](auth_verdict *out, std::size_t room) {
      return auth_config_check(handle_, out, room);
    });
  }

  // Verifies a token. Blocks only while keys are fetched, at most `keys.timeout`, once.
  [[nodiscard]] Verdict verify(Text token) const noexcept {
    return made([&](Verdict &out) { return verify(token, out); });
  }
  [[nodiscard]] bool verify(Text token, Verdict &verdict) const noexcept {
    return judge_token(auth_verify, token, verdict);
  }
  // Never blocks: keys_pending where keys have to be fetched first. Let one thread refresh that
  // issuer, then try once more: a second keys_pending is the answer.
  [[nodiscard]] Verdict try_verify(Text token) const noexcept {
    return made([&](Verdict &out) { return try_verify(token, out); });
  }
  [[nodiscard]] bool try_verify(Text token, Verdict &verdict) const noexcept {
    return judge_token(auth_try_verify, token, verdict);
  }
  // As of `now`, since 1970-01-01 UTC, by the keys that are held: for tests and audits.
  [[nodiscard]] Verdict verify_at(Text token, std::chrono::seconds now) const noexcept {
    return made([&](Verdict &out) { return verify_at(token, now, out); });
  }
  [[nodiscard]] bool verify_at(Text token, std::chrono::seconds now,
                               Verdict &verdict) const noexcept {
    return verdict.fill(token.size, [&](auth_verdict *out, std::size_t room) {
      return auth_verify_at(handle_, token.data, token.size, now.count(), out, room);
    });
  }

  // The whole of it: the Authorization header, the token in it, and what this request needs, such
  // as "orders:read role:admin". Blocks as verify.
  [[nodiscard]] Verdict authorize(Text header, Text needed = {}) const noexcept {
    return made([&](Verdict &out) { return authorize(header, needed, out); });
  }
  [[nodiscard]] bool authorize(Text header, Text needed, Verdict &verdict) const noexcept {
    return judge_header(auth_authorize, header, needed, verdict);
  }
  // Never blocks: see try_verify.
  [[nodiscard]] Verdict try_authorize(Text header, Text needed = {}) const noexcept {
    return made([&](Verdict &out) { return try_authorize(header, needed, out); });
  }
  [[nodiscard]] bool try_authorize(Text header, Text needed, Verdict &verdict) const noexcept {
    return judge_header(auth_try_authorize, header, needed, verdict);
  }
  // As of `now`: see verify_at.
  [[nodiscard]] Verdict authorize_at(Text header, Text needed,
                                     std::chrono::seconds now) const noexcept {
    return made([&](Verdict &out) { return authorize_at(header, needed, now, out); });
  }
  [[nodiscard]] bool authorize_at(Text header, Text needed, std::chrono::seconds now,
                                  Verdict &verdict) const noexcept {
    return verdict.fill(header.size, [&](auth_verdict *out, std::size_t room) {
      return auth_authorize_at(handle_, header.data, header.size, needed.data, needed.size,
                               now.count(), out, room);
    });
  }

  // Asks the claims of a token that was accepted for a second requirement. Accepted: code() alone.
  [[nodiscard]] Verdict require(Text claims, Text needed) const noexcept {
    return made([&](Verdict &out) { return require(claims, needed, out); });
  }
  [[nodiscard]] bool require(Text claims, Text needed, Verdict &verdict) const noexcept {
    return verdict.fill(0, [&](auth_verdict *out, std::size_t room) {
      return auth_require(handle_, claims.data, claims.size, needed.data, needed.size, out, room);
    });
  }

  // Fetches the keys of an issuer, or joins the fetch under way. Blocks, bounded.
  [[nodiscard]] Verdict refresh(std::string_view issuer) const noexcept {
    // A view of nothing is an issuer without a name, never all of them.
    const char *start = issuer.data() == nullptr ? "" : issuer.data();
    return refreshed(start, issuer.size());
  }
  // Of all issuers, at the same time: a warm-up.
  [[nodiscard]] Verdict refresh() const noexcept { return refreshed(nullptr, 0); }
  // For a readiness probe: accepted once keys are here, and from then on. Never blocks.
  [[nodiscard]] Verdict ready() const noexcept {
    return filled(0, [&](auth_verdict *out, std::size_t room) {
      return auth_ready(handle_, out, room);
    });
  }

  // What a running server tells of itself (docs/report.md): JSON, and the same for Prometheus.
  [[nodiscard]] std::string report() const { return told(auth_report); }
  [[nodiscard]] std::string metrics() const { return told(auth_metrics); }

  // The full answer for a refusal that you found yourself, such as header_malformed for two
  // Authorization headers; `detail` goes into log() alone.
  [[nodiscard]] Verdict describe(Status status, Text detail = {}) const noexcept {
    return filled(0, [&](auth_verdict *out, std::size_t room) {
      const auto number = static_cast<std::int32_t>(status);
      return auth_describe(handle_, number, detail.data, detail.size, out, room);
    });
  }

  // For functions of auth.h; stays owned by this.
  [[nodiscard]] auth_config *handle() const noexcept { return handle_; }

private:
  template <class Call> [[nodiscard]] static Verdict made(Call call) noexcept {
    Verdict verdict;
    (void)call(verdict);
    return verdict;
  }

  template <class Call>
  [[nodiscard]] static Verdict filled(std::size_t length, Call call) noexcept {
    return made([&](Verdict &out) { return out.fill(length, call); });
  }

  // Done also where there is no memory to tell of it: what a handle lost would not be remembered.
  template <class Call> [[nodiscard]] static Verdict changed(Call call) noexcept {
    Verdict verdict = filled(0, call);
    if (verdict.record() == nullptr) (void)call(nullptr, std::size_t{0});
    return verdict;
  }

  template <class Judge>
  [[nodiscard]] bool judge_token(Judge judge, Text token, Verdict &verdict) const noexcept {
    return verdict.fill(token.size, [&](auth_verdict *out, std::size_t room) {
      return judge(handle_, token.data, token.size, out, room);
    });
  }

  template <class Judge>
  [[nodiscard]] bool judge_header(Judge judge, Text header, Text needed,
                                  Verdict &verdict) const noexcept {
    return verdict.fill(header.size, [&](auth_verdict *out, std::size_t room) {
      return judge(handle_, header.data, header.size, needed.data, needed.size, out, room);
    });
  }

  [[nodiscard]] Verdict refreshed(const char *issuer, std::size_t length) const noexcept {
    return filled(0, [&](auth_verdict *out, std::size_t room) {
      return auth_refresh(handle_, issuer, length, out, room);
    });
  }

  [[nodiscard]] static std::unique_ptr<char[]> with_nul(const char *text,
                                                        std::size_t size) noexcept;

  template <class Tell> [[nodiscard]] std::string told(Tell tell) const {
    std::string text(4096, '\0');
    // What is told may grow between two calls.
    for (;;) {
      const std::size_t needed = tell(handle_, text.data(), text.size() + 1);
      const bool whole = needed <= text.size();
      text.resize(whole ? needed : needed + needed / 4);
      if (whole) return text;
    }
  }

  auth_config *handle_;
};

// ---------------------------------------------------------------- the longer bodies

template <class Call> bool Verdict::fill(std::size_t length, Call call) noexcept {
  // No longer token is ever accepted, and a refusal needs no room for it.
  constexpr std::size_t longest = 1024 * 1024;
  const std::size_t needed = AUTH_VERDICT_SIZE(length < longest ? length : longest);
  std::unique_ptr<char[]> before;
  if (room_ < needed) {
    before = std::move(memory_); // an input may lie in it
    memory_.reset(new (std::nothrow) char[needed]);
    room_ = memory_ ? needed : 0;
  }
  if (!memory_) return false;
  return call(reinterpret_cast<auth_verdict *>(memory_.get()), room_) == AUTH_STATUS_OK;
}

inline bool Verdict::has_scope(std::string_view scope) const noexcept {
  if (scope.empty() || scope.find(' ') != scope.npos) return false;
  for (std::string_view rest = scopes(); !rest.empty();) {
    const std::size_t end = rest.find(' ');
    if (rest.substr(0, end) == scope) return true;
    rest.remove_prefix(end == rest.npos ? rest.size() : end + 1);
  }
  return false;
}

inline std::optional<std::string> Verdict::claim(std::string_view path) const {
  const std::string name(path);
  const std::string_view object = claims();
  if (object.empty() || name.find('\0') != name.npos) return std::nullopt;
  std::string value(64, '\0');
  const std::size_t length =
      auth_claim(object.data(), object.size(), name.c_str(), value.data(), value.size() + 1);
  if (length == std::numeric_limits<std::size_t>::max()) return std::nullopt;
  const bool whole = length <= value.size();
  value.resize(length);
  if (!whole)
    (void)auth_claim(object.data(), object.size(), name.c_str(), value.data(), length + 1);
  return value;
}

// The library takes texts that end in NUL. Null: no memory, or no such length.
inline std::unique_ptr<char[]> Auth::with_nul(const char *text, std::size_t size) noexcept {
  if (size >= static_cast<std::size_t>(std::numeric_limits<std::ptrdiff_t>::max())) return nullptr;
  std::unique_ptr<char[]> copy(new (std::nothrow) char[size + 1]);
  if (!copy) return nullptr;
  if (size > 0) std::memcpy(copy.get(), text, size);
  copy[size] = '\0';
  return copy;
}

inline Verdict Auth::set(std::string_view key, Text value) noexcept {
  const auto name = with_nul(key.data(), key.size()), copy = with_nul(value.data, value.size);
  const bool whole = name && copy;
  // A key with a NUL inside is none that is known.
  for (std::size_t i = 0; name && i < key.size(); i++)
    if (name[i] == '\0') name[i] = '?';
  const bool holds_nul = whole && std::strlen(copy.get()) < value.size;
  // What could not be set is a mistake that the handle remembers, as every other.
  const char *const set_key = whole ? name.get() : "an option that there is no memory for";
  const char *const set_value = value.data == nullptr || holds_nul ? nullptr : copy.get();
  Verdict verdict = changed([&](auth_verdict *out, std::size_t room) {
    return auth_config_set(handle_, set_key, set_value, out, room);
  });
  if (holds_nul && verdict.status() == Status::option_invalid)
    return describe(Status::option_invalid, "the value of the option holds a NUL byte");
  return verdict;
}

// ---------------------------------------------------------------- std::error_code

class Category final : public std::error_category {
public:
  [[nodiscard]] const char *name() const noexcept override { return "libauth"; }
  // The sentence for the client, from the table of statuses.
  [[nodiscard]] std::string message(int number) const override {
    if (number == 0) return "The access token is valid.";
    const Verdict verdict = Auth().describe(static_cast<Status>(number));
    if (verdict.status() == static_cast<Status>(number)) return std::string(verdict.message());
    return "status " + std::to_string(number);
  }
};

[[nodiscard]] inline const std::error_category &category() noexcept {
  static const Category one;
  return one;
}

inline std::error_code make_error_code(Status status) noexcept {
  return {static_cast<int>(status), category()};
}

} // namespace libauth

template <> struct std::is_error_code_enum<libauth::Status> : std::true_type {};

#endif // LIBAUTH_AUTH_HPP

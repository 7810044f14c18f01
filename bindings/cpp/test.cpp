// What auth.hpp adds to auth.h: life of handles and verdicts, reuse, absent texts, misuse. No
// network; waiting.cpp has the rest.
#include "check.hpp"
#include "../../tests/c/token.h"
#include <atomic>
#include <auth.hpp>
#include <cstdlib>
#include <thread>
#include <type_traits>
#include <vector>

using namespace std::chrono_literals;
using libauth::Auth;
using libauth::Status;
using libauth::Text;
using libauth::Verdict;
using std::string;
using std::string_view;

static const string header = string("Bearer ") + TEST_TOKEN;

// ---------------------------------------------------------------- what the compiler holds

template <class T>
constexpr bool moved_only =
    std::is_nothrow_move_constructible_v<T> && std::is_nothrow_move_assignable_v<T> &&
    std::is_nothrow_default_constructible_v<T> && std::is_nothrow_destructible_v<T> &&
    !std::is_copy_constructible_v<T> && !std::is_copy_assignable_v<T>;
static_assert(moved_only<Auth> && moved_only<Verdict>);
// 0 is ok: neither a status nor a verdict slips into a condition or a number by itself.
static_assert(!std::is_convertible_v<Verdict, bool> && std::is_constructible_v<bool, Verdict>);
static_assert(!std::is_convertible_v<Status, bool> && !std::is_convertible_v<Status, int>);
static_assert(noexcept(std::declval<Auth>().authorize("")));
static_assert(noexcept(std::declval<Auth>().verify("", std::declval<Verdict &>())));
static_assert(std::is_convertible_v<Status, std::error_code>);

static Auth good() {
  return {{"issuer", TEST_ISSUER}, {"audience", TEST_AUDIENCE}, {"keys.jwks", TEST_JWKS}};
}

static void is_empty(const Verdict &v, int line) {
  check(!v && v.status() == Status::internal && v.http_status() == 500, "internal, 500", line);
  check(v.record() == nullptr, "it holds no memory", line);
  check(v.retry_after() == 0s && v.expires_at() == 0s && v.challenge().empty(), "empty", line);
  check(v.claims().empty() && v.header().empty() && v.issuer().empty() && v.subject().empty() &&
            v.client_id().empty() && v.scopes().empty() && !v.has_scope("") && !v.claim("sub"),
        "it tells of no token", line);
  // What the library itself answers to such a request.
  const Verdict told = Auth().describe(Status::internal);
  check(v.code() == told.code() && v.message() == told.message(), "code and message", line);
  check(v.problem() == told.problem() && !v.log().empty(), "problem body and log", line);
}

static void is_of_test_token(const Verdict &v, int line) {
  check(v && v.status() == Status::ok && !v.error() && v.http_status() == 200, "accepted", line);
  check(v.code() == "ok" && v.message().empty() && v.log().empty(), "code and sentences", line);
  check(v.challenge().empty() && v.problem().empty() && v.retry_after() == 0s, "no refusal", line);
  check(v.claims() == TEST_CLAIMS && v.header() == TEST_HEADER, "JSON as signed", line);
  check(v.issuer() == TEST_ISSUER && v.subject() == "alice" && v.client_id() == "svc", "who", line);
  check(v.scopes() == "read:orders write:orders", "scopes", line);
  check(v.expires_at() == std::chrono::seconds(TEST_EXPIRES_AT), "expires_at", line);
  check(v.scopes().data()[v.scopes().size()] == '\0', "a NUL follows each text", line);
}

// ---------------------------------------------------------------- verdicts

static void verdicts_are_false_until_filled_and_when_moved_from() {
  is_empty(Verdict(), __LINE__);
  const Auth auth = good();
  Verdict first = auth.authorize(header, "read:orders");
  is_of_test_token(first, __LINE__);
  const string_view subject = first.subject();
  Verdict second = std::move(first);
  is_empty(first, __LINE__);
  is_of_test_token(second, __LINE__);
  CHECK(subject.data() == second.subject().data());
  Verdict third = auth.verify("x");
  CHECK(!third && third.status() == Status::token_opaque);
  third = std::move(second);
  is_empty(second, __LINE__);
  is_of_test_token(third, __LINE__);
  Verdict &same = third;
  third = std::move(same);
  is_of_test_token(third, __LINE__);
  // One that was moved from is as good as a new one.
  CHECK(auth.verify(TEST_TOKEN, first));
  is_of_test_token(first, __LINE__);
  CHECK(auth.verify(TEST_TOKEN, second));
}

static void a_verdict_is_one_block_and_a_used_one_is_none() {
  const Auth auth = good();
  blocks = 0;
  Verdict verdict = auth.authorize(header, "read:orders");
  CHECK(blocks == 1);
  for (int i = 0; i < 10; i++) {
    CHECK(auth.authorize(header, "write:orders", verdict));
    CHECK(!auth.authorize(header, "admin", verdict));
    CHECK(verdict.status() == Status::scope_missing && verdict.claims().empty());
    CHECK(auth.verify(TEST_TOKEN, verdict));
    CHECK(!auth.verify("short", verdict));
  }
  CHECK(blocks == 1);
  const string longer = "Bearer " + string(9000, 'x');
  CHECK(!auth.authorize(longer, {}, verdict));
  CHECK(blocks == 2 && verdict.status() == Status::token_opaque);
}

static void without_memory_nothing_is_accepted() {
  const Auth auth = good();
  Verdict large = auth.authorize(header), small = auth.verify("x");
  memory_is_out = true;
  is_empty(auth.authorize(header), __LINE__);
  is_empty(auth.check(), __LINE__);
  CHECK(auth.verify(TEST_TOKEN, large));
  CHECK(!auth.authorize("Bearer " + string(9000, 'x'), {}, large));
  is_empty(large, __LINE__);
  Auth unset = good(), unloaded = good();
  (void)unset.set("claims.max_age", "1h");
  (void)unloaded.load("{\"audience\": 5}");
  memory_is_out = false;
  CHECK(!unloaded.authorize(header));
  // The option that was lost is not forgotten.
  CHECK(unset.check().status() == Status::option_unknown);
  CHECK(!unset.authorize(header));
  CHECK(auth.verify(TEST_TOKEN, small));
}

static void inputs_of_a_verdict_may_be_asked_again() {
  const Auth auth = good();
  Verdict verdict = auth.authorize(header);
  CHECK(auth.require(verdict.claims(), "read:orders"));
  CHECK(auth.require(verdict.claims(), "admin").status() == Status::scope_missing);
  // Into the memory that they lie in: refused. Where the verdict has to grow they are another's.
  CHECK(!auth.require(verdict.claims(), "read:orders", verdict));
  CHECK(verdict.status() == Status::argument_invalid);
  Auth realm = good();
  CHECK(realm.set("verdict.resource_metadata", "https://api.example/" + string(400, 'x')));
  Verdict small = realm.authorize("", string(500, 'x'));
  const string_view inside(small.record() ? small.challenge() : "");
  CHECK(inside.size() > 400);
  const string wanted = string(realm.authorize(inside).log());
  CHECK(!realm.authorize(inside, {}, small));
  CHECK(small.log() == wanted && !wanted.empty());
}

static void claims_and_scopes() {
  const Auth auth = good();
  const Verdict v = auth.authorize(header);
  CHECK(v.has_scope("read:orders") && v.has_scope("write:orders"));
  for (const char *none : {"", " ", "read", "orders", "read:orders ", "read:orders write:orders"})
    CHECK(!v.has_scope(none));
  CHECK(v.claim("sub") == "alice" && v.claim("/sub") == "alice" && v.claim("exp") == "4102444800");
  CHECK(!v.claim("absent") && !v.claim(string_view("sub\0x", 5)) && !v.claim(""));
  CHECK(v.claim("scope") == "read:orders write:orders");
  CHECK(!auth.verify("x").claim("sub"));
}

// ---------------------------------------------------------------- handles

static void handles_move_and_refuse_when_moved_from() {
  Auth first = good();
  const auth_config *handle = first.handle();
  Auth second = std::move(first);
  CHECK(second.handle() == handle && first.handle() == nullptr);
  CHECK(second.authorize(header));
  const Verdict refused = first.authorize(header);
  CHECK(!refused && refused.status() == Status::argument_invalid && refused.http_status() == 500);
  CHECK(!first.check() && !first.ready() && !first.refresh() && !first.set("issuer", "x"));
  CHECK(first.report().empty() && first.metrics().empty());
  first = Auth{{"issuer", "https://other.example"}};
  first = std::move(second);
  Auth &same = first;
  first = std::move(same);
  CHECK(first.handle() == handle && second.handle() == nullptr && first.authorize(header));
}

static void mistakes_are_remembered() {
  const string nul("https://api.example\0.evil", 25);
  const char *const unset = std::getenv("NO_SUCH_VARIABLE_IS_SET");
  for (const Text value : {Text(unset), Text(), Text(nullptr), Text(string_view()), Text(nul)}) {
    Auth auth = good();
    CHECK(auth.set("audience", value).status() == Status::option_invalid);
    CHECK(auth.check().status() == Status::option_invalid);
    CHECK(!auth.authorize(header));
    CHECK(auth.set("audience", TEST_AUDIENCE) && auth.check() && auth.authorize(header));
    const Verdict late = auth.set("audience", "other");
    CHECK(late.status() == Status::config_frozen);
  }
  Auth auth = good();
  CHECK(auth.set(string_view("audience\0", 9), "x").status() == Status::option_unknown);
  CHECK(!auth.authorize(header));
  Auth two{{"isuer", "https://id.example"}, {"audience", "a"}, {"claims.leeway", "1h"}};
  const Verdict told = two.check();
  for (const char *part : {"isuer", "claims.leeway"}) CHECK(told.log().find(part) != string::npos);
}

static void other_ways_to_set() {
  Auth loaded;
  CHECK(!loaded.load("{"));
  CHECK(loaded.load("{\"issuer\":\"" TEST_ISSUER "\",\"audience\":[\"" TEST_AUDIENCE "\"],"
                    "\"keys\":{\"jwks\":" TEST_JWKS "}}"));
  CHECK(loaded.authorize(header));
  setenv("LIBAUTH_ISSUER", TEST_ISSUER, 1);
  setenv("LIBAUTH_AUDIENCE", TEST_AUDIENCE, 1);
  Auth environment;
  CHECK(!environment.check() && environment.load_env() && environment.check());
  unsetenv("LIBAUTH_ISSUER");
  unsetenv("LIBAUTH_AUDIENCE");
}

// ---------------------------------------------------------------- calls

static void every_call() {
  const Auth auth = good();
  Verdict v;
  const auto early = std::chrono::seconds(1800000000), late = std::chrono::seconds(5000000000);
  is_of_test_token(auth.verify(TEST_TOKEN), __LINE__);
  is_of_test_token(auth.try_verify(TEST_TOKEN), __LINE__);
  is_of_test_token(auth.verify_at(TEST_TOKEN, early), __LINE__);
  is_of_test_token(auth.try_authorize(header, "read:orders"), __LINE__);
  is_of_test_token(auth.authorize_at(header, {}, early), __LINE__);
  CHECK(auth.try_verify(TEST_TOKEN, v) && auth.verify_at(TEST_TOKEN, early, v));
  CHECK(auth.try_authorize(header, {}, v) && auth.authorize_at(header, {}, early, v));
  CHECK(!auth.verify_at(TEST_TOKEN, late, v) && v.status() == Status::token_expired);
  CHECK(auth.authorize_at(header, {}, late).status() == Status::token_expired);
  CHECK(auth.authorize(header, "a  b").status() == Status::requirement_invalid);
  for (const Text absent : {Text(), Text(""), Text(string()), Text(string_view())})
    CHECK(auth.authorize(absent).status() == Status::header_missing);
  const Verdict twice = auth.describe(Status::header_malformed, "two Authorization headers");
  CHECK(twice.http_status() == 401 && twice.log().find("two Auth") != string::npos);
  CHECK(auth.describe(Status::ok).status() == Status::argument_invalid);
  CHECK(auth.ready() && auth.refresh() && auth.refresh(TEST_ISSUER));
  for (const string_view other : {string_view(), string_view(""), string_view("https://other")})
    CHECK(auth.refresh(other).status() == Status::argument_invalid);
  CHECK(auth.report().front() == '{' && auth.report().back() == '}');
  CHECK(auth.metrics().find("\nlibauth_") != string::npos && auth.metrics().back() == '\n');
}

// Lengths that no memory has, and bytes that no header has.
static void bad_input() {
  const Auth auth = good();
  constexpr auto end = std::numeric_limits<std::size_t>::max();
  for (const std::size_t length : {end, end - 1, end / 2 + 1, std::size_t{1} << 33}) {
    const string_view wrong(TEST_TOKEN, length);
    CHECK(auth.verify(wrong).status() == Status::token_too_large);
    CHECK(auth.authorize(wrong).status() == Status::argument_invalid);
    CHECK(auth.authorize(header, wrong).status() == Status::argument_invalid);
    CHECK(auth.require(wrong, {}).status() == Status::argument_invalid);
    CHECK(auth.describe(Status::ok, wrong).status() == Status::argument_invalid);
    CHECK(auth.refresh(wrong).status() == Status::argument_invalid);
  }
  Auth open = good();
  CHECK(open.load(string_view("{}", end)).status() == Status::argument_invalid);
  CHECK(!open.set("audience", string_view("x", end)) && !open.authorize(header));
  string null(header);
  null[20] = '\0';
  CHECK(auth.authorize(null).status() == Status::header_malformed);
  CHECK(auth.authorize(header + string("\0", 1)).status() == Status::header_malformed);
  for (const std::size_t length : {8192, 100'000, 5'000'000}) {
    const Verdict v = auth.authorize("Bearer " + string(length, 'a') + ".b.c");
    CHECK(v.status() == (length > 16384 ? Status::token_too_large : Status::token_malformed));
    CHECK(v.http_status() == 401 && !v.challenge().empty());
  }
  CHECK(largest_block < 3'000'000);
  // The longest that an option allows is what the memory of a verdict is made for.
  CHECK(good().set("token.max_bytes", "1048576"));
  CHECK(!good().set("token.max_bytes", "1048577"));
}

static void error_codes() {
  const std::error_code expired = Status::token_expired;
  CHECK(expired == Status::token_expired && expired != Status::ok && expired);
  CHECK(!std::error_code(Status::ok) && string(expired.category().name()) == "libauth");
  CHECK(&expired.category() == &libauth::category());
  CHECK(good().verify("x").error() == Status::token_opaque);
  CHECK(expired.message() == "The access token has expired.");
  CHECK(std::error_code(Status::ok).message() == "The access token is valid.");
  CHECK(libauth::category().message(4711) == "status 4711");
  CHECK(std::error_code(Status::internal).message() == Verdict().message());
}

static void many_threads_share_a_handle() {
  const Auth auth = good();
  std::atomic<int> accepted = 0, refused = 0, told = 0;
  std::vector<std::thread> threads;
  for (int i = 0; i < 8; i++) {
    threads.emplace_back([&] {
      Verdict verdict;
      for (int round = 0; round < 500; round++) {
        accepted += auth.authorize(header, "read:orders", verdict) && verdict.subject() == "alice";
        refused += !auth.authorize(header, "admin", verdict) && verdict.subject().empty();
        if (round % 100 == 0) told += !auth.report().empty();
      }
    });
  }
  for (std::thread &thread : threads) thread.join();
  CHECK(accepted == 4000 && refused == 4000 && told == 40);
}

int main() {
  verdicts_are_false_until_filled_and_when_moved_from();
  a_verdict_is_one_block_and_a_used_one_is_none();
  without_memory_nothing_is_accepted();
  inputs_of_a_verdict_may_be_asked_again();
  claims_and_scopes();
  handles_move_and_refuse_when_moved_from();
  mistakes_are_remembered();
  other_ways_to_set();
  every_call();
  bad_input();
  error_codes();
  many_threads_share_a_handle();
  std::printf("test: %d checks, %d failed\n", checks, failures);
  return failures != 0;
}

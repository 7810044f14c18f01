// Runs every conformance vector, knowing nothing but auth.hpp: tests/vectors/README.md is the rule.
//     vectors FILE      from the root of the checkout; FILE gets one line a case
// All of it on a thread with a stack of 64 KiB, as hosts with very many threads have.
// What a vector file holds beyond the rule ends the program: no case and no member is passed over.
#include "../../tests/c/token.h"
#include "small_stack.hpp"
#include <algorithm>
#include <auth.hpp>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <functional>
#include <glob.h>
#include <initializer_list>
#include <jansson.h>
#include <memory>
#include <openssl/evp.h>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace {

using libauth::Auth;
using libauth::Status;
using libauth::Verdict;
using std::string;
using std::string_view;
using Seconds = std::chrono::seconds;
using Json = std::unique_ptr<json_t, void (*)(json_t *)>;

string place = "begin"; // the file or case that is at work
int cases, faults;

[[noreturn]] void die(const string &why) {
  std::fprintf(stderr, "vectors: %s: %s\n", place.c_str(), why.c_str());
  std::exit(1);
}

void unless(bool fine, const string &sentence) {
  if (fine) return;
  std::fprintf(stderr, "%s: %s\n", place.c_str(), sentence.c_str());
  faults += 1;
}

// ---------------------------------------------------------------- JSON

string_view text_of(const json_t *json) {
  if (!json_is_string(json)) die("no text where one belongs");
  return {json_string_value(json), json_string_length(json)};
}

json_t *member(const json_t *object, const char *name) {
  json_t *value = json_object_get(object, name);
  if (value == nullptr) die(string("no ") + name);
  return value;
}

void only(json_t *object, std::initializer_list<string_view> names) {
  if (!json_is_object(object)) die("no object where one belongs");
  const char *name;
  json_t *value;
  json_object_foreach(object, name, value) {
    if (std::find(names.begin(), names.end(), name) == names.end())
      die(string("a member that is not known: ") + name);
  }
}

std::optional<string> optional_text(const json_t *object, const char *name) {
  const json_t *value = json_object_get(object, name);
  if (value == nullptr) return std::nullopt;
  return string(text_of(value));
}

string decoded(const string &base64) {
  string bytes(base64.size() / 4 * 3 + 1, '\0');
  const auto *from = reinterpret_cast<const unsigned char *>(base64.data());
  const int length = EVP_DecodeBlock(reinterpret_cast<unsigned char *>(bytes.data()), from,
                                     static_cast<int>(base64.size()));
  if (length < 0 || static_cast<std::size_t>(length) != bytes.size() - 1) die("no base64");
  const string_view end = string_view(base64).substr(std::max<std::size_t>(base64.size(), 2) - 2);
  const auto padding = std::count(end.begin(), end.end(), '=');
  bytes.resize(static_cast<std::size_t>(length - padding));
  return bytes;
}

// Nothing where there is neither form.
std::optional<string> argument(const json_t *of_case, const char *name) {
  const auto plain = optional_text(of_case, name);
  const auto base64 = optional_text(of_case, (string(name) + "_b64").c_str());
  if (plain && base64) die("a text and its base64 at once");
  return base64 ? decoded(*base64) : plain;
}

libauth::Text passed(const std::optional<string> &text) {
  return text ? libauth::Text(*text) : libauth::Text();
}

// ---------------------------------------------------------------- calls and answers

using Call = std::function<Verdict()>;                // a new verdict
using Recall = std::function<bool(Verdict &)>;        // the same into a used one

string everything(const Verdict &v) {
  const auto *bytes = reinterpret_cast<const char *>(v.record());
  return bytes == nullptr ? string() : string(bytes, v.record()->size);
}

Verdict accepted() {
  Auth auth{{"issuer", TEST_ISSUER}, {"audience", TEST_AUDIENCE}, {"keys.jwks", TEST_JWKS}};
  Verdict verdict = auth.verify_at(TEST_TOKEN, Seconds(1800000000));
  if (!verdict) die(string(verdict.log()));
  return verdict;
}

// Twice in a row, and once into a verdict that held an acceptance.
Verdict answer(const Call &call, const Recall &recall) {
  Verdict first = call(), used = accepted();
  unless(first.record() != nullptr, "no record");
  unless(everything(call()) == everything(first), "another answer the second time");
  const bool let_in = recall(used);
  unless(everything(used) == everything(first), "another answer in a used verdict");
  unless(let_in == static_cast<bool>(first) && let_in == (first.status() == Status::ok),
         "one of bool, status and answer differs");
  return first;
}

// A text as it stands, any other value as JSON.
string value_of(const json_t *option) {
  if (json_is_string(option)) return string(text_of(option));
  const std::unique_ptr<char, void (*)(void *)> dumped(
      json_dumps(option, JSON_COMPACT | JSON_SORT_KEYS | JSON_ENCODE_ANY), std::free);
  if (!dumped) die("no memory");
  return dumped.get();
}

// What is answered, a later call repeats.
void set_all(Auth &auth, json_t *options) {
  if (!json_is_object(options)) die("options that are no object");
  std::vector<string> keys;
  const char *key;
  json_t *value;
  json_object_foreach(options, key, value) keys.emplace_back(key);
  std::sort(keys.begin(), keys.end());
  for (const string &name : keys)
    (void)auth.set(name, value_of(json_object_get(options, name.c_str())));
}

Auth configured(json_t *of_file, json_t *of_case) {
  const Json options(json_copy(of_file), json_decref);
  if (of_case != nullptr && json_object_update(options.get(), of_case) != 0) die("options");
  Auth auth;
  set_all(auth, options.get());
  return auth;
}

// Loads, then sets what stands after it. A refused load that nothing is set after is the answer.
std::optional<Verdict> loaded(json_t *json, Auth &auth) {
  const auto document = argument(json, "load");
  json_t *set = json_object_get(json, "set");
  if (set != nullptr && !document) die("set, no load");
  if (!document) return std::nullopt;
  const auto load = [&] { return auth.load(*document); };
  const auto reload = [&](Verdict &used) {
    used = load();
    return static_cast<bool>(used);
  };
  Verdict verdict = answer(load, reload);
  if (set != nullptr) set_all(auth, set);
  if (!verdict && json_object_size(set) == 0) return verdict;
  return std::nullopt;
}

Verdict decided(json_t *json, Auth &auth) {
  const auto header = argument(json, "header"), needed = argument(json, "require");
  const auto claims = argument(json, "claims");
  const json_t *time = json_object_get(json, "now");
  if (time != nullptr && !json_is_integer(time)) die("now is no number");
  if (header && time == nullptr) die("a header without a time");
  if (claims && time != nullptr) die("claims with a time");
  if (needed && time == nullptr && !claims) die("a requirement of nothing");
  if (auto refused = loaded(json, auth)) return std::move(*refused);
  const auto need = passed(needed);
  if (time != nullptr) {
    const auto of = passed(header);
    const Seconds now(json_integer_value(time));
    return answer([&] { return auth.authorize_at(of, need, now); },
                  [&](Verdict &used) { return auth.authorize_at(of, need, now, used); });
  }
  if (claims)
    return answer([&] { return auth.require(*claims, need); },
                  [&](Verdict &used) { return auth.require(*claims, need, used); });
  return answer([&] { return auth.check(); }, [&](Verdict &used) {
    used = auth.check();
    return static_cast<bool>(used);
  });
}

// ---------------------------------------------------------------- what is expected

// SHA-256 over the texts with a NUL between, in hex.
string sha256(std::initializer_list<string_view> texts) {
  string all;
  for (const string_view text : texts) all.append(text).push_back('\0');
  all.pop_back();
  unsigned char hash[EVP_MAX_MD_SIZE];
  if (!EVP_Digest(all.data(), all.size(), hash, nullptr, EVP_sha256(), nullptr)) die("no SHA-256");
  string hex;
  for (int i = 0; i < 32; i++) {
    for (const int half : {hash[i] >> 4, hash[i] & 15})
      hex += "0123456789abcdef"[half];
  }
  return hex;
}

void check_status(const Verdict &v, string_view name, json_t *statuses) {
  std::size_t i;
  json_t *row;
  json_array_foreach(statuses, i, row) {
    if (text_of(member(row, "name")) != name) continue;
    const auto number = static_cast<int>(json_integer_value(member(row, "number")));
    const string got = auth_status_name(static_cast<int>(v.status()));
    unless(v.status() == static_cast<Status>(number), got + ": " + string(v.log()));
    unless(v.error() == static_cast<Status>(number), "another error code");
    unless(v.http_status() == json_integer_value(member(row, "http_status")), "http_status");
    unless(v.code() == text_of(member(row, "code")), "code " + string(v.code()));
    return;
  }
  die("no status is called " + string(name));
}

void check_refusal(const Verdict &v, json_t *expect) {
  std::size_t i;
  json_t *part, *parts = json_object_get(expect, "log_has");
  if (parts != nullptr && !json_is_array(parts)) die("log_has is no list");
  json_array_foreach(parts, i, part)
    unless(v.log().find(text_of(part)) != string_view::npos, "log: " + string(v.log()));
  const auto scope = optional_text(expect, "challenge_scope");
  const string wanted = scope ? " scope=\"" + *scope + "\"" : " scope=";
  unless((v.challenge().find(wanted) != string_view::npos) == scope.has_value(),
         "challenge: " + string(v.challenge()));
}

void check_expected(const Verdict &v, json_t *expect, json_t *statuses) {
  only(expect, {"status", "issuer", "subject", "client_id", "scopes", "expires_at",
                "claims_sha256", "challenge_scope", "log_has"});
  check_status(v, text_of(member(expect, "status")), statuses);
  check_refusal(v, expect);
  if (!v) return;
  const auto wanted = [&](const char *name) { return optional_text(expect, name).value_or(""); };
  unless(v.issuer() == wanted("issuer"), "issuer: " + string(v.issuer()));
  unless(v.subject() == wanted("subject"), "subject: " + string(v.subject()));
  unless(v.client_id() == wanted("client_id"), "client_id: " + string(v.client_id()));
  unless(v.scopes() == wanted("scopes"), "scopes: " + string(v.scopes()));
  const json_t *expires_at = json_object_get(expect, "expires_at");
  unless(v.expires_at() == Seconds(json_integer_value(expires_at)), "expires_at");
  const auto claims = optional_text(expect, "claims_sha256");
  unless(!claims || sha256({v.claims()}) == *claims, "claims are not those signed");
}

// `stage/file#id number http retry_after expires_at code sha256`
void write_line(const Verdict &v, std::ostream &lines) {
  const string hash = v ? sha256({v.claims(), v.header(), v.issuer(), v.subject(), v.client_id(),
                                  v.scopes()})
                        : sha256({v.message(), v.log(), v.challenge(), v.problem()});
  lines << place << ' ' << static_cast<int>(v.status()) << ' ' << v.http_status() << ' '
        << v.retry_after().count() << ' ' << v.expires_at().count() << ' ' << v.code() << ' '
        << hash << '\n';
}

// ---------------------------------------------------------------- all of them

void run_file(const string &path, json_t *statuses, std::ostream &lines) {
  place = path;
  const auto begin = string_view("tests/vectors/").size();
  const string name = path.substr(begin, path.rfind('.') - begin);
  json_error_t error;
  const int flags = JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL;
  const Json file(json_load_file(path.c_str(), flags, &error), json_decref);
  if (!file) die(error.text);
  only(file.get(), {"about", "stage", "notes", "options", "cases"});
  json_t *all = member(file.get(), "cases"), *one;
  if (!json_is_array(all)) die("cases is no list");
  std::size_t i;
  json_array_foreach(all, i, one) {
    cases += 1;
    only(one, {"id", "now", "header", "header_b64", "require", "require_b64", "load", "load_b64",
               "claims", "claims_b64", "options", "set", "expect"});
    place = name + "#" + string(text_of(member(one, "id")));
    Auth auth = configured(member(file.get(), "options"), json_object_get(one, "options"));
    const Verdict verdict = decided(one, auth);
    check_expected(verdict, member(one, "expect"), statuses);
    write_line(verdict, lines);
  }
}

void run_all(json_t *statuses, std::ostream &lines) {
  glob_t files;
  if (glob("tests/vectors/*/*.json", 0, nullptr, &files) != 0) die("no tests/vectors/*/*.json");
  for (std::size_t i = 0; i < files.gl_pathc; i++) run_file(files.gl_pathv[i], statuses, lines);
  globfree(&files);
}

} // namespace

int main(int argc, char **argv) {
  std::ofstream lines(argc == 2 ? argv[1] : "");
  if (!lines) {
    std::fprintf(stderr, "usage: vectors FILE, from the root of the checkout\n");
    return 2;
  }
  const Json tables(json_loads(auth_tables_json(), 0, nullptr), json_decref);
  json_t *statuses = member(tables.get(), "statuses");
  const long used = on_small_stack([&] { run_all(statuses, lines); });
  place = "end";
  lines.close();
  if (!lines) die("the lines are not written");
  int count = -1;
  std::ifstream("tests/vectors/COUNT") >> count;
  unless(cases == count, std::to_string(cases) + " cases, not those of tests/vectors/COUNT");
  unless(used * 3 <= small_stack_bytes * 2, "less than a third of the stack is left");
  std::printf("vectors: %d cases, %d faults; at most %ld of %ld bytes of stack\n", cases, faults,
              used, small_stack_bytes);
  return faults != 0;
}

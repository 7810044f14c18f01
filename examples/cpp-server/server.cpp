// A web API protected by libauth on cpp-httplib: one handler before all routes authorizes, by a
// table that says which route needs what.
//     LIBAUTH_ISSUER=https://id.example LIBAUTH_AUDIENCE=https://api.example server PORT
// Every option of docs/options.md is a variable LIBAUTH_...; a wrong one ends the start with 4.
#include <auth.hpp>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <httplib.h>
#include <iostream>
#include <iterator>
#include <string>
#include <string_view>
#include <thread>

// cpp-httplib 0.11 does not read the body of a request that was answered before its route, and
// takes it for the next request of that connection: so a connection has one request. Raise it with
// a version that you have seen to do better (Debian 12 has 0.11.4).
#ifndef REQUESTS_A_CONNECTION
#define REQUESTS_A_CONNECTION 1
#endif

using httplib::Request;
using httplib::Response;
using httplib::Server;

static libauth::Auth auth;

// Who sent the request that this thread serves: a request stays on one thread of the pool from the
// first handler to the last. The memory of the record serves again for the next.
static thread_local libauth::Verdict caller;

// ---------------------------------------------------------------- answers

static void reply(Response &response, int status, const char *type, std::string_view body) {
  response.status = status;
  response.set_content(body.data(), body.size(), type);
}

static void refuse(Response &response, const libauth::Verdict &verdict) {
  if (!verdict.challenge().empty())
    response.set_header("WWW-Authenticate", std::string(verdict.challenge()));
  if (verdict.retry_after().count() > 0)
    response.set_header("Retry-After", std::to_string(verdict.retry_after().count()));
  reply(response, verdict.http_status(), "application/problem+json", verdict.problem());
}

// For the operator: in one piece, for lines of several threads.
static void log(const std::string &where, const libauth::Verdict &verdict) {
  std::string line = where;
  line.append(verdict.code()).append(": ").append(verdict.log()).append("\n");
  std::cerr << line;
}

// ---------------------------------------------------------------- routes

static void list_orders(const Request &, Response &response) {
  reply(response, 200, "application/json", R"({"orders":["book","lamp"]})");
}

static void add_order(const Request &, Response &response) {
  reply(response, 201, "application/json", R"({"added":"lamp"})");
}

static void tell_claims(const Request &, Response &response) {
  reply(response, 200, "application/json", caller.claims());
}

// Liveness: it asks nothing of anybody. A provider that is down is no reason to restart a server.
static void tell_alive(const Request &, Response &response) {
  reply(response, 200, "application/json", R"({"status":"alive"})");
}

// Readiness: starts the first fetch of the keys, and is 503 until they are here.
static void tell_ready(const Request &, Response &response) {
  const libauth::Verdict ready = auth.ready();
  if (!ready) return refuse(response, ready);
  reply(response, 200, "application/json", R"({"status":"ready"})");
}

static void tell_metrics(const Request &, Response &response) {
  reply(response, 200, "text/plain; version=0.0.4", auth.metrics());
}

enum class Access { token, open };

// What is not here is not served.
static const struct Route {
  std::string method, path;
  std::string_view require; // "" = any valid token
  void (*handle)(const Request &, Response &);
  Access access = Access::token;
} routes[] = {
    {"GET", "/orders", "read:orders", list_orders},
    {"POST", "/orders", "write:orders", add_order},
    {"GET", "/me", "", tell_claims},
    {"GET", "/healthz", "", tell_alive, Access::open},
    {"GET", "/readyz", "", tell_ready, Access::open},
    {"GET", "/metrics", "", tell_metrics, Access::open}, // for a port the world does not reach
};

static const Route *find(const Request &request) {
  const std::string method = request.method == "HEAD" ? "GET" : request.method;
  for (const Route &route : routes)
    if (route.path == request.path && route.method == method) return &route;
  return nullptr;
}

// 404, or 405. OPTIONS of a path that is here: 204 without a token, because the preflight of a
// browser carries none. It allows no other origin: that would be Access-Control-Allow-... headers.
static void no_route(const Request &request, Response &response) {
  std::string allow;
  for (const Route &route : routes)
    if (route.path == request.path) allow += ", " + route.method;
  if (allow.empty()) return reply(response, 404, "text/plain", "not found\n");
  if (allow.find("GET") != std::string::npos) allow += ", HEAD";
  response.set_header("Allow", "OPTIONS" + allow);
  response.status = request.method == "OPTIONS" ? 204 : 405;
}

// ---------------------------------------------------------------- authorization

// It waits for the network only while no keys of the issuer are held, and then for keys.timeout at
// most: a thread of the pool may do that.
static bool authorize(const Request &request, std::string_view require) {
  // Not get_header_value: it ends the text at a NUL.
  const auto [first, last] = request.headers.equal_range("Authorization");
  if (first == last) return auth.authorize({}, require, caller);
  if (std::next(first) == last) return auth.authorize(first->second, require, caller);
  // Which of them would the next server take?
  caller = auth.describe(libauth::Status::header_malformed, "more than one Authorization header");
  return false;
}

// Before every route.
static Server::HandlerResponse before_routing(const Request &request, Response &response) {
  const Route *route = find(request);
  if (route == nullptr) {
    no_route(request, response);
    return Server::HandlerResponse::Handled;
  }
  if (route->access == Access::open) return Server::HandlerResponse::Unhandled;
  if (authorize(request, route->require)) return Server::HandlerResponse::Unhandled;
  log(route->method + " " + route->path + ": ", caller);
  refuse(response, caller);
  return Server::HandlerResponse::Handled;
}

// ---------------------------------------------------------------- start and end

static bool good(const libauth::Verdict &start) {
  if (!start.log().empty()) log("", start); // of a good one: a warning
  return bool(start);
}

int main(int argc, char **argv) {
  char *end = nullptr;
  const long wanted = argc == 2 ? std::strtol(argv[1], &end, 10) : -1;
  if (end == nullptr || end == argv[1] || *end != '\0' || wanted < 0 || wanted > 65535) {
    std::fprintf(stderr, "usage: LIBAUTH_ISSUER=... LIBAUTH_AUDIENCE=... server PORT\n");
    return 2;
  }
  if (!good(auth.load_env()) || !good(auth.check())) return 4;

  sigset_t stop; // blocked before the first thread starts, so that sigwait below gets them
  int received;
  sigemptyset(&stop);
  sigaddset(&stop, SIGINT);
  sigaddset(&stop, SIGTERM);
  pthread_sigmask(SIG_BLOCK, &stop, nullptr);

  Server server;
  server.set_pre_routing_handler(before_routing);
  for (const Route &route : routes)
    route.method == "GET" ? server.Get(route.path, route.handle)
                          : server.Post(route.path, route.handle);
  server.set_payload_max_length(1 << 20);
  server.set_keep_alive_max_count(REQUESTS_A_CONNECTION);
  server.set_tcp_nodelay(true); // head and body are two writes: else the second waits for an ACK
  // Without the SO_REUSEPORT of its default, by which a second server gets half of the requests.
  server.set_socket_options([](socket_t socket) {
    const int yes = 1;
    setsockopt(socket, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
  });
  int port = static_cast<int>(wanted);
  if (port == 0) port = server.bind_to_any_port("127.0.0.1");
  else if (!server.bind_to_port("127.0.0.1", port)) port = -1;
  if (port < 0) {
    std::perror("cannot listen");
    return 1;
  }
  std::thread serving([&] { server.listen_after_bind(); });
  while (!server.is_running()) std::this_thread::yield(); // stop() before that would do nothing
  std::printf("listening on http://127.0.0.1:%d\n", port);
  std::fflush(stdout);
  sigwait(&stop, &received);
  server.stop();
  serving.join();
  return 0;
}

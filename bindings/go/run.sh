#!/bin/sh
# Checks the Go binding against target/library.
#     bindings/go/run.sh             gofmt, vet, staticcheck; the tests with libauth.a and with libauth.so; what a build says; the start of README.md
#     bindings/go/run.sh vectors     the conformance vectors alone; writes target/parity/go.txt
#     bindings/go/run.sh slow        fuzzes for 20 s, and makes ten million calls
set -u
cd "$(dirname "$0")/../.."
here=$PWD
library=$(cd "${CARGO_TARGET_DIR:-target}/library" && pwd) || exit 1
CARGO_TARGET_DIR=$(dirname "$library")
# The sum has Go build again when the library is another one: it looks at no archive.
sum=$(cksum <"$library/libauth.a" | cut -d' ' -f1)
CGO_CFLAGS="-O2 -g -I$library -DLIBAUTH_SUM=$sum" CGO_LDFLAGS="-O2 -g -L$library"
export CARGO_TARGET_DIR CGO_CFLAGS CGO_LDFLAGS
work=$(mktemp -d)
issuer_pid='' server_pid=''
# shellcheck disable=SC2317,SC2329 # called by trap
end() {
  [ -z "$issuer_pid" ] || kill "$issuer_pid" 2>/dev/null
  [ -z "$server_pid" ] || kill "$server_pid" 2>/dev/null
  rm -rf "$work"
}
trap end EXIT
trap 'exit 1' INT TERM HUP
cd bindings/go || exit 1
passed=0 failed=0

try() { # NAME COMMAND...
  name=$1
  shift
  if "$@"; then
    passed=$((passed + 1))
    echo "ok      $name"
  else
    failed=$((failed + 1))
    echo "FAILED  $name"
  fi
}

formatted() {
  unformatted=$(gofmt -l .)
  [ -z "$unformatted" ] || { gofmt -d .; false; }
}
linted() {
  go -C tools build -o "$work/staticcheck" honnef.co/go/tools/cmd/staticcheck && "$work/staticcheck" -checks all ./...
}
# -race has checkptr on, but for the standard library.
with_so() {
  PREFIX="$work/prefix" "$here/scripts/install" >/dev/null &&
    CGO_CFLAGS="-O2 -g" CGO_LDFLAGS="-O2 -g" PKG_CONFIG_PATH="$work/prefix/lib/pkgconfig" LD_LIBRARY_PATH="$work/prefix/lib" \
      go test -count=1 -race -gcflags=all=-d=checkptr -tags libauth_dynamic ./...
}

# A build that cannot be tells what to do: without the library, without cgo.
tells() { # SENTENCE VARIABLE=VALUE...
  sentence=$1
  shift
  clone
  # shellcheck disable=SC2015 # both have to be so
  ! env "$@" go -C "$work/clone/bindings/go" build . 2>"$work/told" && grep -q "$sentence" "$work/told" || { cat "$work/told"; false; }
}
clone() {
  rm -rf "$work/clone"
  mkdir -p "$work/clone/bindings"
  cp -R . "$work/clone/bindings/go" && cp -R "$here/include" "$work/clone/include"
}
# Built for a library that is not there: New is an *Error that says so.
other_abi() {
  clone
  sed -i 's/^#define AUTH_ABI 1$/#define AUTH_ABI 2/' "$work/clone/include/auth.h"
  go -C "$work/clone/bindings/go" test -count=1 -run '^TestAnotherLibrary$' . -other-abi
}

# The first block of README.md is a whole program; it gets a provider and a port that are here.
start() {
  module=$(sed -n 's/^module //p' go.mod)
  for named in $(grep -rho 'github\.com/[a-z]*/libauth/bindings/go' --include='*.go' --include='*.md' . | sort -u); do
    [ "$named" = "$module" ] || { echo "$named is not the module $module"; return 1; }
  done
  "$CARGO_TARGET_DIR/debug/libauth" issuer --port 0 >"$work/issuer" 2>&1 &
  issuer_pid=$!
  for _ in $(seq 100); do
    issuer=$(sed -n 's/^issuer  *//p' "$work/issuer")
    [ -z "$issuer" ] || break
    sleep 0.1
  done
  [ -n "$issuer" ] || { cat "$work/issuer"; return 1; }
  mkdir "$work/start"
  sed -n '/^```go$/,/^```$/{/^```$/q;/^```go$/!p}' README.md |
    sed "s|https://id.example|$issuer|; s|127.0.0.1:8080|127.0.0.1:0|" >"$work/start/main.go"
  (cd "$work/start" && go mod init example.com/start && go mod edit -require="$module@v0.0.0" -replace="$module=$here/bindings/go" &&
    go build -o server . && go doc "$module" MiddlewareOptions) >"$work/log" 2>&1 || { cat "$work/log"; return 1; }
  "$work/start/server" >"$work/server" 2>&1 &
  server_pid=$!
  for _ in $(seq 100); do
    server=$(listens "$server_pid")
    [ -z "$server" ] || break
    sleep 0.1
  done
  answers "200 orders of t1" orders:read && answers 403 orders:write && answers 401 ''
  answered=$?
  [ $answered = 0 ] || cat "$work/server"
  return $answered
}
# The address of the socket that a process listens on: it prints none.
listens() { # PID
  find "/proc/$1/fd" -lname 'socket:*' -printf '%l\n' 2>/dev/null | tr -dc '0-9\n' >"$work/sockets"
  hex=$(awk 'NR == FNR { own[$1]; next } $4 == "0A" && $10 in own { sub(/.*:/, "", $2); print $2; exit }' "$work/sockets" /proc/net/tcp)
  [ -z "$hex" ] || echo "127.0.0.1:$((0x$hex))"
}
answers() { # STATUS-AND-BODY SCOPE
  token=$([ -z "$2" ] || curl -sf -d grant_type=client_credentials -d audience=https://api.example --data-urlencode 'claims={"tenant":"t1"}' -d "scope=$2" "$issuer/token" |
    sed -n 's/.*"access_token" *: *"\([^"]*\)".*/\1/p')
  answer=$(curl -s -w '\n%{http_code}' -H "Authorization: Bearer $token" "http://$server/orders" | tac | tr '\n' ' ')
  echo "$2: $answer"
  case $answer in "$1"*) ;; *) return 1 ;; esac
}

case ${1:-} in
  '')
    (cd "$here" && cargo build --quiet --bin libauth) || exit 1
    try gofmt formatted
    try vet go vet ./...
    try staticcheck linted
    try tests go test -count=1 ./...
    try "tests, race and pointers" go test -count=1 -race -gcflags=all=-d=checkptr ./...
    try "tests, libauth.so" with_so
    try "a build without the library" tells 'Run `make library`' CGO_CFLAGS= CGO_LDFLAGS=
    try "a build without cgo" tells 'install a C compiler, and build with CGO_ENABLED=1' CGO_ENABLED=0
    try "a library of another ABI" other_abi
    try "the start of README.md" start
    ;;
  vectors)
    mkdir -p "$here/target/parity"
    try vectors go test -count=1 -run '^TestVectors$' . -parity "$here/target/parity/go.txt"
    ;;
  slow)
    try fuzz go test -run '^$' -fuzz FuzzAuthorize -fuzztime 20s .
    try "ten million calls" go test -count=1 -v -timeout 30m -run '^TestMemoryIsFlat$' . -verifies 10000000
    ;;
  *) sed -n 's/^#     /usage: /p' "$here/bindings/go/run.sh" >&2; exit 2 ;;
esac
echo "$passed passed, $failed failed"
[ $failed = 0 ]

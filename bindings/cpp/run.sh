#!/bin/sh
# Builds the C++ programs of this folder against target/library and runs them.
#     bindings/cpp/run.sh              all but the conformance vectors
#     bindings/cpp/run.sh vectors      the conformance vectors alone; writes target/parity/cpp.txt
#     bindings/cpp/run.sh valgrind     all of them under valgrind
#     bindings/cpp/run.sh sanitize     the same, built with AddressSanitizer and UndefinedBehaviorSanitizer
set -u
cd "$(dirname "$0")/../.."
library=$(cd "${CARGO_TARGET_DIR:-target}/library" && pwd) || exit 1
work=$(mktemp -d)
provider_pid=
# shellcheck disable=SC2317,SC2329 # called by trap
end() {
  [ -z "$provider_pid" ] || kill "$provider_pid" 2>/dev/null
  rm -rf "$work"
}
trap end EXIT
trap 'exit 1' INT TERM HUP
flags="-std=c++17 -Wall -Wextra -Wpedantic -Wconversion -Wshadow -Werror -g -O1 -Iinclude"
run= sets="vectors programs" answers=$work/cpp.txt
case ${1:-} in
  '') sets=programs ;;
  vectors) sets=vectors answers=target/parity/cpp.txt ;;
  # With the own operator new of the tests.
  valgrind) run="valgrind --quiet --vgdb=no --soname-synonyms=somalloc=nouserintercepts --leak-check=full --errors-for-leak-kinds=definite,possible --suppressions=tests/c/valgrind.supp --error-exitcode=99" ;;
  sanitize) flags="$flags -fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer" ;;
  *) sed -n 's/^#     /usage: /p' "$0" >&2; exit 2 ;;
esac
shared="-L$library -lauth -Wl,-rpath,$library -pthread"
passed=0 failed=0

try() { # PROGRAM ARGUMENTS LINK-ARGUMENT...
  program=$1 arguments=$2
  shift 2
  # shellcheck disable=SC2086 # words are meant
  if "${CXX:-c++}" $flags -o "$work/$program" "bindings/cpp/$program.cpp" "$@" $shared &&
    timeout 300 $run "$work/$program" $arguments; then
    passed=$((passed + 1))
    echo "ok      $program"
  else
    echo "FAILED  $program, exit code $?"
    failed=$((failed + 1))
  fi
}

vectors() {
  mkdir -p "$(dirname "$answers")"
  # shellcheck disable=SC2046 # words are meant
  try vectors "$answers" $(pkg-config --cflags --libs jansson libcrypto)
}

programs() {
  try test ""
  cargo build --quiet --bin libauth || { failed=$((failed + 1)); return; }
  "${CARGO_TARGET_DIR:-target}/debug/libauth" issuer --port 0 >"$work/issuer" 2>&1 &
  provider_pid=$!
  url=
  for _ in $(seq 100); do
    url=$(sed -n 's/^issuer  *//p' "$work/issuer")
    [ -z "$url" ] || break
    sleep 0.1
  done
  try waiting "$url $(token RS256) $(token ES256) $(token EdDSA)"
}

token() { # ALGORITHM
  curl -sf -d grant_type=client_credentials -d audience=https://api.example -d scope=read -d "alg=$1" "$url/token" |
    sed -n 's/.*"access_token" *: *"\([^"]*\)".*/\1/p'
}

for set in $sets; do $set; done
echo "$passed passed, $failed failed"
[ $failed = 0 ]

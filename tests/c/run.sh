#!/bin/sh
# Builds the C programs of this folder against target/library and runs them, every_call also linked with libauth.a.
#     tests/c/run.sh              all but the conformance vectors
#     tests/c/run.sh vectors      the conformance vectors alone; writes target/parity/c.txt
#     tests/c/run.sh valgrind     all of them under valgrind, but for fork and small_stack
#     tests/c/run.sh sanitize     the same, built with AddressSanitizer and UndefinedBehaviorSanitizer
set -u
cd "$(dirname "$0")/../.."
library=${CARGO_TARGET_DIR:-target}/library
library=$(cd "$library" && pwd) || exit 1
work=$(mktemp -d)
provider_pid=
# shellcheck disable=SC2317,SC2329 # called by trap
end() {
  [ -z "$provider_pid" ] || kill "$provider_pid" 2>/dev/null
  rm -rf "$work"
}
trap end EXIT
trap 'exit 1' INT TERM HUP
flags="-std=c11 -Wall -Wextra -pedantic -Werror -g -O1 -Iinclude"
run= sets="programs vectors fetching" answers=$work/c.txt
case ${1:-} in
  '') sets="programs environment fetching" ;;
  vectors) sets=vectors answers=target/parity/c.txt ;;
  valgrind) run="valgrind --quiet --vgdb=no --leak-check=full --errors-for-leak-kinds=definite,possible --suppressions=tests/c/valgrind.supp --error-exitcode=99" ;;
  sanitize) flags="$flags -fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer" ;;
  *) sed -n 's/^#     /usage: /p' "$0" >&2; exit 2 ;;
esac
private=$(sed -n 's/^Libs.private: //p' bindings/cpp/libauth.pc.in)
shared="-L$library -lauth -Wl,-rpath,$library"
passed=0 failed=0 arguments=

try() { # PROGRAM SOURCE LINK-ARGUMENT...
  program=$1 source=$2
  shift 2
  # shellcheck disable=SC2086 # words are meant
  if "${CC:-cc}" $flags -o "$work/$program" "tests/c/$source" "$@" && timeout 300 $run "$work/$program" $arguments; then
    passed=$((passed + 1))
    echo "ok      $program"
  else
    echo "FAILED  $program, exit code $?"
    failed=$((failed + 1))
  fi
}

count() { # NAME COMMAND...
  name=$1
  shift
  if "$@"; then
    passed=$((passed + 1))
    echo "ok      $name"
  else
    echo "FAILED  $name, exit code $?"
    failed=$((failed + 1))
  fi
}

# The variables are good but for one that is no option. Linked with libauth.a: the loader of a set-user-id program trusts few folders.
with_environment() {
  jwks=$(printf '#include "tests/c/token.h"\nTEST_JWKS\n' | "${CC:-cc}" -E -P -I. - | tr -d '\n' | sed 's/" *"//g; s/^ *"//; s/"$//; s/\\"/"/g')
  env LIBAUTH_ISSUER=https://id.example LIBAUTH_AUDIENCE=https://api.example LIBAUTH_KEYS_JWKS="$jwks" LIBAUTH_AUDIENC=x HTTPS_PROXY=socks5://proxy "$@"
}
environment() {
  # shellcheck disable=SC2086 # words are meant
  "${CC:-cc}" $flags -o "$work/environment" tests/c/environment.c "$library/libauth.a" $private || { failed=$((failed + 1)); return; }
  count environment with_environment "$work/environment" plain
  if [ "$(id -u)" = 0 ]; then
    # Of user 65534, run by user 1.
    chmod 755 "$work" && chown 65534 "$work/environment" && chmod 4755 "$work/environment"
    count environment_set_user_id with_environment setpriv --reuid 1 --regid 1 --clear-groups "$work/environment" secure
  else
    echo "NOT RUN environment_set_user_id: only root can make a program of another user; run as root: tests/c/run.sh"
  fi
}

# shellcheck disable=SC2086
programs() {
  try every_call every_call.c $shared
  try every_call_static every_call.c "$library/libauth.a" $private
  try page_end page_end.c $shared
  try telling telling.c $shared
  try interpose interpose.c $shared -ldl
}

# shellcheck disable=SC2046,SC2086
vectors() {
  mkdir -p "$(dirname "$answers")"
  arguments=$answers
  try vectors vectors.c $shared $(pkg-config --cflags --libs jansson libcrypto)
}

# What fetches keys, from one provider for all of them.
# shellcheck disable=SC2086
fetching() {
  cargo build --quiet --bin libauth || { failed=$((failed + 1)); return; }
  "${CARGO_TARGET_DIR:-target}/debug/libauth" issuer --port 0 >"$work/issuer" 2>&1 &
  provider_pid=$!
  for _ in $(seq 100); do
    url=$(sed -n 's/^issuer  *//p' "$work/issuer")
    [ -z "$url" ] || break
    sleep 0.1
  done
  arguments=$url
  try waiting waiting.c $shared -pthread
  try suspend suspend.c $shared -pthread
  try signals signals.c $shared -pthread
  # The leak checker of the sanitizer needs a thread.
  ASAN_OPTIONS=detect_leaks=0
  export ASAN_OPTIONS
  try nothread nothread.c $shared -pthread
  # It reads a stack that is no longer in use, which valgrind calls invalid.
  [ -n "$run" ] || try small_stack small_stack.c $shared -pthread
  unset ASAN_OPTIONS
  # Children hang in the sanitizer's own allocator, and take minutes under valgrind.
  [ -n "${1:-}" ] || try fork fork.c $shared -pthread
  # Its processes end during a fetch: some memory is then known to a thread alone.
  case $run in valgrind*) run="$run --errors-for-leak-kinds=definite" ;; esac
  try exit exit.c $shared -pthread
  arguments="$url $library/libauth.so"
  try unload unload.c -pthread -ldl
}

for set in $sets; do $set "$@"; done
echo "$passed passed, $failed failed"
[ $failed = 0 ]

#!/bin/sh
# Builds the C programs of this folder against target/library and runs them, every_call also linked with libauth.a.
#     tests/c/run.sh [valgrind]
set -u
cd "$(dirname "$0")/../.."
library=${CARGO_TARGET_DIR:-target}/library
library=$(cd "$library" && pwd) || exit 1
case ${1:-} in
  '') run= ;;
  valgrind) run="valgrind --quiet --leak-check=full --errors-for-leak-kinds=definite,possible --error-exitcode=99" ;;
  *) echo "usage: tests/c/run.sh [valgrind]" >&2; exit 2 ;;
esac
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
flags="-std=c11 -Wall -Wextra -pedantic -Werror -g -O1 -Iinclude"
private=$(sed -n 's/^Libs.private: //p' bindings/cpp/libauth.pc.in)
passed=0 failed=0

try() { # PROGRAM SOURCE LINK-ARGUMENT...
  program=$1 source=$2
  shift 2
  # shellcheck disable=SC2086 # words are meant
  if "${CC:-cc}" $flags -o "$work/$program" "tests/c/$source" "$@" && $run "$work/$program"; then
    passed=$((passed + 1))
    echo "ok      $program"
  else
    echo "FAILED  $program, exit code $?"
    failed=$((failed + 1))
  fi
}

shared="-L$library -lauth -Wl,-rpath,$library"
# shellcheck disable=SC2086
{
  try every_call every_call.c $shared
  try every_call_static every_call.c "$library/libauth.a" $private
  try page_end page_end.c $shared
  try interpose interpose.c $shared -ldl
}
echo "$passed passed, $failed failed"
[ $failed = 0 ]

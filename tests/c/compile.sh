#!/bin/sh
# include/auth.h must compile alone, twice in one file, and beside <rpc/auth.h>, in every C and C++ that a caller may use, without a warning.
# CC, CXX: other compilers; LIBAUTH_INCLUDE: another folder than include/.
set -u
cd "$(dirname "$0")/../.."
include=${LIBAUTH_INCLUDE:-include}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
passed=0 failed=0

cat >"$work/alone.c" <<'END'
#include <auth.h>
#include <auth.h>
auth_record record;
int main(void) { return auth_text_of(&record.verdict, record.verdict.code)[0]; }
END
cat >"$work/beside.c" <<'END'
#include <rpc/rpc.h>
#include <rpc/auth.h>
#include <auth.h>
int main(void) { return (int)AUTH_STATUS_OK + (int)AUTH_OK; }
END

try() { # NAME COMMAND...
  name=$1
  shift
  if "$@" -I"$include" -Wall -Wextra -pedantic -Werror -c -o "$work/out.o"; then
    passed=$((passed + 1))
    echo "ok      $name"
  else
    failed=$((failed + 1))
    echo "FAILED  $name"
  fi
}

# The include folder of libtirpc as a system folder: what its headers are warned about is not ours to repair.
tirpc=$(pkg-config --cflags libtirpc | sed 's/-I/-isystem /g')
for source in alone beside; do
  system=
  if [ $source = beside ]; then system=$tirpc; fi
  for standard in c99 c11 c17; do
    # shellcheck disable=SC2086 # words are meant
    try "$source, $standard" "${CC:-cc}" $system -std=$standard "$work/$source.c"
  done
  for standard in c++11 c++17 c++20; do
    # shellcheck disable=SC2086
    try "$source, $standard" "${CXX:-c++}" $system -std=$standard -x c++ "$work/$source.c"
  done
done

echo "$passed passed, $failed failed"
[ $failed = 0 ]

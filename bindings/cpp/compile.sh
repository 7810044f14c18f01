#!/bin/sh
# include/auth.hpp in every C++ that a caller may use, without a warning; what must not compile does not; and the C and C++ of
# README.md, docs/c.md and docs/cpp.md compiles.
#     CXXS="g++ clang++" bindings/cpp/compile.sh      the compilers to try
set -u
cd "$(dirname "$0")/../.."
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
passed=0 failed=0
strict="-Wall -Wextra -Wpedantic -Wconversion -Wshadow -Werror -Iinclude"

report() { # OUTCOME NAME
  if [ "$1" = 0 ]; then
    passed=$((passed + 1))
    echo "ok      $2"
  else
    failed=$((failed + 1))
    cat "$work/log"
    echo "FAILED  $2"
  fi
}

# Two units of one program: what the header defines may stand in both.
cat >"$work/one.cpp" <<'END'
#include <auth.hpp>
#include <auth.hpp>
std::size_t other(const libauth::Auth &auth);
int main() {
  const libauth::Auth auth{{"issuer", "x"}, {"audience", std::string("y")}};
  libauth::Verdict verdict = auth.authorize(std::string_view("Bearer x"), "a");
  const std::error_code error = verdict.error();
  return !verdict && error != libauth::Status::ok && other(auth) > 0 ? 0 : 1;
}
END
cat >"$work/two.cpp" <<'END'
#include <auth.hpp>
std::size_t other(const libauth::Auth &auth) { return auth.report().size(); }
END
library=$(cd "${CARGO_TARGET_DIR:-target}/library" && pwd) || exit 1
every_standard() { # COMPILER
  for standard in c++17 c++20 c++2b; do
    for without in "" "-fno-exceptions -fno-rtti"; do
      # shellcheck disable=SC2086 # words are meant
      "$1" -std=$standard $without $strict -o "$work/program" "$work/one.cpp" "$work/two.cpp" \
        "-L$library" -lauth "-Wl,-rpath,$library" >"$work/log" 2>&1 && "$work/program"
      report $? "$1 -std=$standard $without"
    done
  done
}

# What is wrong stands on one line alone: without it the unit compiles.
wrong() { # COMPILER PATTERN LINE
  {
    echo '#include <auth.hpp>'
    echo 'int f(const libauth::Auth &auth) { libauth::Verdict v = auth.verify("x"), w = auth.verify("y");'
    echo 'int n = v ? 1 : 0;'
    echo "$3"
    echo 'return n + (w ? 1 : 0); }'
  } >"$work/wrong.cpp"
  sed 4d "$work/wrong.cpp" >"$work/right.cpp"
  # shellcheck disable=SC2086
  "$1" -std=c++17 $strict -fsyntax-only "$work/right.cpp" >"$work/log" 2>&1 &&
    ! "$1" -std=c++17 $strict -fsyntax-only "$work/wrong.cpp" >"$work/log" 2>&1 &&
    grep -q 'wrong\.cpp:4:.*error' "$work/log" && grep -q -E "$2" "$work/log"
  report $? "$1 refuses: $3"
}
what_is_wrong() { # COMPILER
  ignored='unused-result|nodiscard'
  wrong "$1" "$ignored" 'auth.verify("x");'
  wrong "$1" "$ignored" 'auth.authorize("x", "a", v);'
  wrong "$1" "$ignored" 'auth.check();'
  wrong "$1" 'deleted' 'w = v;'
  wrong "$1" 'deleted' 'libauth::Auth copy(auth);'
  wrong "$1" 'convert|conversion' 'bool accepted = v; n += accepted;'
  wrong "$1" 'convert|conversion|contextually' 'if (v.status()) n = 2;'
  wrong "$1" 'convert|conversion|initialize' 'int status = v.status(); n += status;'
}

# The blocks of a language in a page, each in a file of its own. A block is the inside of a function, its includes stand before.
blocks() { # PAGE LANGUAGE
  awk -v language="$2" -v place="$work/block" '
    function begin() { close(top); top = sprintf("%s%d.top", place, ++blocks); body = sprintf("%s%d.body", place, blocks) }
    $0 == "```" language { begin(); printf "" >top; printf "" >body; inside = 1; next }
    inside && $0 == "```" { inside = 0; close(top); close(body); next }
    inside && /^#include/ { print >top; next }
    inside { print >body }
    END { print blocks + 0 }' "$1"
}
snippets() { # COMPILER STANDARD PAGE LANGUAGE AT-LEAST
  count=$(blocks "$3" "$4")
  [ "$count" -ge "$5" ] || { echo "$count blocks in $3, not $5" >"$work/log"; report 1 "$3"; }
  for number in $(seq "$count"); do
    {
      cat "$work/block$number.top" "$work/around.$4"
      echo 'int snippet(void);'
      echo 'int snippet(void) {'
      cat "$work/block$number.body"
      echo 'return 0; }'
    } >"$work/snippet.$4"
    # The pages leave out what a status is looked at for, and what frees.
    "$1" -x "$( [ "$4" = c ] && echo c || echo c++ )" "-std=$2" -Wall -Wextra -pedantic -Werror -Wno-unused-but-set-variable \
      -Iinclude -fsyntax-only "$work/snippet.$4" >"$work/log" 2>&1
    report $? "$3, block $number, $1"
  done
}
cat >"$work/around.c" <<'END'
#include <auth.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
extern auth_config *auth;
extern const char *header;
extern size_t header_len;
int refuse(int http_status, const char *challenge, const char *problem);
END
cat >"$work/around.cpp" <<'END'
#include <auth.hpp>
#include <cstdlib>
#include <iostream>
extern libauth::Auth auth;
extern std::string header;
int refuse(int http_status, std::string_view challenge, std::string_view problem);
void greet(std::string_view subject, std::string_view tenant);
END

for compiler in ${CXXS:-g++ clang++}; do
  every_standard "$compiler"
  what_is_wrong "$compiler"
  snippets "$compiler" c++17 docs/cpp.md cpp 6
done
snippets "${CC:-cc}" c11 docs/c.md c 4
snippets "${CC:-cc}" c11 README.md c 1

echo "$passed passed, $failed failed"
[ $failed = 0 ]

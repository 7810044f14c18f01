#!/bin/sh
# What target/library/ must be: the exported names are those of the header, the link flags are there, it is small, it was linked with LTO.
set -u
cd "$(dirname "$0")/../.."
library=${CARGO_TARGET_DIR:-target}/library
so=$library/libauth.so archive=$library/libauth.a header=include/auth.h
[ -f "$so" ] && [ -f "$archive" ] || { echo "library.sh: there is no $so: make library" >&2; exit 1; }
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
passed=0 failed=0

check() { # NAME COMMAND...
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

LC_ALL=C
export LC_ALL
nm -D --defined-only "$so" | awk '{print $3}' | sort >"$work/exported"
"${CC:-cc}" -E -P "$header" | tr '\n' ' ' | sed 's/static inline[^}]*}//g' | sed 's/(\(auth_[a-z_]*\))/\1/g' | grep -o '\bauth_[a-z_]* *(' | tr -d ' (' | sort >"$work/declared"
readelf -dlW "$so" >"$work/dynamic"
abi=$(sed -n 's/^#define AUTH_ABI \([0-9]*\).*/\1/p' $header)

has() { grep -q "$1" "$work/dynamic"; }
needs_only_libc() {
  # Nothing of the system but the C library's own and the unwinder.
  ! grep NEEDED "$work/dynamic" | grep -v -E '\[(libc|libm|libdl|librt|libpthread|libgcc_s|ld-linux[^]]*)\.so\.[0-9]+\]'
}
links() {
  [ "$(readlink "$so")" = "libauth.so.$abi" ] && [ "$(readlink "$so.$abi")" = "$(basename "$(readlink -f "$so")")" ]
}

# With LTO all Rust code of the archive is one object of our crate; without, each crate (the standard library too) has objects of its own.
# (compiler_builtins never takes part.)
archive_has_lto() {
  [ "$(ar t "$archive" | grep '\.rcgu\.o$' | grep -c -v '^compiler_builtins')" = 1 ]
}
# The .so has no such trace, but it must hold what linking that archive gives. The measure is the number of functions: without LTO there
# are more, as nothing is inlined from another crate. (A build of the program replaces an LTO .so by one without, and the archive stays.)
functions() {
  readelf --debug-dump=frames "$1" 2>/dev/null | grep -c ' FDE '
}
so_has_lto() {
  echo '{ global: auth_*; local: *; };' >"$work/exports.map"
  # shellcheck disable=SC2046 # words are meant
  "${CC:-cc}" -shared -o "$work/again.so" $(sed 's/^/-Wl,-u,/' "$work/exported") "$archive" \
    -Wl,--gc-sections "-Wl,--version-script=$work/exports.map" || return 1
  so_functions=$(functions "$so") again_functions=$(functions "$work/again.so")
  echo "        $so_functions functions; $again_functions in a link of the archive"
  [ $((so_functions * 100)) -le $((again_functions * 105)) ]
}

check "exports are the functions of $header" diff "$work/declared" "$work/exported"
check "SONAME is libauth.so.$abi" has "SONAME.*\[libauth\.so\.$abi\]"
check "bound to itself: -Bsymbolic" has 'FLAGS).*SYMBOLIC'
check "never unloaded: -z nodelete" has 'FLAGS_1).*NODELETE'
check "no executable stack" has 'GNU_STACK.* RW '
check "needs the C library only" needs_only_libc
check "links lead to the file" links
check "at most 5 MB" [ "$(stat -L -c %s "$so")" -le 5000000 ]
check "LTO: libauth.a" archive_has_lto
check "LTO: libauth.so" so_has_lto

echo "$passed passed, $failed failed"
[ $failed = 0 ]

#!/bin/sh
# Installs the library below DESTDIR and in a folder of its own, then builds programs with what stands there alone: by pkg-config,
# by find_package, and from the sources by FetchContent.
set -u
cd "$(dirname "$0")/../.."
here=$PWD
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
passed=0 failed=0

count() { # NAME COMMAND...
  name=$1
  shift
  if "$@" >"$work/log" 2>&1; then
    passed=$((passed + 1))
    echo "ok      $name"
  else
    failed=$((failed + 1))
    cat "$work/log"
    echo "FAILED  $name"
  fi
}

PREFIX="$work/own prefix" LIBDIR="$work/own prefix/lib/deep" scripts/install >"$work/log" || { cat "$work/log"; exit 1; }
PREFIX=/usr/local LIBDIR=/usr/local/lib DESTDIR="$work/staged" scripts/install >"$work/log" || { cat "$work/log"; exit 1; }
cp -R bindings/cpp/consumer "$work/consumer"
cd "$work" || exit 1

only_these_files() {
  version=$(sed -n 's/^Version: //p' staged/usr/local/lib/pkgconfig/libauth.pc)
  printf '%s\n' include/libauth/auth.h include/libauth/auth.hpp lib/cmake/libauth/libauthConfig.cmake \
    lib/cmake/libauth/libauthConfigVersion.cmake lib/libauth.a lib/libauth.so lib/libauth.so.1 "lib/libauth.so.1.$version" \
    lib/pkgconfig/libauth.pc >wanted
  (cd staged/usr/local && find . ! -type d | sed 's|^\./||' | LC_ALL=C sort) | diff wanted - && ! grep -r '@[A-Z]*@' staged/usr/local/lib/cmake
}
by_pkg_config() { # COMPILER SOURCE STANDARD
  flags=$(PKG_CONFIG_LIBDIR=staged/usr/local/lib/pkgconfig PKG_CONFIG_SYSROOT_DIR="$work/staged" pkg-config --cflags --libs 'libauth >= 0.1')
  # shellcheck disable=SC2086 # words are meant
  "$1" "-std=$3" -Wall -Wextra -Werror -o by_pkg_config "consumer/$2" $flags &&
    LD_LIBRARY_PATH=staged/usr/local/lib ./by_pkg_config
}
build() { # CMAKE-ARGUMENT...
  rm -rf build
  cmake -S consumer -B build "$@" && cmake --build build || return 1
  for program in c_libauth c_libauth_static cpp_libauth cpp_libauth_static; do "build/$program" || return 1; done
}
refused() { # VERSION
  rm -rf build
  ! cmake -S consumer -B build -DCMAKE_PREFIX_PATH="$work/staged/usr/local" "-DVERSION=$1" >told 2>&1 || return 1
  cat told
  # It was found, and its version was the reason.
  grep -q 'compatible with requested' told && grep -q 'libauthConfig.cmake, version: 0' told
}

count "what is installed" only_these_files
count "pkg-config, C" by_pkg_config "${CC:-cc}" main.c c11
count "pkg-config, C++" by_pkg_config "${CXX:-c++}" main.cpp c++17
count "find_package below DESTDIR" build -DCMAKE_PREFIX_PATH="$work/staged/usr/local" -DVERSION=0.1
count "find_package in a prefix with a blank, other LIBDIR" build "-Dlibauth_DIR=$work/own prefix/lib/deep/cmake/libauth"
count "find_package, the same version" build -DCMAKE_PREFIX_PATH="$work/staged/usr/local" "-DVERSION=$version"
for version in 0.2 0.1.99 0.0.1 1.0; do count "find_package of $version is refused" refused $version; done
cd "$here" || exit 1
in_sources() {
  rm -rf "$work/build"
  cmake -S bindings/cpp/consumer -B "$work/build" -DFETCH=ON && cmake --build "$work/build" || return 1
  for program in c_libauth c_libauth_static cpp_libauth cpp_libauth_static; do "$work/build/$program" || return 1; done
}
target=${CARGO_TARGET_DIR:-target}
case $target in /*) ;; *) target=$here/$target ;; esac
CARGO_TARGET_DIR=$target
export CARGO_TARGET_DIR
count "FetchContent" in_sources

echo "$passed passed, $failed failed"
[ $failed = 0 ]

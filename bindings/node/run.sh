#!/bin/sh
# Builds the binding for Node and runs its tests; with `vectors` the conformance vectors instead, into target/parity/node.txt.
#     run.sh [vectors]
set -eu
cd "$(dirname "$0")/../.."
case ${1:-} in '' | vectors) ;; *) sed -n 's/^#     /usage: /p' "$0" >&2; exit 2 ;; esac
case ${CARGO_TARGET_DIR:=target} in /*) ;; *) CARGO_TARGET_DIR=$PWD/$CARGO_TARGET_DIR ;; esac
export CARGO_TARGET_DIR
unset LIBAUTH_LIBRARY

cmp -s bindings/node/package-lock.json bindings/node/node_modules/.installed ||
  (cd bindings/node && npm ci --loglevel=error --no-progress >/dev/null && cp package-lock.json node_modules/.installed)
scripts/library
bindings/node/build.sh
if [ $# = 1 ]; then
  exec node bindings/node/test/vectors.mjs target/parity/node.txt
fi
cargo build --quiet --bin libauth
exec node --test --test-reporter=spec bindings/node/test/*.test.mjs bindings/node/test/web/*.test.mjs

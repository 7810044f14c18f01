#!/bin/sh
# Builds platforms/<os>-<cpu>/<libc>.node for this machine, and dist/ from src/. Needs `npm ci` here and target/library (scripts/library).
set -eu
cd "$(dirname "$0")"
library=${CARGO_TARGET_DIR:-../../target}/library
platform=$(node -p '`${process.platform}-${process.arch}`')
libc=gnu
head -c 4096 "$(node -p process.execPath)" | grep -q ld-musl- && libc=musl
addon=platforms/$platform/$libc.node

# A file that some process has mapped is replaced, never written into. What Node itself has is found when it loads this.
# shellcheck disable=SC2086 # words are meant
${CC:-cc} -std=c11 -D_GNU_SOURCE -DNAPI_VERSION=8 -O3 -fPIC -shared -s -Wall -Wextra -pedantic -Werror -fvisibility=hidden -ffunction-sections ${CFLAGS:-} \
  -I ../../include -I node_modules/node-api-headers/include -o "$addon.new" src/addon.c "$library/libauth.a" \
  -Wl,-z,nodelete -Wl,--exclude-libs,ALL -Wl,--gc-sections -pthread -ldl -lm -lgcc_s
mv "$addon.new" "$addon"
rm -rf dist
node_modules/.bin/tsc

#!/bin/sh
# Makes the two packages that are installed on this machine, from what build.sh has built: `libauth`, and that of the platform.
#     pack.sh FOLDER [npm pack option...]
# `libauth` names that package as an optional dependency, of exactly its own version: what is not packed is in no registry, and `npm ci` would
# ask for it. That stands in no committed file, for the same reason.
set -eu
cd "$(dirname "$0")"
[ $# -gt 0 ] || { sed -n 's/^#     /usage: /p' "$0" >&2; exit 2; }
folder=$(cd "$1" && pwd)
shift
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir "$work/libauth"
cp -R dist README.md ../../LICENSE-MIT ../../LICENSE-APACHE "$work/libauth"
node >"$work/libauth/package.json" <<'END'
const { readFileSync } = require('node:fs')
const { private: _, devDependencies, ...manifest } = JSON.parse(readFileSync('package.json'))
const platform = { [`@libauth/${process.platform}-${process.arch}`]: manifest.version }
console.log(JSON.stringify({ ...manifest, optionalDependencies: platform }, null, 2))
END
cp -R "platforms/$(node -p '`${process.platform}-${process.arch}`')" "$work/platform"
cp ../../LICENSE-MIT ../../LICENSE-APACHE "$work/platform"
for package in libauth platform; do
  (cd "$work/$package" && npm pack --pack-destination "$folder" "$@")
done

#!/bin/sh
# Makes the two packages that are installed on this machine, from what build.sh has built: `libauth`, and that of the platform.
#     pack.sh FOLDER [npm pack option...]
# `libauth` names the package of every platform as an optional dependency, of exactly its own version. That stands in no committed
# file: npm would ask a registry for them with every `npm ci`.
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
const { readdirSync, readFileSync } = require('node:fs')
const { private: _, devDependencies, ...manifest } = JSON.parse(readFileSync('package.json'))
const platforms = readdirSync('platforms').map(name => [`@libauth/${name}`, manifest.version])
console.log(JSON.stringify({ ...manifest, optionalDependencies: Object.fromEntries(platforms) }, null, 2))
END
cp -R "platforms/$(node -p '`${process.platform}-${process.arch}`')" "$work/platform"
cp ../../LICENSE-MIT ../../LICENSE-APACHE "$work/platform"
for package in libauth platform; do
  (cd "$work/$package" && npm pack --pack-destination "$folder" "$@")
done

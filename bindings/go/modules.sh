#!/bin/sh
# Checks the modules that stand on the Go binding: gRPC, the examples, the benches with what docs/go.md says about other libraries.
#     bindings/go/modules.sh      gofmt, vet, staticcheck and the tests of each; needs the npm packages of tests/providers/oidc-provider
set -u
cd "$(dirname "$0")/../.."
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
trap 'exit 1' INT TERM HUP
passed=0 failed=0

try() { # NAME COMMAND...
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
formatted() { # MODULE
  unformatted=$(gofmt -l "$1")
  [ -z "$unformatted" ] || { gofmt -d "$1"; false; }
}
linted() { # MODULE
  library=$(cd "${CARGO_TARGET_DIR:-target}/library" && pwd) &&
    (cd "$1" && CGO_CFLAGS="-I$library" "$work/staticcheck" -checks all,-ST1000 ./...)
}

go build -C bindings/go/tools -o "$work/staticcheck" honnef.co/go/tools/cmd/staticcheck || exit 1
for module in bindings/go/grpc examples/go examples/go/chi examples/go/gin examples/go/echo examples/grpc tests/hosts/exclude benches/go; do
  try "$module: gofmt" formatted "$module"
  try "$module: vet" scripts/go vet -C "$module" ./...
  try "$module: staticcheck" linted "$module"
  try "$module: tests" scripts/go test -C "$module" -count=1 -race ./...
done
echo "$passed passed, $failed failed"
[ $failed = 0 ]

#!/bin/sh
# Checks the modules that stand on the Go binding: gRPC, the examples, the benches with what docs/go.md says about other libraries.
#     bindings/go/modules.sh      gofmt, vet, staticcheck and the tests of each, gRPC in an empty module; needs the npm packages of tests/providers/oidc-provider
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

# The commands of docs/go.md, word by word, in a module that has nothing but the code of examples/grpc.
empty_module() {
  checkout=$PWD module=$work/empty
  mkdir "$module" && ln -s "$checkout" "$module/libauth" && cp -R examples/grpc/orders "$module/" &&
    sed 's|github.com/libauth/libauth/examples/grpc/orders|example.com/empty/orders|' examples/grpc/main.go >"$module/main.go" &&
    sed -n '/^```sh$/,/^```$/{/^```/!p}' docs/go.md >"$work/commands" && [ -s "$work/commands" ] &&
    (cd "$module" && go mod init example.com/empty && sh -e "$work/commands" && "$checkout/scripts/go" build -o server .) 2>"$work/log" ||
    { cat "$work/log"; return 1; }
  # No argument: it tells how it is called.
  "$module/server" 2>&1 | grep '^usage: LIBAUTH_ISSUER='
}

go build -C bindings/go/tools -o "$work/staticcheck" honnef.co/go/tools/cmd/staticcheck || exit 1
for module in bindings/go/grpc examples/go examples/go/chi examples/go/gin examples/go/echo examples/grpc tests/hosts/exclude benches/go; do
  try "$module: gofmt" formatted "$module"
  try "$module: vet" scripts/go vet -C "$module" ./...
  try "$module: staticcheck" linted "$module"
  try "$module: tests" scripts/go test -C "$module" -count=1 -race ./...
done
try "gRPC in an empty module" empty_module
echo "$passed passed, $failed failed"
[ $failed = 0 ]

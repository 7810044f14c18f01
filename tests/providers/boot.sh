# Read by the boot scripts of the providers, which set `here` and `dir` first.

# Where downloads and builds are kept.
cache=${CARGO_TARGET_DIR:-$here/../../../target}/providers
mkdir -p "$cache" "$dir"
cache=$(cd "$cache" && pwd)
dir=$(cd "$dir" && pwd)

free_port() {
  node -e 'const s = require("net").createServer().listen(0, "127.0.0.1", () => { console.log(s.address().port); s.close() })'
}

# ready PID SECONDS ISSUER: comes back when the discovery document answers. Where it fails or is interrupted, no provider is left running.
ready() {
  trap 'kill $pid 2>/dev/null; rm -f "$dir/pid"' EXIT
  trap 'exit 1' HUP INT TERM
  echo "$1" >"$dir/pid"
  polls=$(($2 * 5))
  until curl -sf -m 5 -o "$dir/discovery" "$3/.well-known/openid-configuration"; do
    polls=$((polls - 1))
    if ! kill -0 "$1" 2>/dev/null || [ $polls -le 0 ]; then
      echo "boot: the provider did not get ready; the end of $dir/log:" >&2
      tail -n 20 "$dir/log" >&2
      exit 1
    fi
    sleep 0.2
  done
}

// The example servers in C, C++ and Go, on real sockets, with tokens of npm oidc-provider: the same cases for each.
//     node tests/hosts/run.mjs [HOST]...      a line a case; the last line is "N passed, N failed"
import { listed } from './cases.mjs'
import { excluded } from './exclude.mjs'
import { build, install, startProvider } from './processes.mjs'

// What is so of the two servers that look the route up themselves.
const own = { options: 204, elsewhere: [404], decodes: true, logged: /GET \/orders: auth\.signature_invalid: / }

// What is so of every server on net/http; its own mux sends a path that is not clean to the clean one.
const net = {
  keepsAlive: true,
  longHeader: [401],
  hugeHeader: [431],
  nulAfterToken: [400],
  unknownMethod: [405],
  options: 405,
  elsewhere: [400, 404],
  logged: /code=auth\.signature_invalid reason=/,
}

const hosts = {
  'c-server': {
    compiler: ['cc', '-std=c11'],
    source: 'examples/c-server/server.c',
    packages: ['libmicrohttpd'],
    ...own,
    // What its HTTP library decides before libauth is asked.
    keepsAlive: true,
    longHeader: [401], // 17 000 bytes: within its limit of 32 KiB a connection
    hugeHeader: [413, 431],
    nulAfterToken: [200, 400], // 0.9 ends the value at the NUL, 1.0 refuses the request
    unknownMethod: [405],
  },
  'cpp-server': {
    compiler: ['c++', '-std=c++17'],
    source: 'examples/cpp-server/server.cpp',
    packages: ['cpp-httplib'],
    ...own,
    keepsAlive: false,
    longHeader: [400], // beyond its limit of 8 KiB a line
    hugeHeader: [400],
    nulAfterToken: [400, 401],
    unknownMethod: [400],
  },
  'go': { go: 'examples/go', ...net, elsewhere: [307, 400, 404], decodes: true },
  'go-chi': { go: 'examples/go/chi', ...net, unknownMethod: [400, 405], decodes: false },
  'go-gin': { go: 'examples/go/gin', ...net, decodes: true },
  'go-echo': { go: 'examples/go/echo', ...net, options: 204, decodes: false },
}
for (const router of ['nethttp', 'chi', 'gin', 'echo'])
  hosts[`exclude-${router}`] = { go: 'tests/hosts/exclude', router, cases: excluded }

const names = process.argv.length > 2 ? process.argv.slice(2) : Object.keys(hosts)
const unknown = names.filter(name => !(name in hosts))
if (unknown.length > 0) {
  console.error(`no such host: ${unknown}; there are ${Object.keys(hosts)}`)
  process.exit(2)
}
setTimeout(() => {
  console.error('hosts: not done after 10 minutes')
  process.exit(1)
}, 600_000).unref()

await install()
let passed = 0, failed = 0
for (const name of names) {
  const program = await build({ name, ...hosts[name] })
  const world = { ...hosts[name], program, provider: await startProvider(), tokens: {} }
  for (const [title, body] of hosts[name].cases ?? listed) {
    try {
      await body(world)
      passed += 1
      console.log(`ok      ${name}: ${title}`)
    } catch (error) {
      failed += 1
      console.log(`FAILED  ${name}: ${title}: ${error.stack.split('\n').slice(0, 12).join(' ')}`)
    }
  }
  world.provider.stop()
}
console.log(`${passed} passed, ${failed} failed`)
process.exit(failed ? 1 : 0)

// The example servers in C and C++, built by pkg-config against an installed libauth, on real sockets, with tokens of npm
// oidc-provider: the same cases for each.
//     node tests/hosts/run.mjs [c-server|cpp-server]...      a line a case; the last line is "N passed, N failed"
import { listed } from './cases.mjs'
import { build, install, startProvider } from './processes.mjs'

const hosts = {
  'c-server': {
    compiler: ['cc', '-std=c11'],
    source: 'examples/c-server/server.c',
    packages: ['libmicrohttpd'],
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
    keepsAlive: false,
    longHeader: [400], // beyond its limit of 8 KiB a line
    hugeHeader: [400],
    nulAfterToken: [400, 401],
    unknownMethod: [400],
  },
}

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
  for (const [title, body] of listed) {
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

// The C server of examples/, built by pkg-config against an installed libauth, on real sockets, with tokens of npm oidc-provider.
//     node tests/providers/c_server.mjs      prints a line a case; the last line is "N passed, N failed"
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('../..', import.meta.url))
const work = mkdtempSync(join(tmpdir(), 'libauth-c-server-'))
const prefix = join(work, 'prefix')
const algorithms = ['RS256', 'ES256', 'EdDSA']
const audienceOf = algorithm => `https://${algorithm.toLowerCase()}.example`

let server, provider
let log = ''

// Whatever is started is ended with this process, by SIGTERM: `boot` then ends the provider that it was starting.
const running = new Set()
function start(command, args, options) {
  const child = spawn(command, args, { cwd: root, ...options })
  running.add(child)
  return child.once('exit', () => running.delete(child))
}
process.on('exit', () => {
  for (const child of running) child.kill()
  stopProvider()
  rmSync(work, { recursive: true, force: true })
})
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => process.exit(1))
setTimeout(() => {
  console.error('c_server: not done after 10 minutes')
  process.exit(1)
}, 600_000).unref()

async function run(command, args, environment = {}) {
  const child = start(command, args, { stdio: ['ignore', 'pipe', 'inherit'], env: { ...process.env, ...environment } })
  let output = ''
  child.stdout.setEncoding('utf8').on('data', text => (output += text))
  const [code] = await once(child, 'close')
  if (code !== 0) throw new Error(`${command} ${args.join(' ')}: exit code ${code}`)
  return output.trim()
}

async function buildServer() {
  await run('make', ['install', `PREFIX=${prefix}`])
  const flags = await run('pkg-config', ['--cflags', '--libs', 'libauth', 'libmicrohttpd'], {
    PKG_CONFIG_PATH: join(prefix, 'lib/pkgconfig'),
  })
  const warnings = ['-Wall', '-Wextra', '-pedantic', '-Werror']
  const source = 'examples/c-server/server.c'
  const libraries = [...flags.split(/\s+/), `-Wl,-rpath,${prefix}/lib`]
  await run('cc', ['-std=c11', ...warnings, '-o', join(work, 'server'), source, ...libraries])
}

function stopProvider() {
  try {
    if (provider) process.kill(provider)
  } catch {} // it ended by itself
  provider = undefined
}

async function startProvider() {
  const issuer = await run('tests/providers/oidc-provider/boot', [join(work, 'provider')])
  provider = Number(readFileSync(join(work, 'provider/pid'), 'utf8'))
  return issuer
}

async function startServer(issuer) {
  const audience = algorithms.map(audienceOf).join(' ')
  server = start(join(work, 'server'), ['0', `issuer=${issuer}`, `audience=${audience}`], {
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  server.stderr.setEncoding('utf8').on('data', text => (log += text))
  for await (const line of createInterface({ input: server.stdout })) {
    const url = /^listening on (http:\S+)$/.exec(line)?.[1]
    if (url) return new URL(url)
  }
  throw new Error(`the server did not start: ${log}`)
}

async function token(issuer, resource, scope = 'read:orders') {
  const answer = await fetch(`${issuer}/token`, {
    method: 'POST',
    headers: { authorization: `Basic ${btoa('svc:svc-secret')}` },
    body: new URLSearchParams({ grant_type: 'client_credentials', resource, scope }),
  })
  const body = await answer.json()
  assert.equal(answer.status, 200, JSON.stringify(body))
  return body.access_token
}

// One request by hand, so that a header can be anything; comes back with everything that the server sent until it closed.
async function request(url, path, headers, method = 'GET') {
  const socket = connect(url.port, url.hostname)
  socket.setTimeout(20_000, () => socket.destroy(new Error('no answer in 20 s')))
  const lines = [`${method} ${path} HTTP/1.1`, 'Host: api', ...headers, 'Connection: close', '', '']
  socket.write(Buffer.from(lines.join('\r\n'), 'latin1'))
  const chunks = []
  try {
    for await (const chunk of socket) chunks.push(chunk)
  } catch (error) {
    if (error.code !== 'ECONNRESET' && error.code !== 'EPIPE') throw error // an early "too large" may end so
  }
  const text = Buffer.concat(chunks).toString()
  const end = text.indexOf('\r\n\r\n')
  const fields = text.slice(0, end).split('\r\n').slice(1).map(line => /^([^:]*): *(.*)$/.exec(line))
  return {
    status: Number(text.slice(9, 12)),
    header: name => fields.filter(field => field?.[1].toLowerCase() === name).map(field => field[2]).join(' AND '),
    body: text.slice(end + 4),
  }
}

const bearer = token => [`Authorization: Bearer ${token}`]

function accepted(answer) {
  assert.equal(answer.status, 200)
  assert.equal(answer.header('content-type'), 'application/json')
  assert.equal(answer.header('www-authenticate'), '')
  return JSON.parse(answer.body)
}

function refused(answer, status, code, challenge) {
  assert.equal(answer.status, status)
  assert.equal(answer.header('content-type'), 'application/problem+json')
  const problem = JSON.parse(answer.body)
  assert.equal(problem.code, code)
  assert.equal(problem.status, status)
  if (challenge instanceof RegExp) assert.match(answer.header('www-authenticate'), challenge)
  else assert.equal(answer.header('www-authenticate'), challenge)
}

const cases = []
const test = (name, body) => cases.push([name, body])

let issuer, api
const tokens = {}

for (const algorithm of algorithms) {
  test(`${algorithm}: /orders is open to its token`, async () => {
    tokens[algorithm] = await token(issuer, audienceOf(algorithm))
    assert.equal(JSON.parse(Buffer.from(tokens[algorithm].split('.')[0], 'base64url')).alg, algorithm)
    assert.deepEqual(accepted(await request(api, '/orders', bearer(tokens[algorithm]))), { orders: ['book', 'lamp'] })
  })
  test(`${algorithm}: /me answers the claims as they were signed`, async () => {
    const answer = await request(api, '/me', bearer(tokens[algorithm]))
    assert.equal(accepted(answer).sub, 'svc')
    assert.equal(answer.body, Buffer.from(tokens[algorithm].split('.')[1], 'base64url').toString())
  })
  test(`${algorithm}: a scope is missing`, async () => {
    const weak = await token(issuer, audienceOf(algorithm), 'write:orders')
    refused(await request(api, '/orders', bearer(weak)), 403, 'auth.insufficient_scope',
      /^Bearer .*error="insufficient_scope".*scope="read:orders"/)
    accepted(await request(api, '/me', bearer(weak)))
  })
  test(`${algorithm}: a byte of the signature is changed`, async () => {
    const [head, payload, signature] = tokens[algorithm].split('.')
    const changed = Buffer.from(signature, 'base64url')
    changed[9] ^= 1
    refused(await request(api, '/me', bearer(`${head}.${payload}.${changed.toString('base64url')}`)),
      401, 'auth.signature_invalid', /^Bearer .*error="invalid_token"/)
  })
  test(`${algorithm}: a byte of the payload is changed`, async () => {
    const [head, payload, signature] = tokens[algorithm].split('.')
    const claims = { ...JSON.parse(Buffer.from(payload, 'base64url')), sub: 'root' }
    const changed = Buffer.from(JSON.stringify(claims)).toString('base64url')
    refused(await request(api, '/me', bearer(`${head}.${changed}.${signature}`)),
      401, 'auth.signature_invalid', /^Bearer .*error="invalid_token"/)
  })
}

test('no header', async () =>
  refused(await request(api, '/orders', []), 401, 'auth.authorization_header_missing', 'Bearer'))
test('an empty header', async () =>
  refused(await request(api, '/orders', ['Authorization:']), 401, 'auth.authorization_header_missing', 'Bearer'))
test('Basic', async () =>
  refused(await request(api, '/orders', [`Authorization: Basic ${btoa('svc:svc-secret')}`]),
    401, 'auth.authorization_token_type_not_supported', 'Bearer'))
test('Bearer alone', async () =>
  refused(await request(api, '/orders', ['Authorization: Bearer']),
    401, 'auth.authorization_token_invalid_format', /^Bearer .*error="invalid_request"/))
test('the scheme in another case', async () =>
  void accepted(await request(api, '/orders', [`authorization: bEaReR ${tokens.RS256}`])))
test('two Authorization headers, both good', async () =>
  refused(await request(api, '/orders', [...bearer(tokens.RS256), ...bearer(tokens.RS256)]),
    401, 'auth.authorization_token_invalid_format', /^Bearer .*error="invalid_request"/))
test('two Authorization headers, the second in lower case', async () =>
  refused(await request(api, '/orders', [...bearer(tokens.RS256), 'X: y', `authorization: Bearer x`]),
    401, 'auth.authorization_token_invalid_format', /^Bearer .*error="invalid_request"/))
test('two credentials with a comma', async () =>
  refused(await request(api, '/orders', [`Authorization: Bearer ${tokens.RS256}, Bearer ${tokens.RS256}`]),
    401, 'auth.authorization_token_invalid_format', /^Bearer .*error="invalid_request"/))
test('a NUL before the token', async () => {
  // libmicrohttpd 0.9 cuts the value at the NUL, 1.0 refuses the request.
  const answer = await request(api, '/orders', [`Authorization: Bearer \0${tokens.RS256}`])
  assert.ok([400, 401].includes(answer.status), `status ${answer.status}`)
})
test('a byte beyond ASCII', async () =>
  refused(await request(api, '/orders', [`Authorization: Bearer ${tokens.RS256}\xe9`]),
    401, 'auth.authorization_token_invalid_format', /^Bearer .*error="invalid_request"/))
test('an opaque token', async () =>
  refused(await request(api, '/orders', bearer(await token(issuer, 'https://opaque.example'))),
    401, 'auth.token_opaque', /^Bearer .*error="invalid_token"/))
test('a token for another audience', async () =>
  refused(await request(api, '/orders', bearer(await token(issuer, 'https://other.example'))),
    401, 'auth.audience_invalid', /^Bearer .*error="invalid_token"/))
test('alg none', async () => {
  const none = Buffer.from('{"alg":"none"}').toString('base64url')
  refused(await request(api, '/orders', bearer(`${none}.${tokens.RS256.split('.')[1]}.`)),
    401, 'auth.algorithm_not_allowed', /^Bearer .*error="invalid_token"/)
})
test('a token of another issuer', async () => {
  const claims = { ...JSON.parse(Buffer.from(tokens.RS256.split('.')[1], 'base64url')), iss: 'https://evil.example' }
  const [head, , signature] = tokens.RS256.split('.')
  refused(await request(api, '/orders', bearer(`${head}.${Buffer.from(JSON.stringify(claims)).toString('base64url')}.${signature}`)),
    401, 'auth.issuer_invalid', /^Bearer .*error="invalid_token"/)
})
test('a token beyond token.max_bytes', async () =>
  refused(await request(api, '/orders', bearer('a'.repeat(17_000))), 401, 'auth.token_too_large', /^Bearer .*error="invalid_token"/))
test('a header of 100 kB', async () => {
  const answer = await request(api, '/orders', bearer('a'.repeat(100_000)))
  assert.ok([401, 413, 431].includes(answer.status), `status ${answer.status}`) // libmicrohttpd has a limit of its own
})
test('the refused token is nowhere in the answer or the log', async () => {
  const [head, payload, signature] = tokens.ES256.split('.')
  const bad = `${head}.${payload}.${'A'.repeat(signature.length)}`
  const answer = await request(api, '/orders', bearer(bad))
  assert.equal(answer.status, 401)
  for (const part of [head, payload]) assert.ok(!answer.body.includes(part) && !log.includes(part))
})
test('other paths and methods', async () => {
  assert.equal((await request(api, '/', bearer(tokens.RS256))).status, 404)
  assert.equal((await request(api, '/orders/', bearer(tokens.RS256))).status, 404)
  assert.equal((await request(api, '/orders', bearer(tokens.RS256), 'DELETE')).status, 404)
})
test('200 requests, 20 at a time', async () => {
  for (let round = 0; round < 10; round++) {
    const answers = Array.from({ length: 20 }, (_, i) => {
      const open = i % 2 === 0
      return request(api, '/orders', open ? bearer(tokens[algorithms[i % 3]]) : []).then(a => assert.equal(a.status, open ? 200 : 401))
    })
    await Promise.all(answers)
  }
})
test('the provider is switched off: held keys serve', async () => {
  stopProvider()
  await assert.rejects(fetch(issuer))
  for (const algorithm of algorithms) accepted(await request(api, '/orders', bearer(tokens[algorithm])))
})
test('SIGTERM ends the server with 0', async () => {
  const ended = once(server, 'exit')
  server.kill('SIGTERM')
  assert.deepEqual(await ended, [0, null])
})
test('cold, with the provider off: 503 with Retry-After', async () => {
  const cold = await startServer(issuer)
  const answer = await request(cold, '/orders', bearer(tokens.RS256))
  refused(answer, 503, 'auth.discovery_failed', '')
  assert.ok(Number(answer.header('retry-after')) >= 1)
  const ended = once(server, 'exit')
  server.kill('SIGINT')
  assert.deepEqual(await ended, [0, null])
})
test('a wrong option is told, and the server exits with 4', async () => {
  for (const [args, code] of [
    [['issuer=https://id.example'], 'auth.option_missing'],
    [['issuer=https://id.example', 'audience='], 'auth.option_invalid'],
    [['issuer=https://id.example', 'audience'], 'auth.'],
    [['issuer=https://id.example', 'audiense=x'], 'auth.option_unknown'],
  ]) {
    server = start(join(work, 'server'), ['0', ...args], { stdio: ['ignore', 'ignore', 'pipe'] })
    let told = ''
    server.stderr.setEncoding('utf8').on('data', text => (told += text))
    assert.deepEqual(await once(server, 'close'), [4, null])
    assert.ok(told.startsWith(code), told)
  }
})

await buildServer()
issuer = await startProvider()
api = await startServer(issuer)
let passed = 0
for (const [name, body] of cases) {
  try {
    await body()
    passed += 1
    console.log(`ok      ${name}`)
  } catch (error) {
    console.log(`FAILED  ${name}: ${error.message.replaceAll('\n', ' ')}`)
  }
}
const failed = cases.length - passed
if (failed) console.log(`the end of the server's log:\n${log.split("\n").slice(-40).join("\n")}`)
console.log(`${passed} passed, ${failed} failed`)
process.exit(failed ? 1 : 0)

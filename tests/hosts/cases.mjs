// What a protected host must do, in the order of its life: before the keys, with them, a rotation, the provider away, the end.
import assert from 'node:assert/strict'
import { raw } from './raw.mjs'
import { accepted, bearer, refused, request, soon, token } from './http.mjs'
import { run, startHost, startProvider } from './processes.mjs'

const algorithms = ['RS256', 'PS256', 'ES256', 'ES384', 'EdDSA']
const audienceOf = algorithm => `https://${algorithm.toLowerCase()}.example`
const audiences = [...algorithms.map(audienceOf), 'https://large.example'].join(' ')

export const listed = []
const test = (title, body) => listed.push([title, body])

const start = world => startHost(world.program, { LIBAUTH_ISSUER: world.provider.issuer, LIBAUTH_AUDIENCE: audiences })
const partsOf = token => token.split('.')
const encode = value => Buffer.from(value).toString('base64url')
const decode = part => Buffer.from(part, 'base64url').toString()

// 204, or 200 with a body.
function isReady(answer) {
  if (answer.status !== 204) assert.deepEqual(accepted(answer), { status: 'ready' })
}

async function metrics(world) {
  const answer = await request(world.api, '/metrics')
  assert.equal(answer.status, 200)
  assert.match(answer.header('content-type'), /^text\/plain; version=0\.0\.4/)
  const samples = JSON.parse(await run('tests/metrics/.venv/bin/python', ['tests/metrics/samples.py'], { input: answer.body }))
  return (name, labels) =>
    samples
      .filter(([known, has]) => known === name && Object.entries(labels).every(([key, value]) => has[key] === value))
      .reduce((sum, [, , value]) => sum + value, 0)
}

// ---------------------------------------------------------------- before the keys

test('starts, and is not ready before the keys are here', async world => {
  world.host = start(world)
  world.api = await world.host.url
  assert.deepEqual(accepted(await request(world.api, '/healthz')), { status: 'alive' })
  const count = await metrics(world)
  assert.equal(count('libauth_jwks_fetches_total', {}), 0, 'liveness fetches nothing')
  const early = await request(world.api, '/readyz')
  refused(early, 503, 'auth.keys_pending', '')
  assert.ok(Number(early.header('retry-after')) >= 1)
  await soon(async () => isReady(await request(world.api, '/readyz')))
  assert.equal((await metrics(world))('libauth_jwks_fetches_total', { outcome: 'ok' }), 1)
})

// ---------------------------------------------------------------- tokens

for (const algorithm of algorithms) {
  test(`${algorithm}: /orders is open to its token`, async ({ provider, api, tokens }) => {
    tokens[algorithm] = await token(provider.issuer, audienceOf(algorithm))
    assert.equal(JSON.parse(decode(partsOf(tokens[algorithm])[0])).alg, algorithm)
    assert.deepEqual(accepted(await request(api, '/orders', bearer(tokens[algorithm]))), { orders: ['book', 'lamp'] })
  })
  test(`${algorithm}: /me answers the claims as they were signed`, async ({ api, tokens }) => {
    const answer = await request(api, '/me', bearer(tokens[algorithm]))
    assert.equal(accepted(answer).sub, 'svc')
    assert.equal(answer.body, decode(partsOf(tokens[algorithm])[1]))
  })
  test(`${algorithm}: a byte of the signature is changed`, async ({ api, tokens }) => {
    const [head, payload, signature] = partsOf(tokens[algorithm])
    const changed = Buffer.from(signature, 'base64url')
    changed[9] ^= 1
    refused(await request(api, '/me', bearer(`${head}.${payload}.${changed.toString('base64url')}`)),
      401, 'auth.signature_invalid', /^Bearer .*error="invalid_token"/)
  })
  test(`${algorithm}: a byte of the payload is changed`, async ({ api, tokens }) => {
    const [head, payload, signature] = partsOf(tokens[algorithm])
    const changed = encode(JSON.stringify({ ...JSON.parse(decode(payload)), sub: 'root' }))
    refused(await request(api, '/me', bearer(`${head}.${changed}.${signature}`)),
      401, 'auth.signature_invalid', /^Bearer .*error="invalid_token"/)
  })
}

test('each route asks for its own scope', async ({ provider, api, tokens }) => {
  const writing = await token(provider.issuer, audienceOf('RS256'), 'write:orders')
  refused(await request(api, '/orders', bearer(writing)), 403, 'auth.insufficient_scope',
    /^Bearer .*error="insufficient_scope".*scope="read:orders"/)
  refused(await request(api, '/orders', bearer(tokens.RS256), 'POST'), 403, 'auth.insufficient_scope',
    /^Bearer .*error="insufficient_scope".*scope="write:orders"/)
  const empty = [...bearer(writing), 'Content-Length: 0']
  assert.deepEqual(accepted(await request(api, '/orders', empty, 'POST'), 201), { added: 'lamp' })
  accepted(await request(api, '/me', bearer(writing)))
})
test('no header', async ({ api }) =>
  refused(await request(api, '/orders'), 401, 'auth.authorization_header_missing', 'Bearer'))
test('Basic', async ({ api }) =>
  refused(await request(api, '/orders', [`Authorization: Basic ${btoa('svc:svc-secret')}`]),
    401, 'auth.authorization_token_type_not_supported', 'Bearer'))
test('an opaque token', async ({ provider, api }) =>
  refused(await request(api, '/orders', bearer(await token(provider.issuer, 'https://opaque.example'))),
    401, 'auth.token_opaque', /^Bearer .*error="invalid_token"/))
test('a token for another audience', async ({ provider, api }) =>
  refused(await request(api, '/orders', bearer(await token(provider.issuer, 'https://other.example'))),
    401, 'auth.audience_invalid', /^Bearer .*error="invalid_token"/))
test('alg none', async ({ api, tokens }) =>
  refused(await request(api, '/orders', bearer(`${encode('{"alg":"none"}')}.${partsOf(tokens.RS256)[1]}.`)),
    401, 'auth.algorithm_not_allowed', /^Bearer .*error="invalid_token"/))
test('a token of another issuer', async ({ api, tokens }) => {
  const [head, payload, signature] = partsOf(tokens.RS256)
  const claims = encode(JSON.stringify({ ...JSON.parse(decode(payload)), iss: 'https://evil.example' }))
  refused(await request(api, '/orders', bearer(`${head}.${claims}.${signature}`)),
    401, 'auth.issuer_invalid', /^Bearer .*error="invalid_token"/)
})
test('a token of almost 8 KiB, which is good', async ({ provider, api }) => {
  const large = await token(provider.issuer, 'https://large.example')
  assert.ok(large.length > 7900 && large.length < 8100, `${large.length} bytes`)
  accepted(await request(api, '/orders', bearer(large)))
})
test('the refused token is nowhere in the answer or the log', async ({ host, api, tokens, logged }) => {
  const [head, payload, signature] = partsOf(tokens.ES256)
  const answer = await request(api, '/orders', bearer(`${head}.${payload}.${'A'.repeat(signature.length)}`))
  assert.equal(answer.status, 401)
  await soon(() => assert.match(host.log, logged))
  for (const part of [head, payload]) assert.ok(!answer.body.includes(part) && !host.log.includes(part))
})

// ---------------------------------------------------------------- requests

for (const [title, body] of raw) test(title, body)

test('200 requests, 20 at a time', async ({ api, tokens }) => {
  for (let round = 0; round < 10; round++)
    await Promise.all(Array.from({ length: 20 }, async (_, i) => {
      const open = i % 2 === 0
      const answer = await request(api, '/me', open ? bearer(tokens[algorithms[i % 5]]) : [])
      assert.equal(answer.status, open ? 200 : 401)
      if (open) assert.equal(answer.body, decode(partsOf(tokens[algorithms[i % 5]])[1]), 'its own claims, of nobody else')
    }))
})
test('/metrics counts what was decided', async world => {
  const before = await metrics(world)
  for (let i = 0; i < 3; i++) accepted(await request(world.api, '/orders', bearer(world.tokens.ES256)))
  for (let i = 0; i < 2; i++) assert.equal((await request(world.api, '/orders', bearer(world.tokens.ES256), 'POST')).status, 403)
  const after = await metrics(world)
  const grown = status => {
    const labels = { issuer: world.provider.issuer, status }
    return after('libauth_verifications_total', labels) - before('libauth_verifications_total', labels)
  }
  assert.deepEqual([grown('OK'), grown('SCOPE_MISSING')], [3, 2])
  const document = async url => (await fetch(url)).json()
  const { jwks_uri: uri } = await document(`${world.provider.issuer}/.well-known/openid-configuration`)
  assert.equal(after('libauth_jwks_keys', {}), (await document(uri)).keys.length)
})

// ---------------------------------------------------------------- the provider

test('the provider has new keys: its tokens pass at once, those of the old keys no longer', async world => {
  const { port } = world.provider
  await world.provider.stopped()
  world.provider = await startProvider({ port, kid: 'second' })
  const newer = await token(world.provider.issuer, audienceOf('RS256'))
  await soon(async () => accepted(await request(world.api, '/orders', bearer(newer))))
  refused(await request(world.api, '/orders', bearer(world.tokens.RS256)),
    401, 'auth.key_not_found', /^Bearer .*error="invalid_token"/)
  world.tokens.RS256 = newer
})
test('the provider is switched off: held keys serve', async ({ provider, api, tokens }) => {
  await provider.stopped()
  await assert.rejects(fetch(provider.issuer))
  accepted(await request(api, '/orders', bearer(tokens.RS256)))
  isReady(await request(api, '/readyz'))
})
test('SIGTERM ends the host with 0', async ({ host }) => assert.deepEqual(await host.stop('SIGTERM'), [0, null]))
test('cold, with the provider off: 503 with Retry-After; ready when it comes back', async world => {
  const cold = start(world)
  const api = await cold.url
  const answer = await request(api, '/orders', bearer(world.tokens.RS256))
  refused(answer, 503, 'auth.discovery_failed', '')
  assert.ok(Number(answer.header('retry-after')) >= 1)
  refused(await request(api, '/orders'), 401, 'auth.authorization_header_missing', 'Bearer') // not the provider's matter
  assert.equal((await request(api, '/readyz')).status, 503)
  accepted(await request(api, '/healthz'))
  world.provider = await startProvider({ port: world.provider.port })
  await soon(async () => isReady(await request(api, '/readyz')))
  accepted(await request(api, '/orders', bearer(await token(world.provider.issuer, audienceOf('EdDSA')))))
  assert.deepEqual(await cold.stop('SIGINT'), [0, null])
})

// ---------------------------------------------------------------- the start

for (const [options, code] of [
  [{ LIBAUTH_ISSUER: 'https://id.example' }, 'auth.option_missing'],
  [{ LIBAUTH_ISSUER: 'https://id.example', LIBAUTH_AUDIENCE: 'x', LIBAUTH_KEYS_TTL: 'soon' }, 'auth.option_invalid'],
  [{}, 'auth.option_missing'],
])
  test(`a wrong start is told, and exits with 4: ${JSON.stringify(options)}`, async ({ program }) => {
    const host = startHost(program, options)
    assert.deepEqual(await host.ended, [4, null])
    assert.ok(host.log.startsWith(`${code}: `), host.log)
  })
test('a port that another has is told, and exits with 1', async ({ program }) => {
  const options = { LIBAUTH_ISSUER: 'https://id.example', LIBAUTH_AUDIENCE: 'x' }
  const first = startHost(program, options)
  const second = startHost(program, options, Number((await first.url).port))
  await assert.rejects(second.url)
  assert.deepEqual(await second.ended, [1, null])
  assert.match(second.log, /^cannot listen: /)
  assert.deepEqual(await first.stop('SIGTERM'), [0, null])
})
test('an option that is none is told', async ({ program }) => {
  const host = startHost(program, { LIBAUTH_ISSUER: 'https://id.example', LIBAUTH_AUDIENCE: 'x', LIBAUTH_AUDIENSE: 'y' })
  await host.url
  assert.match(host.log, /LIBAUTH_AUDIENSE/)
  assert.deepEqual(await host.stop('SIGTERM'), [0, null])
})

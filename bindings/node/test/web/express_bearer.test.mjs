// What the documentation of express-oauth2-jwt-bearer says to write, run with that package and with
// only the import changed; and its names and units as those of libauth.
import assert from 'node:assert/strict'
import { createServer } from 'node:http'
import { after, before, describe, test } from 'node:test'
import express from 'express'
import { Auth, auth } from 'libauth/express'
import { mint, options } from 'libauth/testing'
import { translate } from '../../dist/express_names.js'
import { bearer, request, token } from '../../../../tests/hosts/http.mjs'
import { startProvider } from '../../../../tests/hosts/processes.mjs'

console.info = console.warn = () => {} // where libauth/express tells of refused requests

const audience = 'https://api.example'
let provider, reader, writer, other, jwksUri
before(async () => {
  provider = await startProvider()
  reader = await token(provider.issuer, audience)
  writer = await token(provider.issuer, audience, 'read:orders write:orders')
  other = await token(provider.issuer, 'https://other.example')
  const discovery = await fetch(`${provider.issuer}/.well-known/openid-configuration`)
  jwksUri = (await discovery.json()).jwks_uri
})
after(() => provider.stop())

// The environment of the process, with these instead of what both packages read.
async function withEnvironment(variables, body) {
  const kept = { ...process.env }
  for (const name of Object.keys(process.env)) if (/^(LIBAUTH_|ISSUER|AUDIENCE|JWKS_URI|SECRET|TOKEN_)/.test(name)) delete process.env[name]
  Object.assign(process.env, variables)
  try {
    return await body()
  } finally {
    for (const name of Object.keys(variables)) delete process.env[name]
    Object.assign(process.env, kept)
  }
}

async function serve(prepare) {
  const app = express()
  app.set('env', 'test')
  prepare(app)
  const server = createServer(app)
  await new Promise(done => server.listen(0, '127.0.0.1', done))
  const url = new URL(`http://127.0.0.1:${server.address().port}`)
  const close = () => {
    server.closeAllConnections()
    return new Promise(done => server.close(done))
  }
  return { ask: (path, headers) => request(url, path, headers), close }
}

// The application of the documentation.
function documented(app, start, { requiredScopes, scopeIncludesAny, claimEquals, claimIncludes, claimCheck }) {
  app.use(start)
  app.get('/api/messages', (req, res, next) => {
    const auth = req.auth
    res.json({ header: auth.header, payload: auth.payload, token: auth.token })
  })
  const answer = (req, res) => res.json('in')
  app.get('/read', requiredScopes('read:orders'), answer)
  app.get('/edit', requiredScopes('read:orders write:orders'), answer)
  app.get('/any', scopeIncludesAny('write:orders read:orders'), answer)
  app.get('/none', scopeIncludesAny(['delete:orders']), answer)
  app.get('/tenant', claimEquals('tenant', 't1'), answer)
  app.get('/role', claimIncludes('roles', 'reader'), answer)
  app.get('/check', claimCheck(claims => claims.tenant === 't1' && claims.roles.includes('reader')), answer)
  app.use((err, req, res, next) => {
    res.status(err.status).set(err.headers).json({ message: err.message })
  })
}

// The status of each route for each caller, and what the application sees.
async function outcome(start, lib) {
  const { ask, close } = await serve(app => documented(app, start, lib))
  try {
    const routes = ['/api/messages', '/read', '/edit', '/any', '/none', '/tenant', '/role', '/check']
    const callers = { none: [], reader: bearer(reader), writer: bearer(writer), other: bearer(other) }
    const statuses = {}
    for (const [caller, headers] of Object.entries(callers)) {
      statuses[caller] = []
      for (const route of routes) {
        const answer = await ask(route, headers)
        statuses[caller].push(answer.status)
        assert.equal(/^Bearer/.test(answer.header('www-authenticate')), [401, 403].includes(answer.status), route)
      }
    }
    return { statuses, seen: JSON.parse((await ask('/api/messages', bearer(reader))).body) }
  } finally {
    await close()
  }
}

const fromEnvironment = lib => withEnvironment({ ISSUER_BASE_URL: provider.issuer, AUDIENCE: audience }, () => lib.auth())
const starts = {
  'auth() by ISSUER_BASE_URL and AUDIENCE': fromEnvironment,
  'auth({ issuerBaseURL, audience })': lib => lib.auth({ issuerBaseURL: provider.issuer, audience }),
  'a slash after issuerBaseURL': lib => lib.auth({ issuerBaseURL: `${provider.issuer}/`, audience }),
  'the metadata as issuerBaseURL': lib => lib.auth({ issuerBaseURL: `${provider.issuer}/.well-known/openid-configuration`, audience }),
  'issuer and jwksUri': lib => lib.auth({ issuer: provider.issuer, jwksUri, audience, tokenSigningAlg: 'RS256' }),
  'every number': lib =>
    lib.auth({
      issuerBaseURL: provider.issuer, audience: [audience, 'https://second.example'], clockTolerance: 10, maxTokenAge: 600,
      cacheMaxAge: 600_000, cooldownDuration: 30_000, timeoutDuration: 5000, dpop: { enabled: false },
    }),
}

describe('the documented application, with only the import changed', () => {
  for (const [title, start] of Object.entries(starts))
    test(title, async () => {
      const outcomes = []
      for (const name of ['express-oauth2-jwt-bearer', 'libauth/express']) {
        const lib = await import(name)
        outcomes.push(await outcome(await start(lib), lib))
      }
      assert.deepEqual(outcomes[1], outcomes[0])
      assert.deepEqual(outcomes[1].statuses.reader, [200, 200, 403, 200, 403, 200, 200, 200])
      assert.equal(outcomes[1].seen.token, reader)
    })

  test('authRequired: false lets in who has no token; here, a bad token is still refused', async () => {
    const statuses = []
    for (const name of ['express-oauth2-jwt-bearer', 'libauth/express']) {
      const lib = await import(name)
      const { ask, close } = await serve(app => {
        app.use(lib.auth({ issuerBaseURL: provider.issuer, audience, authRequired: false }))
        app.get('/', (req, res) => res.json(req.auth?.payload.client_id ?? 'nobody'))
      })
      const answers = [await ask('/'), await ask('/', bearer(reader)), await ask('/', bearer(other))]
      statuses.push(answers.map(({ status }) => status))
      assert.deepEqual(answers.slice(0, 2).map(({ body }) => JSON.parse(body)), ['nobody', 'svc'])
      await close()
    }
    assert.deepEqual(statuses, [[200, 200, 200], [200, 200, 401]])
  })
})

describe('names and units', () => {
  const of = (given, env = {}) => translate(given, env)
  const base = { issuer: 'https://id.example', audience: 'x' }

  test('each option by its name here', () => {
    const { options: found, optional } = of({
      ...base, jwksUri: 'https://id.example/jwks', tokenSigningAlg: 'RS256', clockTolerance: 5, maxTokenAge: 60,
      cacheMaxAge: 600_000, cooldownDuration: 1500, timeoutDuration: 5000, strict: true, authRequired: false,
    })
    assert.equal(optional, true)
    assert.deepEqual(found, {
      ...base, 'keys.jwks_uri': 'https://id.example/jwks', 'token.algorithms': 'RS256', 'claims.leeway': 5, 'claims.max_age': 60,
      'keys.ttl': 600, 'keys.cooldown': 2, 'keys.timeout': 5, 'token.profile': 'rfc9068',
    })
    assert.doesNotThrow(() => new Auth(found))
  })
  test('those of libauth stay', () => assert.deepEqual(of({ ...base, keys: { ttl: '5m' } }).options, { ...base, keys: { ttl: '5m' } }))
  test('issuerBaseURL is iss with and without a slash; beside issuer it is where the metadata is', () => {
    const both = ['https://id.example/t', 'https://id.example/t/']
    const wellKnown = '/.well-known/openid-configuration'
    for (const url of [...both, both[0] + wellKnown, 'https://id.example/.well-known/oauth-authorization-server/t'])
      assert.deepEqual(of({ issuerBaseURL: url, audience: 'x' }).options.issuer, both, url)
    const { issuer, ...rest } = of({ ...base, issuerBaseURL: 'https://inner.example' }).options
    assert.equal(issuer, base.issuer)
    assert.equal(rest['keys.discovery_url'], `https://inner.example${wellKnown}`)
  })
  test('a public key as PEM, JWK or JWKS', () => {
    const [jwk] = options.keys.jwks.keys
    for (const publicKey of [jwk, { keys: [jwk] }]) {
      const { options: found } = of({ issuer: options.issuer, audience: options.audience, publicKey })
      assert.deepEqual(found['keys.jwks'], { keys: [jwk] })
      assert.equal(new Auth(found).tryVerify(mint()).subject, 'test')
    }
    assert.equal(of({ ...base, publicKey: 'PEM' }).options['keys.jwks'], 'PEM')
  })
  test('the environment fills what the code does not say', () => {
    const env = { ISSUER_BASE_URL: 'https://env.example/', AUDIENCE: 'env', JWKS_URI: 'https://env.example/jwks', SECRET: 's' }
    assert.deepEqual(of({}, env).options, {
      issuer: ['https://env.example', 'https://env.example/'], audience: 'env', 'keys.jwks_uri': 'https://env.example/jwks',
    })
    assert.deepEqual(of({ issuer: 'https://id.example' }, env).options, { issuer: 'https://id.example', audience: 'env' })
    assert.deepEqual(of(base, env).options, base)
    assert.equal(of({ audience: 'x' }, { ISSUER: 'https://id.example' }).options.issuer, 'https://id.example')
  })
  test('LIBAUTH_… comes first, and is all of it', async () => {
    const env = { ISSUER_BASE_URL: 'https://env.example', AUDIENCE: 'env' }
    await withEnvironment({ ...env, LIBAUTH_ISSUER: 'https://id.example' }, () =>
      assert.throws(() => auth(), { statusName: 'OPTION_MISSING' }))
    await withEnvironment({ LIBAUTH_ISSUER: 'https://id.example', LIBAUTH_AUDIENCE: 'x', ISSUER_BASE_URL: 'no URL' }, () => auth())
    await withEnvironment({ ...env, LIBAUTH_LIBRARY: '/an/addon.node' }, () => auth())
    await withEnvironment({}, () => assert.throws(() => auth(), { statusName: 'OPTION_MISSING' }))
  })
  test('a variable that is not set switches nothing off', () => {
    const unset = [
      { issuerBaseURL: undefined, audience: 'x' }, { ...base, audience: undefined }, { ...base, tokenSigningAlg: undefined }, { ...base, jwksUri: null },
      { ...base, maxTokenAge: undefined }, { ...base, cacheMaxAge: undefined }, { ...base, clockTolerance: '5 parsecs' }, { ...base, cacheMaxAge: Infinity },
    ]
    for (const given of unset) assert.throws(() => auth(given), { statusName: 'OPTION_INVALID' }, JSON.stringify(given))
    for (const wrong of [{ authRequired: undefined }, { strict: undefined }, { strict: 'yes' }, { authRequired: null }])
      assert.throws(() => auth({ ...base, ...wrong }), TypeError, JSON.stringify(Object.keys(wrong)))
    for (const wrong of [null, 5, new Map([['issuer', 'x']]), Object.create(base)]) assert.throws(() => auth(wrong), TypeError)
    for (const name of ['audienc', 'constructor', 'toString']) assert.throws(() => auth({ ...base, [name]: 'x' }), { statusName: 'OPTION_UNKNOWN' })
  })
  test('what cannot be is refused with a sentence', () => {
    const refused = {
      secret: 's', validators: { aud: false }, agent: {}, cache: {}, mcd: { issuers: [] }, dpop: { required: true }, mtls: { enabled: true }, getCertificate() {},
    }
    for (const [name, value] of Object.entries(refused))
      assert.throws(() => auth({ ...base, [name]: value }), new RegExp(`^TypeError: auth\\(\\{ ${name} \\}\\): .{20,}`))
    for (const name of ['secret', 'validators', 'agent', 'cache', 'mcd'])
      assert.throws(() => auth({ ...base, [name]: { enabled: false } }), new RegExp(`^TypeError: auth\\(\\{ ${name} `))
    for (const name of Object.keys(refused)) assert.throws(() => auth({ ...base, [name]: undefined }), TypeError, name)
    for (const name of ['dpop', 'mtls', 'getCertificate']) assert.doesNotThrow(() => auth({ ...base, [name]: { enabled: false } }))
    assert.throws(() => auth({ ...base, tokenSigningAlg: 'HS256' }), { statusName: 'OPTION_INVALID' })
  })
})

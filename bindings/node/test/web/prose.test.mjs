// What docs/*.md say of other packages outside their tables, measured.
import assert from 'node:assert/strict'
import { generateKeyPairSync, sign, constants } from 'node:crypto'
import { once } from 'node:events'
import { createServer } from 'node:http'
import { after, describe, test } from 'node:test'
import { JwtVerifier } from 'aws-jwt-verify'
import { SimpleJwksCache } from 'aws-jwt-verify/jwk'
import { expressjwt } from 'express-jwt'
import { auth as bearerAuth, claimCheck, claimEquals, claimIncludes } from 'express-oauth2-jwt-bearer'
import { Auth } from 'libauth'
import { mint, options } from 'libauth/testing'

const { issuer, audience } = options
const [jwk] = options.keys.jwks.keys

// How each is made: the kind of key, the hash, and what else signing takes.
const kinds = {
  RS256: ['rsa', { modulusLength: 2048 }, 'sha256', {}],
  PS256: ['rsa', { modulusLength: 2048 }, 'sha256', { padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: 32 }],
  ES256: ['ec', { namedCurve: 'P-256' }, 'sha256', { dsaEncoding: 'ieee-p1363' }],
  ES512: ['ec', { namedCurve: 'P-521' }, 'sha512', { dsaEncoding: 'ieee-p1363' }],
  Ed25519: ['ed25519', {}, null, {}],
  Ed448: ['ed448', {}, null, {}],
}

// A token, its key as JWK, and as PEM.
function signed(kind, iss = issuer) {
  const [type, how, hash, more] = kinds[kind]
  const { publicKey, privateKey } = generateKeyPairSync(type, how)
  const alg = kind.startsWith('Ed') ? 'EdDSA' : kind
  const now = Math.floor(Date.now() / 1000)
  const part = value => Buffer.from(JSON.stringify(value)).toString('base64url')
  const text = `${part({ alg, typ: 'at+jwt', kid: kind })}.${part({ iss, aud: audience, sub: 'a', client_id: 'a', iat: now, exp: now + 300 })}`
  const signature = sign(hash, Buffer.from(text), { key: privateKey, ...more }).toString('base64url')
  return {
    token: `${text}.${signature}`, alg,
    jwk: { ...publicKey.export({ format: 'jwk' }), kid: kind, alg, use: 'sig' },
    pem: publicKey.export({ type: 'spki', format: 'pem' }),
  }
}

// What a middleware hands to next().
const through = (middleware, token) =>
  new Promise(resolve => {
    const headers = { host: 'api.test', authorization: `Bearer ${token}` }
    const req = { method: 'GET', url: '/', originalUrl: '/', protocol: 'http', headers, query: {}, is: () => false, get: name => headers[name.toLowerCase()] }
    Promise.resolve(middleware(req, {}, resolve)).catch(resolve)
  })
const accepts = verifying => verifying.then(() => true, () => false)
const hereAccepts = ({ token, jwk }) => accepts((async () => new Auth({ issuer, audience, keys: { jwks: { keys: [jwk] } } }).verify(token))())

describe('aws-jwt-verify', () => {
  test('algorithms', async () => {
    const found = {}
    for (const kind of Object.keys(kinds)) {
      const made = signed(kind)
      const there = JwtVerifier.create({ issuer, audience, jwksUri: `${issuer}/jwks` })
      const load = async () => there.cacheJwks({ keys: [made.jwk] })
      found[kind] = [await accepts(load().then(() => there.verify(made.token))), await hereAccepts(made)]
    }
    const both = [true, true]
    assert.deepEqual(found, { RS256: both, PS256: [false, true], ES256: both, ES512: both, Ed25519: both, Ed448: [true, false] })
  })
  test('a withdrawn key is trusted until a fetch for an unknown one; the next fetch has to wait', async () => {
    const other = signed('ES256').jwk
    let keys = [jwk]
    let fetched = 0
    const fetcher = { fetch: async () => (fetched++, new TextEncoder().encode(JSON.stringify({ keys })).buffer) }
    const verifier = JwtVerifier.create({ issuer, audience, jwksUri: `${issuer}/jwks` }, { jwksCache: new SimpleJwksCache({ fetcher }) })
    await verifier.verify(mint())
    keys = [other]
    assert.deepEqual([await accepts(verifier.verify(mint())), fetched], [true, 1])
    assert.equal(await accepts(verifier.verify(mint({}, { kid: 'unknown' }))), false)
    assert.deepEqual([await accepts(verifier.verify(mint())), fetched], [false, 2])
    assert.equal(await accepts(verifier.verify(mint({}, { kid: 'another' }))), false)
    assert.equal(fetched, 2)
  })
})

describe('express-jwt', () => {
  test('algorithms', async () => {
    const found = {}
    for (const kind of ['RS256', 'ES256', 'Ed25519']) {
      const made = signed(kind)
      const there = async () => expressjwt({ secret: made.pem, algorithms: [made.alg], issuer, audience })
      found[kind] = [await there().then(it => through(it, made.token)).then(error => error === undefined, () => false), await hereAccepts(made)]
    }
    assert.deepEqual(found, { RS256: [true, true], ES256: [true, true], Ed25519: [false, true] })
  })
  test('its errors', async () => {
    const { name, status, code } = await through(expressjwt({ secret: signed('ES256').pem, algorithms: ['ES256'] }), mint())
    assert.deepEqual([name, status, code], ['UnauthorizedError', 401, 'invalid_token'])
  })
})

describe('express-oauth2-jwt-bearer', () => {
  let keys = [jwk]
  let fetched = 0
  const server = createServer((req, res) => {
    const base = `http://${req.headers.host}`
    if (req.url.includes('well-known')) return res.end(JSON.stringify({ issuer: base, jwks_uri: `${base}/jwks` }))
    fetched += 1
    res.end(JSON.stringify({ keys }))
  })
  after(() => server.close(server.closeAllConnections()))
  const made = async given => {
    if (!server.listening) await once(server.listen(0, '127.0.0.1'), 'listening')
    const base = `http://127.0.0.1:${server.address().port}`
    return [bearerAuth({ issuerBaseURL: base, audience, dpop: { enabled: false }, ...given }), base]
  }

  test('a new key is refused for a while after a fetch', async () => {
    const [there, base] = await made()
    assert.equal(await through(there, mint({ iss: base })), undefined)
    const fresh = signed('ES256', base)
    keys = [jwk, fresh.jwk]
    const before = fetched
    assert.equal((await through(there, fresh.token)).status, 401)
    assert.equal(fetched, before)
    keys = [jwk]
  })
  test('its errors and helpers', async () => {
    const [there, base] = await made()
    const error = await through(there, mint({ iss: base, exp: 1 }))
    assert.deepEqual([error.status, error.statusCode, error.code], [401, 401, 'invalid_token'])
    assert.match(error.headers['WWW-Authenticate'], /realm="api"/)
    const helpers = [claimEquals('a', 'x'), claimIncludes('a', 'x'), claimCheck(() => false)]
    const seen = async (helper, payload) => {
      let found
      await helper({ auth: { payload } }, {}, error => (found = error))
      return found?.status
    }
    for (const helper of helpers) assert.equal(await seen(helper, { a: 'y' }), 401)
    assert.equal(await seen(claimEquals('a', 'x'), { a: ['x'] }), 401)
    assert.equal(await seen(claimIncludes('a', 'x', 'y'), { a: 'x y' }), undefined)
    assert.equal(await seen(claimCheck(async () => false), {}), undefined)
  })
  test('once cacheMaxAge is over each request waits for the provider, and is refused without', async () => {
    const [there, base] = await made({ cacheMaxAge: 1 })
    assert.equal(await through(there, mint({ iss: base })), undefined)
    const before = fetched
    await new Promise(done => setTimeout(done, 5))
    assert.equal(await through(there, mint({ iss: base })), undefined)
    assert.equal(fetched, before + 1)
    await new Promise(done => server.close(done).closeAllConnections())
    await new Promise(done => setTimeout(done, 5))
    assert.equal((await through(there, mint({ iss: base }))).status, 401)
  })
})

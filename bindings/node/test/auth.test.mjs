// What one does with an Auth, against a provider on loopback.
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { createRequire } from 'node:module'
import { after, before, test } from 'node:test'
import { inspect } from 'node:util'
import { Auth, AuthError, STATUSES, Verdict } from 'libauth'
import { audience, startIssuer } from './issuer.mjs'

let issuer, auth, token
before(async () => {
  issuer = await startIssuer()
  auth = new Auth(issuer.options)
  token = await issuer.token()
})
after(() => issuer.stop())

test('a good token', async () => {
  const verdict = await auth.verify(token)
  assert.ok(verdict instanceof Verdict)
  assert.equal(verdict.subject, 'development')
  assert.equal(verdict.clientId, 'development')
  assert.equal(verdict.issuer, issuer.url)
  assert.deepEqual(verdict.scopes, ['orders:read'])
  assert.equal(verdict.claims.aud, audience)
  assert.equal(verdict.claims, verdict.payload)
  assert.equal(verdict.claims, verdict.claims)
  assert.equal(verdict.expiresAt, verdict.claims.exp)
  assert.equal(verdict.header.alg, 'ES256')
  assert.equal(verdict.token, token)
  assert.equal((await auth.authorize(`bearer   ${token}`)).token, token)
  assert.deepEqual(auth.tryVerify(token).claims, verdict.claims)
  assert.deepEqual(auth.tryAuthorize(`Bearer ${token}`).claims, verdict.claims)
})

test('a verdict that is printed or sent shows no token', async () => {
  const verdict = await auth.verify(token)
  void verdict.claims
  const shown = inspect(verdict, { depth: 9 }) + JSON.stringify(verdict)
  for (const part of token.split('.')) assert.ok(!shown.includes(part))
  assert.match(shown, /development/)
})

test('claims outside ASCII come as they were signed', async () => {
  const name = 'Zoë 日本 😀'
  const verdict = await auth.verify(await issuer.token({ claims: JSON.stringify({ sub: name, name }) }))
  assert.equal(verdict.subject, name)
  assert.equal(verdict.claims.name, name)
  assert.equal(JSON.parse(verdict.claimsJson).name, name)
  assert.deepEqual(verdict.scopes, ['orders:read'])
  assert.equal(verdict.issuer, issuer.url)
  auth.require(verdict, 'orders:read')
  auth.require(verdict, ['claim:iss=' + issuer.url])
})

test('a token whose record does not fit the stack', async () => {
  const pad = 'x'.repeat(9000)
  const large = await issuer.token({ claims: JSON.stringify({ pad }) })
  assert.ok(large.length > 8192)
  assert.equal((await auth.verify(large)).claims.pad, pad)
})

test('a good token with a character that only its low byte makes good', async () => {
  const wider = token.replace(/^./, first => String.fromCharCode(first.charCodeAt(0) + 0x100))
  assert.equal(wider.charCodeAt(0) & 0xff, token.charCodeAt(0))
  await assert.rejects(auth.verify(wider), { statusName: 'TOKEN_MALFORMED' })
  await assert.rejects(auth.authorize(`Bearer ${wider}`), { statusName: 'HEADER_MALFORMED' })
})

test('a requirement', async () => {
  await auth.verify(token, { require: 'orders:read' })
  await auth.authorize(`Bearer ${token}`, { require: ['orders:read', 'orders:write|orders:read'] })
  for (const call of [() => auth.verify(token, { require: 'orders:write' }), () => auth.authorize(`Bearer ${token}`, { require: ['orders:write'] })])
    await assert.rejects(call, error => {
      assert.ok(error instanceof AuthError)
      assert.equal(error.statusName, 'SCOPE_MISSING')
      assert.deepEqual([error.number, error.status, error.statusCode, error.code], [6001, 403, 403, 'auth.insufficient_scope'])
      assert.match(error.challenge, /scope="orders:write"/)
      assert.deepEqual(error.headers, { 'WWW-Authenticate': error.challenge })
      assert.equal(JSON.parse(error.problem).code, error.code)
      return true
    })
  const verdict = auth.tryVerify(token)
  for (const claims of [verdict, verdict.claims, verdict.claimsJson]) {
    auth.require(claims, 'orders:read')
    assert.throws(() => auth.require(claims, 'orders:write'), { statusName: 'SCOPE_MISSING' })
  }
})

test('as of another time', async () => {
  const { exp, iat } = auth.tryVerify(token).claims
  assert.equal(auth.tryVerify(token, { now: exp }).expiresAt, exp)
  assert.throws(() => auth.tryVerify(token, { now: exp + 60 }), { statusName: 'TOKEN_EXPIRED' })
  assert.throws(() => auth.tryAuthorize(`Bearer ${token}`, { now: new Date((exp + 60) * 1000) }), { statusName: 'TOKEN_EXPIRED' })
  const cold = new Auth(issuer.options)
  assert.throws(() => cold.tryVerify(token, { now: iat }), { statusName: 'KEYS_PENDING' })
  assert.equal((await cold.verify(token, { now: iat })).expiresAt, exp)
})

test('what an error shows', async () => {
  const other = await issuer.token({ audience: 'https://secret.example' })
  const error = await auth.verify(other).catch(error => error)
  assert.equal(error.statusName, 'AUDIENCE_INVALID')
  assert.equal(String(error), `AuthError: ${error.message}`)
  assert.match(error.log, /secret\.example/)
  const { kid } = auth.tryVerify(token).header
  const shown = [JSON.stringify(error), inspect(error, { depth: 9 }), error.stack, String(error), JSON.stringify({ ...error })].join()
  for (const text of ['secret.example', issuer.url, kid, ...other.split('.')]) assert.ok(!shown.includes(text), text)
})

test('describe', () => {
  const error = auth.describe('HEADER_MALFORMED', 'two of them')
  assert.deepEqual([error.number, error.status, error.log], [1002, 401, 'two of them'])
  assert.equal(auth.describe(STATUSES.CHECK_REFUSED, 'Zoë').log, 'Zoë'.replace('ë', '\\u{eb}'))
  for (const status of [0, 9999, NaN, 'NO_SUCH', undefined]) assert.equal(auth.describe(status).number, STATUSES.ARGUMENT_INVALID)
})

test('readiness, report, metrics, refresh', async () => {
  const cold = new Auth(issuer.options)
  assert.throws(() => cold.tryVerify(token), { statusName: 'KEYS_PENDING', status: 503 })
  await cold.refresh()
  assert.equal(cold.ready(), true)
  await cold.refresh(issuer.url)
  await assert.rejects(cold.refresh('https://other.example'), { statusName: 'ARGUMENT_INVALID' })
  await cold.verify(token)
  assert.equal(cold.report().issuers[0].state, 'fresh')
  assert.equal(cold.report().decisions.find(row => row.status.name === 'OK').count, 1)
  assert.match(cold.metrics(), /libauth_verifications_total\{issuer="[^"]+",status="OK"\} 1\n/)
})

test('a provider that fails', async () => {
  await issuer.fault('jwks', 'status', { code: 500 })
  const cold = new Auth(issuer.options)
  await assert.rejects(cold.verify(token), error => {
    assert.deepEqual([error.statusName, error.status, error.challenge], ['KEYS_UNAVAILABLE', 503, ''])
    assert.ok(error.retryAfter >= 1)
    assert.deepEqual(error.headers, { 'Retry-After': String(error.retryAfter) })
    return true
  })
  await assert.rejects(cold.refresh(), { statusName: 'KEYS_UNAVAILABLE' })
  assert.equal(cold.ready(), false)
  await issuer.fault()
})

test('events go to the logger, each once', async () => {
  const lines = []
  const logger = { info: line => lines.push(`info ${line}`), warn: line => lines.push(`warn ${line}`) }
  await issuer.fault('jwks', 'status', { code: 500 })
  const logged = new Auth({ ...issuer.options, audience: '*' }, { logger })
  assert.match(lines[0], /^warn audience=\*/)
  await logged.verify(token).catch(() => {})
  await issuer.fault()
  await new Promise(done => setTimeout(done, 2100)) // a refresh within 2 s is told the last one's end
  await logged.refresh()
  await logged.refresh()
  assert.deepEqual(lines.slice(1).map(line => line.split(': ')[0]), ['warn refresh_failed', 'info keys_changed'])
})

test('what a logger throws is no refusal', async () => {
  const { port } = new URL(issuer.url)
  let told = 0
  const fail = () => {
    told += 1
    throw new Error('no space left on device')
  }
  const unhandled = []
  const keep = error => unhandled.push(error.message)
  process.on('unhandledRejection', keep).on('uncaughtException', keep)
  for (const write of [fail, async () => fail(), () => ({ then: fail })]) {
    const logged = new Auth({ ...issuer.options, audience: '*' }, { logger: { info: write, warn: write } })
    assert.equal((await logged.verify(token)).subject, 'development')
    const gone = new Auth({ issuer: `https://127.0.0.1:${port}`, audience: 'x' }, { logger: { info: write, warn: write } })
    await assert.rejects(gone.refresh(), { status: 503 })
  }
  await new Promise(setImmediate)
  process.off('unhandledRejection', keep).off('uncaughtException', keep)
  assert.deepEqual(unhandled, [])
  assert.ok(told >= 9, `${told} lines`)
})

test('an error is what the library said, whatever the host does while its stack is made', t => {
  t.after(() => delete Error.prepareStackTrace)
  let asked = 0
  Error.prepareStackTrace = error => {
    if (asked++ === 0) auth.tryVerify(token)
    return String(error)
  }
  const invalid = (() => {
    try {
      return auth.require('{}', 'role:')
    } catch (error) {
      return error
    }
  })()
  assert.ok(asked > 0)
  assert.deepEqual([invalid.number, invalid.status, invalid.statusName, invalid.code, invalid.challenge], [7007, 500, 'REQUIREMENT_INVALID', 'auth.requirement_invalid', ''])
  assert.match(invalid.problem, /"status":500/)
})

test('options of the environment', () => {
  const program = `const { Auth } = require('libauth'); try { Auth.fromEnv().ready(); console.log('made') } catch (error) { console.log(error.log) }`
  const run = env => execFileSync(process.execPath, ['-e', program], { cwd: import.meta.dirname, env: { PATH: process.env.PATH, ...env }, encoding: 'utf8' })
  assert.equal(run({ LIBAUTH_ISSUER: 'https://id.example', LIBAUTH_AUDIENCE: 'x' }), 'made\n')
  assert.match(run({ LIBAUTH_ISSUER: 'https://id.example' }), /audience/)
})

test('import and require give the same classes', async () => {
  const required = createRequire(import.meta.url)('libauth')
  assert.equal(required.Auth, Auth)
  assert.equal(required.AuthError, AuthError)
  assert.equal(required.Verdict, Verdict)
  assert.deepEqual(Object.keys(required).sort(), ['Auth', 'AuthError', 'STATUSES', 'Verdict'])
})

test('the tables are those of the library', () => {
  const { native } = createRequire(import.meta.url)('../dist/native.js')
  const { statuses, version } = JSON.parse(native.tables)
  assert.deepEqual(Object.entries(STATUSES), statuses.map(row => [row.name, row.number]))
  assert.equal(Auth.version, version)
  assert.equal(createRequire(import.meta.url)('libauth/package.json').version, version)
})

// The test kit.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Auth } from 'libauth'
import { fakeAuth, mint, options } from 'libauth/testing'

const auth = new Auth(options)
const claims = token => JSON.parse(Buffer.from(token.split('.')[1], 'base64url'))

test('a minted token is good, with the claims that are given', () => {
  const verdict = auth.tryVerify(mint({ sub: 'alice', scope: 'a b', tenant: 't1' }))
  assert.deepEqual([verdict.subject, verdict.clientId, verdict.scopes], ['alice', 'test', ['a', 'b']])
  assert.equal(verdict.claims.tenant, 't1')
  assert.equal(verdict.header.alg, 'ES256')
})
test('claims of its own', () => {
  assert.deepEqual(Object.keys(claims(mint())), ['iss', 'aud', 'sub', 'client_id', 'iat', 'exp'])
  assert.ok(!('sub' in claims(mint({ sub: undefined }))))
  const { iat, exp } = claims(mint())
  assert.equal(exp - iat, 300)
})
test('tokens that have to be refused', () => {
  const cases = [
    [mint({ exp: 1 }), 'TOKEN_EXPIRED'],
    [mint({ exp: undefined }), 'CLAIM_MISSING'],
    [mint({ aud: 'x' }), 'AUDIENCE_INVALID'],
    [mint({ iss: 'x' }), 'ISSUER_INVALID'],
    [mint({}, { typ: 'dpop+jwt' }), 'TYPE_NOT_ALLOWED'],
    [mint({}, { kid: 'x' }), 'KEY_NOT_FOUND'],
    [mint({}, { alg: 'HS256' }), 'ALGORITHM_NOT_ALLOWED'],
  ]
  for (const [token, statusName] of cases) assert.throws(() => auth.tryVerify(token), { statusName })
})
test('the options may be changed, and the audience with them', () => {
  const mine = new Auth({ ...options, audience: 'https://mine.example' })
  assert.equal(mine.tryVerify(mint({ aud: 'https://mine.example' })).subject, 'test')
  assert.throws(() => mine.tryVerify(mint()), { statusName: 'AUDIENCE_INVALID' })
})
test('a caller without a token: every request is theirs, and the library decides what they may', async () => {
  const fake = fakeAuth({ sub: 'alice', scope: 'a', roles: ['reader'] })
  for (const header of [undefined, '', 'Basic x', 'Bearer x']) {
    assert.equal((await fake.authorize(header)).subject, 'alice')
    assert.equal(fake.tryAuthorize(header, { require: 'a role:reader' }).subject, 'alice')
    assert.throws(() => fake.tryAuthorize(header, { require: 'b' }), { statusName: 'SCOPE_MISSING' })
    await assert.rejects(fake.verify(header, { require: 'role:admin' }), { statusName: 'ROLE_MISSING' })
    assert.equal(fake.tryVerify(header).claims.sub, 'alice')
  }
  assert.throws(() => fakeAuth({ exp: 1 }).tryAuthorize(), { statusName: 'TOKEN_EXPIRED' })
})

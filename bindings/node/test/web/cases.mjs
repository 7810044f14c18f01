// What is asked of each framework, and how an answer is read.
import assert from 'node:assert/strict'
import { mint } from 'libauth/testing'

/** What a refused token must not show the client: its issuer, audience, key, and what it is for. */
const KID = JSON.parse(Buffer.from(mint().split('.')[0], 'base64url')).kid
const secrets = ['lamp', 'issuer.test', 'api.test', 'foreign', KID]

export function refused(answer, status, code, challenge) {
  assert.equal(answer.status, status, answer.body)
  if (challenge instanceof RegExp) assert.match(answer.header('www-authenticate'), challenge)
  else assert.equal(answer.header('www-authenticate'), challenge)
  if (status !== 503) assert.equal(answer.header('retry-after'), '')
  else assert.ok(Number(answer.header('retry-after')) >= 1)
  for (const secret of secrets) assert.ok(!answer.body.includes(secret), answer.body)
  if (/json/.test(answer.header('content-type'))) assert.equal(JSON.parse(answer.body).code, code)
}

export const missing = answer => refused(answer, 401, 'auth.authorization_header_missing', 'Bearer')
export const malformed = answer =>
  refused(answer, 401, 'auth.authorization_token_invalid_format', /^Bearer error="invalid_request"/)
export const invalid = (answer, code) => refused(answer, 401, code, /^Bearer error="invalid_token"/)

export function open(answer, status = 200) {
  assert.equal(answer.status, status, answer.body)
  assert.equal(answer.header('www-authenticate'), '')
  return JSON.parse(answer.body)
}


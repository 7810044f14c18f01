// Rows that every provider has.
import { setTimeout as sleep } from 'node:timers/promises'
import { untilExpired, withClaims, withHeader, withOtherSignature } from './harness.mjs'

// `good`: a token that the handle `api` accepts.
export async function changedTokens(matrix, good) {
  await matrix.row('no Authorization header', 'HEADER_MISSING', () => matrix.judge.ask({ handle: 'api' }), { challenge: 'Bearer' })
  await matrix.row('a byte of the signature changed', 'SIGNATURE_INVALID', withOtherSignature(good))
  await matrix.row('a claim changed', 'SIGNATURE_INVALID', withClaims(good, { sub: 'root' }))
  await matrix.row('iss changed', 'ISSUER_INVALID', withClaims(good, { iss: 'https://evil.example' }))
  await matrix.row('alg none', 'ALGORITHM_NOT_ALLOWED', withHeader(good, { alg: 'none' }))
  await matrix.row('an unknown kid', 'KEY_NOT_FOUND', withHeader(good, { kid: 'unknown' }))
}

// Mistakes in the configuration that users of every provider make.
export async function wrongIssuers(matrix, good) {
  const { issuer } = matrix.provider
  const options = matrix.guideOptions()
  await matrix.judge.handle('slash', { ...options, issuer: `${issuer}/` })
  await matrix.row('handle: issuer with a slash at its end', 'ISSUER_INVALID', good, { handle: 'slash' })
  await matrix.judge.handle('localhost', { ...options, issuer: issuer.replace('127.0.0.1', 'localhost') })
  await matrix.row('handle: issuer by another host name', 'ISSUER_INVALID', good, { handle: 'localhost' })
  await matrix.judge.handle('wrong path', { ...options, issuer, 'keys.jwks_uri': `${issuer}/no-keys-here` })
  await matrix.row('handle: a wrong keys.jwks_uri', 'KEYS_UNAVAILABLE', good, { handle: 'wrong path' })
}

// What is told before any token comes.
export async function mistakes(matrix, ...more) {
  const options = matrix.guideOptions()
  const { audience, ...withoutAudience } = options
  const { issuer, ...withoutIssuer } = options
  const made = changed => () => matrix.judge.ask({ handle: 'mistake', options: changed })
  await matrix.row('options: no audience', 'OPTION_MISSING', made(withoutAudience))
  await matrix.row('options: a word misspelt', 'OPTION_UNKNOWN', made({ ...withoutAudience, audiense: audience }))
  await matrix.row('options: http to another machine', 'OPTION_INVALID', made({ ...withoutIssuer, issuer: 'http://keycloak:8080/realms/orders' }))
  for (const [kind, status, wrong] of [['issuer: the discovery document', 'DISCOVERY_FAILED', `${issuer}/.well-known/openid-configuration`], ...more]) {
    await matrix.judge.handle('mistake', { ...options, issuer: wrong })
    await matrix.row(`auth_refresh, ${kind}`, status, () => matrix.judge.ask({ handle: 'mistake', refresh: true }))
  }
}

// `short`: gets a token that lives for 4 seconds.
export async function expired(matrix, short) {
  await matrix.judge.handle('strict', { ...matrix.guideOptions(), audience: '*', 'claims.leeway': '0s' })
  await matrix.judge.ask({ handle: 'strict', refresh: true }) // so that no second is lost later
  const token = await short()
  await matrix.row('short-lived, at once', 'OK', token, { handle: 'strict' })
  await untilExpired(token)
  await matrix.row('expired', 'TOKEN_EXPIRED', token, { handle: 'strict' })
  await matrix.row('expired, within claims.leeway', 'OK', token)
}

// The provider is off and on again. `held`: accepted before; `unheld`: signed by a key that libauth has not seen.
export async function outage(matrix, held, unheld, startAgain, next) {
  const { provider, judge } = matrix
  await provider.stop()
  await matrix.row('provider off: the keys that are held serve', 'OK', held)
  await sleep(2100) // keys.cooldown since the last fetch
  await matrix.row('provider off: a key that is not held', 'KEYS_UNAVAILABLE', unheld, { http: 503 })
  await judge.handle('cold', matrix.guideOptions())
  await matrix.row('provider off: the first token of a new handle', 'DISCOVERY_FAILED', held, { handle: 'cold', http: 503 })
  await startAgain()
  const token = await next()
  await matrix.row('provider on again', 'OK', () => judge.until('OK', 'api', token))
  await matrix.row('provider on again: the new handle', 'OK', () => judge.until('OK', 'cold', token))
}

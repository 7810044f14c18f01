import { withHeader } from '../harness.mjs'
import { changedTokens, expired, mistakes, outage, wrongIssuers } from '../shared.mjs'

const algorithms = ['RS256', 'PS256', 'ES256', 'ES384', 'ES512', 'EdDSA']
const audienceOf = algorithm => `https://${algorithm.toLowerCase()}.example`
const api = 'https://api.example'

export async function rows(matrix) {
  const { provider, judge } = matrix
  const service = (resource, scope = 'read:orders') => provider.service('svc:svc-secret', { resource, scope })
  const audience = [api, 'https://hs256.example', 'https://jwe.example', 'https://short.example', ...algorithms.map(audienceOf)]
  await judge.handle('guide', matrix.guideOptions())
  await judge.handle('api', { ...matrix.guideOptions(), audience })

  await matrix.row('client credentials, the options of the guide', 'OK', () => service(api), { handle: 'guide' })
  for (const algorithm of algorithms) {
    const wanted = { subject: 'svc', client_id: 'svc', scopes: 'read:orders' }
    await matrix.row(`client credentials, ${algorithm}`, 'OK', () => service(audienceOf(algorithm)), wanted)
  }
  const good = await service(api)
  await user(matrix)
  await matrix.row('client credentials without resource: opaque', 'TOKEN_OPAQUE', () => provider.service('svc:svc-secret'))
  await matrix.row('client credentials, opaque by configuration', 'TOKEN_OPAQUE', () => service('https://opaque.example'))
  await matrix.row('encrypted', 'TOKEN_ENCRYPTED', () => service('https://jwe.example'))
  await matrix.row('HS256', 'ALGORITHM_NOT_ALLOWED', () => service('https://hs256.example'))
  await matrix.row('bound to a key (DPoP)', 'PROOF_REQUIRED', () => provider.bound('svc:svc-secret', { resource: api }))
  await matrix.row('for another resource', 'AUDIENCE_INVALID', () => service('https://other.example'))
  await changedTokens(matrix, good)
  await matrix.row('kid of a key of another type', 'KEY_UNUSABLE', withHeader(good, { kid: 'test-ES256' }))
  await wrongIssuers(matrix, good)
  await mistakes(matrix)
  await expired(matrix, () => service('https://short.example'))

  await matrix.row('a scope', 'OK', good, { require: 'read:orders' })
  await matrix.row('a scope', 'SCOPE_MISSING', good, { require: 'write:orders' })
  await matrix.row('a role', 'OK', good, { require: 'role:reader' })
  await matrix.row('a role', 'ROLE_MISSING', good, { require: 'role:admin' })
  await matrix.row('a claim', 'OK', good, { require: 'claim:tenant=t1' })
  await matrix.row('a claim', 'CLAIM_NOT_GRANTED', good, { require: 'claim:tenant=t2' })
  await rotation(matrix, service, good)
}

async function user(matrix) {
  const { provider, judge } = matrix
  const scope = 'openid offline_access read:orders'
  const tokens = await provider.userTokens('web:web-secret', { scope, resource: api, prompt: 'consent' })
  await matrix.row('user (authorization code)', 'OK', tokens.access_token, { subject: 'alice', client_id: 'web' })
  await matrix.row('ID token', 'NOT_AN_ACCESS_TOKEN', tokens.id_token)
  await matrix.row('refresh token', 'TOKEN_OPAQUE', tokens.refresh_token)
  await judge.handle('rfc9068', { ...matrix.guideOptions(), 'token.profile': 'rfc9068' })
  await matrix.row('token.profile=rfc9068', 'OK', tokens.access_token, { handle: 'rfc9068' })
  await matrix.row('token.profile=rfc9068: ID token', 'TYPE_NOT_ALLOWED', tokens.id_token, { handle: 'rfc9068' })
}

// Its keys are new at each start: under the same names, or under others.
async function rotation(matrix, service, old) {
  const { provider, judge } = matrix
  await judge.handle('same names', matrix.guideOptions())
  await matrix.row('before the restart', 'OK', old, { handle: 'same names' })
  await provider.stop()
  await provider.start()
  const second = await service(api)
  await matrix.row('restart, new key of the same name: at first', 'SIGNATURE_INVALID', second, { handle: 'same names' })
  await matrix.row('restart, new key of the same name: soon', 'OK', () => judge.until('OK', 'same names', second))
  await matrix.row('restart, new key of the same name: the old token', 'SIGNATURE_INVALID', old, { handle: 'same names' })

  await provider.stop()
  await provider.start({ KEY_NAMES: 'second' })
  const third = await service(api)
  await matrix.row('restart, new key of a new name: at once', 'OK', third)
  await matrix.row('restart, new key of a new name: the old token', 'KEY_NOT_FOUND', old)
  await outage(matrix, third, withHeader(third, { kid: 'third' }), () => provider.start({ KEY_NAMES: 'third' }), () => service(api))
}

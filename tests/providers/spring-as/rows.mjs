import { claimsOf, headerOf, withHeader } from '../harness.mjs'
import { changedTokens, expired, mistakes, outage, wrongIssuers } from '../shared.mjs'

const algorithms = ['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512', 'ES256']

export async function rows(matrix) {
  const { provider, judge } = matrix
  const service = (client, scope = 'read:orders write:orders') => provider.service(`${client}:${client}-secret`, { scope })
  await matrix.guideShows('src/main/java/provider/Audience.java')
  await judge.handle('api', matrix.guideOptions())

  await matrix.check('JWKS: neither alg nor use', async () => (await provider.jwks()).every(key => !key.alg && !key.use && key.kid) ? '' : 'other keys')
  const good = await service('svc')
  await matrix.check('the token has no typ', () => 'typ' in headerOf(good) ? 'it has' : '')
  await matrix.check('scope is an array', () => Array.isArray(claimsOf(good).scope) ? '' : 'it is none')
  await matrix.row('client credentials', 'OK', good, { subject: 'svc', client_id: '', scopes: 'read:orders write:orders' })
  for (const algorithm of algorithms) {
    const name = `svc-${algorithm}`
    await matrix.row(`client credentials, ${algorithm}`, 'OK', () => service(name), { subject: name })
  }
  await user(matrix)
  await matrix.row('opaque', 'TOKEN_OPAQUE', () => service('opaque'))
  await matrix.row('bound to a key (DPoP)', 'PROOF_REQUIRED', () => provider.bound('svc:svc-secret', {}))
  await plain(matrix, await service('plain'))
  await changedTokens(matrix, good)
  const { kid } = (await provider.jwks()).find(key => key.crv === 'P-256')
  await matrix.row('kid of a key of another type', 'KEY_UNUSABLE', withHeader(good, { kid }))
  await wrongIssuers(matrix, good)
  await mistakes(matrix)
  await expired(matrix, () => service('short'))

  const weak = await service('svc', 'read:orders')
  await matrix.row('a scope', 'OK', weak, { require: 'read:orders' })
  await matrix.row('a scope', 'SCOPE_MISSING', weak, { require: 'write:orders' })
  await matrix.row('a role', 'OK', good, { require: 'role:reader' })
  await matrix.row('a role', 'ROLE_MISSING', good, { require: 'role:admin' })
  await matrix.row('no scope at all', 'OK', () => provider.service('svc:svc-secret'), { scopes: '' })
  await judge.handle('types', { ...matrix.guideOptions(), 'token.types': 'at+jwt' })
  await matrix.row('handle: token.types=at+jwt', 'TYPE_NOT_ALLOWED', good, { handle: 'types' })
  await judge.handle('clients', { ...matrix.guideOptions(), 'claims.clients': 'svc' })
  await matrix.row('handle: claims.clients=svc', 'CLIENT_NOT_ALLOWED', good, { handle: 'clients' })
  await rotation(matrix, service, good)
}

async function user(matrix) {
  const { provider } = matrix
  const tokens = await provider.userTokens('web:web-secret', { scope: 'openid read:orders' })
  await matrix.row('user (authorization code)', 'OK', tokens.access_token, { subject: 'alice' })
  await matrix.row('ID token', 'NOT_AN_ACCESS_TOKEN', tokens.id_token)
  await matrix.row('refresh token', 'TOKEN_OPAQUE', tokens.refresh_token)
  const { id_token } = await provider.userTokens('web:web-secret', { scope: 'openid', nonce: '' })
  await matrix.check('without a nonce, the ID token has no mark of its kind', () => 'nonce' in claimsOf(id_token) ? 'it has' : '')
  await matrix.row('ID token without a nonce', 'AUDIENCE_INVALID', id_token)
  await matrix.judge.handle('web', { ...matrix.guideOptions(), audience: 'web' })
  await matrix.row('ID token without a nonce, handle: audience=web, its client', 'OK', id_token, { handle: 'web' })
  await matrix.row('ID token without a nonce, handle: audience=web, its client', 'SCOPE_MISSING', id_token, { handle: 'web', require: 'read:orders' })
}

// Without a customizer: the audience is the client.
async function plain(matrix, token) {
  await matrix.row('without a customizer', 'AUDIENCE_INVALID', token)
  await matrix.judge.handle('plain', { ...matrix.guideOptions(), audience: 'plain' })
  await matrix.row('without a customizer, handle: audience=plain', 'OK', token, { handle: 'plain' })
}

// Every start has a new key.
async function rotation(matrix, service, old) {
  const { provider } = matrix
  await provider.stop()
  await provider.start()
  const second = await service('svc')
  await matrix.row('restart, new key: at once', 'OK', second)
  await matrix.row('restart, new key: the old token', 'KEY_NOT_FOUND', old)
  await outage(matrix, second, withHeader(second, { kid: 'third' }), () => provider.start(), () => service('svc'))
}

import { request } from 'node:http'
import { claimsOf, headerOf, withHeader } from '../harness.mjs'
import { changedTokens, expired, mistakes, outage, wrongIssuers } from '../shared.mjs'
import { Admin } from './realm.mjs'
import { tenants, twoIssuers } from './several.mjs'

const algorithms = 'RS256 RS384 RS512 PS256 PS384 PS512 ES256 ES384 ES512 EdDSA'.split(' ')

export async function rows(matrix) {
  const { provider, judge } = matrix
  const admin = new Admin(provider.url.origin)
  const service = (client, fields = { scope: 'read:orders' }, more) => provider.service(`${client}:${client}-secret`, fields, more)
  const options = matrix.guideOptions()
  await matrix.guideShows('audience-scope.json', 'tenant-mapper.json')
  await judge.handle('api', options)

  await matrix.check('JWKS: a key for encryption beside the others', async () =>
    (await provider.jwks()).some(key => key.use === 'enc' && key.kty === 'RSA') ? '' : 'none')
  const good = await service('svc')
  await matrix.row('client credentials', 'OK', good, { client_id: 'svc', scopes: /\bread:orders\b/ })
  for (const algorithm of algorithms)
    // Keycloak makes the key with the first token; keys.cooldown may have to pass before it is fetched.
    await matrix.row(`client credentials, ${algorithm}, with a key made for it`, 'OK', async () => judge.until('OK', 'api', await service(`svc-${algorithm}`)))
  await matrix.row('client credentials, HS512', 'ALGORITHM_NOT_ALLOWED', () => service('svc-HS512'))
  const before = await judge.fetches('api')
  await users(matrix)
  await matrix.check('HS512 tokens and ID tokens cost no fetch', async () => {
    const after = await judge.fetches('api')
    return after === before ? '' : `${before} fetches, then ${after}`
  })

  await matrix.row('typ at+jwt', 'OK', () => service('rfc9068'), { client_id: 'rfc9068' })
  await matrix.row('bound to a key (DPoP)', 'PROOF_REQUIRED', () => provider.bound('svc:svc-secret', { scope: 'read:orders' }))
  await audiences(matrix, service)
  await roles(matrix, good, service)
  await changedTokens(matrix, good)
  const enc = (await provider.jwks()).find(key => key.use === 'enc')
  await matrix.row('kid of the key for encryption', 'KEY_UNUSABLE', withHeader(good, { kid: enc.kid }))
  await wrongIssuers(matrix, good)
  await mistakes(matrix,
    ['a realm that does not exist', 'DISCOVERY_FAILED', provider.issuer.replace('orders', 'order')],
    ['the path of Keycloak before 17', 'DISCOVERY_FAILED', provider.issuer.replace('/realms', '/auth/realms')],
    ['the server without its realm', 'DISCOVERY_FAILED', provider.url.origin],
  )
  await expired(matrix, () => service('short'))
  await names(matrix, good)
  await rotation(matrix, admin, service, good)
  await tenants(matrix, admin)
  await twoIssuers(matrix, service)
}

// By another name from inside: Keycloak calls itself as it was asked for.
async function names(matrix, good) {
  const { provider, judge } = matrix
  const options = matrix.guideOptions()
  const issuer = 'http://id.example/realms/orders'
  const fields = { grant_type: 'client_credentials', client_id: 'svc', client_secret: 'svc-secret', scope: 'read:orders' }
  const url = new URL(await provider.endpoint('token_endpoint'))
  const { access_token } = JSON.parse(await post(url, 'id.example', new URLSearchParams(fields)))
  await matrix.check('a token that was asked for by the public name', () => claimsOf(access_token).iss === issuer ? '' : claimsOf(access_token).iss)
  await matrix.row('public name, handle: the inner one', 'ISSUER_INVALID', access_token)
  const inner = { 'keys.backchannel': `http://id.example=${provider.url.origin}`, 'keys.http': 'always' }
  await judge.handle('backchannel', { ...options, ...inner, issuer })
  await matrix.row('public name, handle: keys.backchannel', 'OK', access_token, { handle: 'backchannel', issuer })
  const elsewhere = `${provider.url.origin}/realms/master/.well-known/openid-configuration`
  await judge.handle('other realm', { ...options, 'keys.discovery_url': elsewhere })
  await matrix.row('handle: keys.discovery_url of another realm', 'DISCOVERY_ISSUER_MISMATCH', good, { handle: 'other realm', http: 503 })
}

// `fetch` does not let a Host be chosen.
function post(url, host, body) {
  const headers = { host, 'content-type': 'application/x-www-form-urlencoded' }
  return new Promise((resolve, reject) => {
    const sent = request(url, { method: 'POST', headers }, async answer => {
      let text = ''
      for await (const chunk of answer.setEncoding('utf8')) text += chunk
      resolve(text)
    })
    sent.once('error', reject).end(body.toString())
  })
}

async function users(matrix) {
  const { provider } = matrix
  const password = { grant_type: 'password', username: 'alice', password: 'alice', scope: 'openid read:orders' }
  const tokens = await provider.tokens('svc:svc-secret', password)
  await matrix.row('user (password grant)', 'OK', tokens.access_token, { client_id: 'svc', scopes: /read:orders/ })
  await matrix.row('user: ID token', 'NOT_AN_ACCESS_TOKEN', tokens.id_token)
  await matrix.row('user: refresh token (HS512)', 'ALGORITHM_NOT_ALLOWED', tokens.refresh_token)
  const code = await provider.userTokens('svc:svc-secret', { scope: 'openid offline_access read:orders' })
  await matrix.row('user (authorization code)', 'OK', code.access_token)
  await matrix.row('user: ID token with a nonce', 'NOT_AN_ACCESS_TOKEN', code.id_token)
  await matrix.row('user: offline token (HS512)', 'ALGORITHM_NOT_ALLOWED', code.refresh_token)

  const options = matrix.guideOptions()
  await matrix.judge.handle('name', { ...options, 'claims.subject_from': 'preferred_username' })
  await matrix.row('handle: claims.subject_from=preferred_username', 'OK', tokens.access_token, { handle: 'name', subject: 'alice' })
  await matrix.judge.handle('any audience', { ...options, audience: '*' })
  await matrix.row('ID token, handle: audience=*', 'NOT_AN_ACCESS_TOKEN', tokens.id_token, { handle: 'any audience' })

  const light = await provider.tokens('lightweight:lightweight-secret', password)
  await matrix.check('the lightweight token of a user has no sub', () => 'sub' in claimsOf(light.access_token) ? 'it has' : '')
  await matrix.row('lightweight, user: neither sub nor aud', 'CLAIM_MISSING', light.access_token)
  const withAudience = await provider.tokens('lightweight-aud:lightweight-aud-secret', password)
  await matrix.row('lightweight, user: with aud by its own mapper', 'OK', withAudience.access_token, { subject: '' })
  await matrix.judge.handle('sub', { ...options, 'claims.required': 'sub' })
  await matrix.row('lightweight, user, handle: claims.required=sub', 'CLAIM_MISSING', withAudience.access_token, { handle: 'sub' })
  await matrix.judge.handle('rfc9068', { ...options, 'token.profile': 'rfc9068' })
  const rfc9068 = await provider.tokens('rfc9068:rfc9068-secret', password)
  await matrix.check('the header says at+jwt', () => headerOf(rfc9068.access_token).typ === 'at+jwt' ? '' : 'another typ')
  await matrix.row('at+jwt, user, handle: token.profile=rfc9068', 'CLAIM_MISSING', rfc9068.access_token, { handle: 'rfc9068' })
  const service = await provider.service('rfc9068:rfc9068-secret', { scope: 'read:orders' })
  await matrix.row('at+jwt, service, handle: token.profile=rfc9068', 'OK', service, { handle: 'rfc9068' })
  await matrix.row('JWT, handle: token.profile=rfc9068', 'TYPE_NOT_ALLOWED', tokens.access_token, { handle: 'rfc9068' })
}

async function audiences(matrix, service) {
  const { judge } = matrix
  const options = matrix.guideOptions()
  await matrix.row('without the audience mapper: aud by roles', 'AUDIENCE_INVALID', () => service('svc', {}), { log: /"account"/ })
  await matrix.row('without the audience mapper and roles: no aud', 'CLAIM_MISSING', () => service('bare', {}))
  await matrix.row('lightweight: no aud', 'CLAIM_MISSING', () => service('lightweight'))
  await judge.handle('by role', { ...options, audience: 'api' })
  await matrix.row('handle: audience=api, a client of whose roles it has one', 'OK', () => service('svc', {}), { handle: 'by role' })
  await matrix.row('handle: audience=api, none of its roles', 'AUDIENCE_INVALID', () => service('rfc9068'), { handle: 'by role' })
}

async function roles(matrix, good, service) {
  await matrix.row('a realm role', 'OK', good, { require: 'role:reader' })
  await matrix.row('a realm role', 'ROLE_MISSING', () => service('rfc9068'), { require: 'role:reader' })
  await matrix.row('a client role, claims.roles_from not set', 'ROLE_MISSING', good, { require: 'role:orders.admin' })
  await matrix.judge.handle('roles', { ...matrix.guideOptions(), 'claims.roles_from': 'realm_access.roles resource_access.api.roles' })
  await matrix.row('a client role, claims.roles_from set', 'OK', good, { require: 'role:orders.admin', handle: 'roles' })
  await matrix.row('both', 'OK', good, { require: 'role:orders.admin role:reader', handle: 'roles' })
  await matrix.row('a role that is a scope', 'SCOPE_MISSING', good, { require: 'reader' })
  await matrix.row('a scope', 'OK', good, { require: 'read:orders' })
  await matrix.row('a scope', 'SCOPE_MISSING', good, { require: 'write:orders' })
}

// A new key signs, the old one is still published; then it is disabled; then the provider is off.
async function rotation(matrix, admin, service, old) {
  const { judge, provider } = matrix
  await admin.addKey('orders', 'RS256')
  const second = await service('svc')
  await matrix.check('another key signs', () => headerOf(second).kid === headerOf(old).kid ? 'the same' : '')
  await matrix.row('key added: a token of the new key', 'OK', second)
  await matrix.row('key added: a token of the old key', 'OK', old)
  await admin.disableKey('orders', headerOf(old).kid)
  await matrix.row('old key disabled: until the next refresh', 'OK', old)
  await matrix.row('old key disabled: the refresh', 'OK', async () => {
    const answers = [await judge.ask({ handle: 'api', refresh: true })]
    // What ended less than 2 s ago is told again.
    await new Promise(resolve => setTimeout(resolve, 2100))
    answers.push(await judge.ask({ handle: 'api', refresh: true }))
    return answers.find(answer => answer.status !== 'OK') ?? answers[1]
  })
  await matrix.row('old key disabled: after it', 'KEY_NOT_FOUND', old)
  await matrix.row('old key disabled: a token of the new key', 'OK', second)

  await admin.addKey('orders', 'RS256')
  await admin.disableKey('orders', headerOf(second).kid)
  const third = await service('svc')
  await outage(matrix, second, third, () => provider.start(), () => third)
}

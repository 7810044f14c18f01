// The administrator of the Keycloak under test: makes a realm over the admin REST API, and changes its keys.
//     node realm.mjs BASE NAME      makes the realm NAME where it does not exist; a client is named after what is odd in its tokens
import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

const algorithms = 'RS256 RS384 RS512 PS256 PS384 PS512 ES256 ES384 ES512 EdDSA HS512'.split(' ')

// What the guide shows.
const read = name => JSON.parse(readFileSync(new URL(name, import.meta.url), 'utf8'))

export class Admin {
  constructor(base) {
    this.base = base
  }

  async login() {
    const fields = { grant_type: 'password', client_id: 'admin-cli', username: 'admin', password: 'admin' }
    const url = `${this.base}/realms/master/protocol/openid-connect/token`
    const answer = await fetch(url, { method: 'POST', body: new URLSearchParams(fields) })
    if (!answer.ok) throw new Error(`the administrator cannot log in: ${answer.status} ${await answer.text()}`)
    this.token = (await answer.json()).access_token
    this.until = Date.now() + 30_000 // it lives for a minute
  }

  async call(method, path, body) {
    if (!(Date.now() < this.until)) await this.login()
    const headers = { authorization: `Bearer ${this.token}`, 'content-type': 'application/json' }
    const answer = await fetch(`${this.base}/admin/realms${path}`, { method, headers, body: body && JSON.stringify(body) })
    const text = await answer.text()
    if (!answer.ok && answer.status !== 404) throw new Error(`${method} ${path}: ${answer.status} ${text}`)
    return answer.ok && text ? JSON.parse(text) : answer.status
  }

  async makeRealm(realm) {
    if ((await this.call('GET', `/${realm}`)) !== 404) return
    await this.call('POST', '', { realm, enabled: true, sslRequired: 'none', accessTokenLifespan: 1200 })
    await this.call('POST', `/${realm}/client-scopes`, read('audience-scope.json'))
    await this.call('POST', `/${realm}/clients`, { clientId: 'api', bearerOnly: true })
    const api = (await this.call('GET', `/${realm}/clients?clientId=api`))[0].id
    await this.call('POST', `/${realm}/roles`, { name: 'reader' })
    await this.call('POST', `/${realm}/clients/${api}/roles`, { name: 'orders.admin' })

    const token = 'access.token.signed.response.alg'
    await this.makeClient(realm, 'svc', {})
    for (const algorithm of algorithms) await this.makeClient(realm, `svc-${algorithm}`, { [token]: algorithm })
    await this.makeClient(realm, 'rfc9068', { 'access.token.header.type.rfc9068': 'true' })
    await this.makeClient(realm, 'short', { 'access.token.lifespan': '4' })
    await this.makeClient(realm, 'lightweight', { 'client.use.lightweight.access.token.enabled': 'true' })
    await this.makeClient(realm, 'bare', {}, { fullScopeAllowed: false }) // without roles, from which an audience is made
    const [mapper] = read('audience-scope.json').protocolMappers
    mapper.config['lightweight.claim'] = 'true'
    const light = { 'client.use.lightweight.access.token.enabled': 'true' }
    await this.makeClient(realm, 'lightweight-aud', light, { protocolMappers: [mapper] })
    await this.makeTenantClient(realm, 'tenant', realm)

    const alice = { username: 'alice', enabled: true, firstName: 'A', lastName: 'L', email: 'alice@api.example', emailVerified: true }
    await this.call('POST', `/${realm}/users`, { ...alice, credentials: [{ type: 'password', value: 'alice' }] })
    const [user] = await this.call('GET', `/${realm}/users?username=alice`)
    const svc = (await this.call('GET', `/${realm}/clients?clientId=svc`))[0].id
    const service = await this.call('GET', `/${realm}/clients/${svc}/service-account-user`)
    for (const { id } of [user, service]) await this.giveRoles(realm, id, api)
  }

  // Its tokens have `tid`.
  async makeTenantClient(realm, name, tid) {
    const mapper = read('tenant-mapper.json')
    mapper.config['claim.value'] = tid
    await this.makeClient(realm, name, {}, { protocolMappers: [mapper] })
  }

  // A confidential client with a service account, which may also exchange a user's password and code for tokens.
  async makeClient(realm, clientId, attributes, more = {}) {
    const grants = { serviceAccountsEnabled: true, directAccessGrantsEnabled: true, standardFlowEnabled: true }
    const common = { clientId, secret: `${clientId}-secret`, redirectUris: ['http://127.0.0.1:1/callback'], attributes, ...grants }
    await this.call('POST', `/${realm}/clients`, { ...common, ...more })
    const { id } = (await this.call('GET', `/${realm}/clients?clientId=${clientId}`))[0]
    const scopes = await this.call('GET', `/${realm}/client-scopes`)
    const scope = scopes.find(({ name }) => name === 'read:orders')
    await this.call('PUT', `/${realm}/clients/${id}/optional-client-scopes/${scope.id}`)
  }

  async giveRoles(realm, user, api) {
    const reader = await this.call('GET', `/${realm}/roles/reader`)
    await this.call('POST', `/${realm}/users/${user}/role-mappings/realm`, [reader])
    const orders = await this.call('GET', `/${realm}/clients/${api}/roles/orders.admin`)
    await this.call('POST', `/${realm}/users/${user}/role-mappings/clients/${api}`, [orders])
  }

  // A new key that signs from now on.
  async addKey(realm, algorithm) {
    const { id } = await this.call('GET', `/${realm}`)
    const config = { priority: ['200'], enabled: ['true'], active: ['true'], algorithm: [algorithm], keySize: ['2048'] }
    const component = { name: 'rotated', providerId: 'rsa-generated', providerType: 'org.keycloak.keys.KeyProvider', parentId: id, config }
    await this.call('POST', `/${realm}/components`, component)
  }

  // The key is not published any more.
  async disableKey(realm, kid) {
    const { keys } = await this.call('GET', `/${realm}/keys`)
    const { providerId } = keys.find(key => key.kid === kid)
    const component = await this.call('GET', `/${realm}/components/${providerId}`)
    component.config.enabled = ['false']
    await this.call('PUT', `/${realm}/components/${providerId}`, component)
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) await new Admin(process.argv[2]).makeRealm(process.argv[3])

// More than one issuer in one handle.
import { Provider, withClaims } from '../harness.mjs'

// `{tenant}` in the issuer stands for the name of a realm.
export async function tenants(matrix, admin) {
  const { provider, judge } = matrix
  const realm = name => `${provider.url.origin}/realms/${name}`
  for (const name of ['a', 'b']) await admin.makeRealm(name)
  await admin.makeTenantClient('b', 'liar', 'a')
  const token = (name, client) => provider.service(`${client}:${client}-secret`, { scope: 'read:orders' }, { issuer: realm(name) })
  const tokens = { a: await token('a', 'tenant'), b: await token('b', 'tenant'), plain: await token('a', 'svc') }

  const options = { ...matrix.guideOptions(), issuer: realm('{tenant}'), 'claims.tenants': 'a b' }
  await judge.handle('tenants', options)
  await matrix.row('{tenant}: realm a, tid by a mapper', 'OK', tokens.a, { handle: 'tenants', issuer: realm('a') })
  await matrix.row('{tenant}: realm b, tid by a mapper', 'OK', tokens.b, { handle: 'tenants', issuer: realm('b') })
  await matrix.row('{tenant}: realm a, without tid', 'CLAIM_INVALID', tokens.plain, { handle: 'tenants' })
  await matrix.row('{tenant}: realm b, tid says a', 'CLAIM_INVALID', () => token('b', 'liar'), { handle: 'tenants' })
  await matrix.row('{tenant}: a realm that is no tenant', 'ISSUER_INVALID', () => token('orders', 'tenant'), { handle: 'tenants' })
  const moved = withClaims(tokens.a, { iss: realm('b'), tid: 'b' })
  await matrix.row('{tenant}: a token of realm a that says b', 'KEY_NOT_FOUND', moved, { handle: 'tenants' })

  await judge.handle('realms', { ...matrix.guideOptions(), issuer: `${realm('a')} ${realm('b')}` })
  await matrix.row('both realms listed: realm a, without tid', 'OK', tokens.plain, { handle: 'realms', issuer: realm('a') })
  await matrix.row('both realms listed: realm b', 'OK', tokens.b, { handle: 'realms', issuer: realm('b') })
}

// Keycloak and a Spring Authorization Server.
export async function twoIssuers(matrix, service) {
  const { provider, judge } = matrix
  const spring = new Provider('spring-as')
  await spring.start()
  const ofSpring = client => spring.service(`${client}:${client}-secret`, { scope: 'read:orders' })
  const [theirs, plain, ours] = [await ofSpring('svc'), await ofSpring('plain'), await service('svc')]
  const issuer = `${provider.issuer} ${spring.issuer}`

  await judge.handle('two', { ...matrix.guideOptions(), issuer })
  await matrix.row('two issuers: Keycloak', 'OK', ours, { handle: 'two', issuer: provider.issuer })
  await matrix.row('two issuers: Spring', 'OK', theirs, { handle: 'two', issuer: spring.issuer, require: 'read:orders role:reader' })
  await matrix.row("two issuers: Keycloak's with iss of Spring", 'KEY_NOT_FOUND', withClaims(ours, { iss: spring.issuer }), { handle: 'two' })
  await matrix.row("two issuers: Spring's with iss of Keycloak", 'KEY_NOT_FOUND', withClaims(theirs, { iss: provider.issuer }), { handle: 'two' })

  const issuers = [{ issuer: provider.issuer, audience: 'api' }, { issuer: spring.issuer, audience: 'plain' }]
  await judge.handle('domains', { issuers })
  await matrix.row('issuers, each with its audience: Keycloak', 'OK', ours, { handle: 'domains', issuer: provider.issuer })
  await matrix.row('issuers, each with its audience: Spring', 'OK', plain, { handle: 'domains', issuer: spring.issuer })
  await matrix.row('issuers, each with its audience: another of Spring', 'AUDIENCE_INVALID', theirs, { handle: 'domains' })

  await judge.handle('half cold', { ...matrix.guideOptions(), issuer })
  await spring.stop()
  await matrix.row('two issuers, Spring off: Keycloak', 'OK', ours, { handle: 'two' })
  await matrix.row('two issuers, Spring off: Spring by its held keys', 'OK', theirs, { handle: 'two' })
  await matrix.row('two issuers, Spring off, a new handle: Keycloak', 'OK', ours, { handle: 'half cold' })
  await matrix.row('two issuers, Spring off, a new handle: Spring', 'DISCOVERY_FAILED', theirs, { handle: 'half cold', http: 503 })
}

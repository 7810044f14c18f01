// What must compile: options by their nested and by their dotted names.
import { Auth, type IssuerOptions, type Options } from 'libauth'

const domain = { issuer: 'https://id.example', audience: 'https://api.example' }
new Auth({ issuer: 'https://id.example', audience: 'https://api.example' })
new Auth({ issuer: ['https://a.example', 'https://b.example'], audience: ['x', 'y'] as const }, { logger: console })
declare const fromSomewhere: string | undefined
new Auth({ issuer: fromSomewhere, audience: fromSomewhere }) // refused when it is run and undefined
new Auth({ ...domain, token: { algorithms: ['ES256', 'EdDSA'], max_bytes: '64k' }, claims: { leeway: 5 }, keys: { ttl: '5m' } })
new Auth({ ...domain, 'token.algorithms': ['ES256'], 'token.max_bytes': 4096, 'claims.leeway': '5s', 'keys.jwks': { keys: [] } })
new Auth({ ...domain, keys: { jwks: '{"keys":[]}', discovery: 'off' }, verdict: { require: ['orders:read', 'role:admin'], realm: 'api' } })
new Auth({ issuers: [{ issuer: 'https://a.example', keys: { ttl: '5m' } }, { issuer: 'https://b.example', 'claims.required': 'tenant' }] })
Auth.fromEnv()
Auth.fromEnv({ logger: console })

const other: IssuerOptions = { issuer: 'https://id.example', audience: '*', claims: { tenants: 't1 t2' } }
export const options: Readonly<Options> = Object.freeze({ issuers: [other] })

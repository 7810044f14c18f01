// A real OpenID provider for tests: npm oidc-provider with one signing key an algorithm, made new at each start.
//     node provider.mjs [PORT]      prints "issuer: URL" when it listens; without PORT it takes a free one
// Client svc / svc-secret by client_credentials; the resource that is asked for decides how its access token is signed.
// Client web / web-secret: the same for a user, by authorization code. KEY_NAMES: what key ids begin with, instead of `test`.
import { createSecretKey, generateKeyPairSync, randomBytes } from 'node:crypto'
import { createServer } from 'node:http'
import Provider from 'oidc-provider'

const keys = Object.entries({
  RS256: ['rsa', { modulusLength: 2048 }],
  PS256: ['rsa', { modulusLength: 2048 }],
  ES256: ['ec', { namedCurve: 'P-256' }],
  ES384: ['ec', { namedCurve: 'P-384' }],
  ES512: ['ec', { namedCurve: 'P-521' }],
  EdDSA: ['ed25519', {}],
}).map(([alg, [type, options]]) => {
  const jwk = generateKeyPairSync(type, options).privateKey.export({ format: 'jwk' })
  return { ...jwk, alg, use: 'sig', kid: `${process.env.KEY_NAMES ?? 'test'}-${alg}` }
})

const algorithmOf = {
  'https://api.example': 'RS256',
  'https://rs256.example': 'RS256',
  'https://ps256.example': 'PS256',
  'https://es256.example': 'ES256',
  'https://es384.example': 'ES384',
  'https://es512.example': 'ES512',
  'https://eddsa.example': 'EdDSA',
  'https://short.example': 'RS256', // for 4 seconds
  'https://hs256.example': 'HS256',
  'https://jwe.example': 'JWE',
  'https://other.example': 'RS256', // for tests of a wrong audience
  'https://large.example': 'RS256', // a token of almost 8 KiB
  'https://opaque.example': undefined, // an opaque token
}

const scope = 'read:orders write:orders'

// A secret that the API would share with the provider: nothing that libauth accepts.
const key = createSecretKey(randomBytes(32))

function jwt(alg) {
  if (alg === 'HS256') return { sign: { alg, key } }
  if (alg === 'JWE') return { sign: { alg: 'RS256' }, encrypt: { alg: 'dir', enc: 'A256GCM', key } }
  return { sign: { alg } }
}

function resourceServer(_context, audience) {
  if (!(audience in algorithmOf)) throw new Error(`unknown resource ${audience}`)
  const alg = algorithmOf[audience]
  const format = alg ? { accessTokenFormat: 'jwt', jwt: jwt(alg) } : { accessTokenFormat: 'opaque' }
  return { audience, scope, accessTokenTTL: audience === 'https://short.example' ? 4 : 300, ...format }
}

const provider = issuer =>
  new Provider(issuer, {
    jwks: { keys },
    enabledJWA: { idTokenSigningAlgValues: keys.map(key => key.alg) },
    scopes: ['openid', 'offline_access', ...scope.split(' ')],
    clients: [
      {
        client_id: 'svc',
        client_secret: 'svc-secret',
        grant_types: ['client_credentials'],
        redirect_uris: [],
        response_types: [],
      },
      {
        client_id: 'web',
        client_secret: 'web-secret',
        grant_types: ['authorization_code', 'refresh_token'],
        redirect_uris: ['http://127.0.0.1:1/callback'],
        response_types: ['code'],
      },
    ],
    features: {
      clientCredentials: { enabled: true },
      resourceIndicators: { enabled: true, defaultResource: () => undefined, getResourceServerInfo: resourceServer },
    },
    extraTokenClaims: (_context, token) => ({
      roles: ['reader'],
      tenant: 't1',
      ...(token.aud === 'https://large.example' && { filler: 'x'.repeat(5460) }),
    }),
  })

const server = createServer()
server.listen(Number(process.argv[2] ?? 0), '127.0.0.1', () => {
  const issuer = `http://127.0.0.1:${server.address().port}`
  server.on('request', provider(issuer).callback())
  console.log(`issuer: ${issuer}`)
})

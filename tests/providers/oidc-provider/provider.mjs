// A real OpenID provider for tests: npm oidc-provider with one signing key an algorithm, made new at each start.
//     node provider.mjs [PORT]      prints "issuer: URL" when it listens; without PORT it takes a free one
// KID names another generation of keys, as after a rotation: key ids begin with it (default: test).
// Client svc / svc-secret by client_credentials; the resource that is asked for decides how its access token is signed.
import { generateKeyPairSync } from 'node:crypto'
import { createServer } from 'node:http'
import Provider from 'oidc-provider'

const keys = Object.entries({
  RS256: ['rsa', { modulusLength: 2048 }],
  PS256: ['rsa', { modulusLength: 2048 }],
  ES256: ['ec', { namedCurve: 'P-256' }],
  ES384: ['ec', { namedCurve: 'P-384' }],
  EdDSA: ['ed25519', {}],
}).map(([alg, [type, options]]) => {
  const jwk = generateKeyPairSync(type, options).privateKey.export({ format: 'jwk' })
  return { ...jwk, alg, use: 'sig', kid: `${process.env.KID ?? 'test'}-${alg}` }
})

const algorithmOf = {
  'https://rs256.example': 'RS256',
  'https://ps256.example': 'PS256',
  'https://es256.example': 'ES256',
  'https://es384.example': 'ES384',
  'https://eddsa.example': 'EdDSA',
  'https://other.example': 'RS256', // for tests of a wrong audience
  'https://large.example': 'RS256', // a token of almost 8 KiB
  'https://opaque.example': undefined, // an opaque token
}

const scope = 'read:orders write:orders'

function resourceServer(_context, audience) {
  if (!(audience in algorithmOf)) throw new Error(`unknown resource ${audience}`)
  const alg = algorithmOf[audience]
  const format = alg ? { accessTokenFormat: 'jwt', jwt: { sign: { alg } } } : { accessTokenFormat: 'opaque' }
  return { audience, scope, accessTokenTTL: 300, ...format }
}

const provider = issuer =>
  new Provider(issuer, {
    jwks: { keys },
    enabledJWA: { idTokenSigningAlgValues: keys.map(key => key.alg) },
    scopes: scope.split(' '),
    clients: [
      {
        client_id: 'svc',
        client_secret: 'svc-secret',
        grant_types: ['client_credentials'],
        redirect_uris: [],
        response_types: [],
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

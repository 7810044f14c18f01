// A provider on loopback with one RS256 key, which answers each request after `delayMs`, and its tokens.
import { generateKeyPairSync, sign } from 'node:crypto'
import { once } from 'node:events'
import { createServer } from 'node:http'

export const audience = 'https://api.example'

export async function startProvider({ delayMs = 0 } = {}) {
  const { publicKey, privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 })
  const jwks = { keys: [{ ...publicKey.export({ format: 'jwk' }), kid: 'bench', alg: 'RS256', use: 'sig' }] }
  const documents = { '/jwks': () => jwks, '/.well-known/openid-configuration': metadata }
  let requests = 0
  const server = createServer((request, answer) => {
    requests++
    const body = documents[request.url]?.()
    answer.writeHead(body ? 200 : 404, { 'Content-Type': 'application/json' })
    setTimeout(() => answer.end(JSON.stringify(body ?? {})), delayMs)
  })
  await once(server.listen(0, '127.0.0.1'), 'listening')
  const issuer = `http://127.0.0.1:${server.address().port}`
  function metadata() {
    return { issuer, jwks_uri: `${issuer}/jwks`, authorization_endpoint: `${issuer}/authorize`, token_endpoint: `${issuer}/token`,
      response_types_supported: ['code'], subject_types_supported: ['public'], id_token_signing_alg_values_supported: ['RS256'] }
  }

  const encode = value => Buffer.from(JSON.stringify(value)).toString('base64url')
  const now = Math.floor(Date.now() / 1000)
  // About 900 bytes, as real providers issue them.
  function mint(number, { iss = issuer } = {}) {
    const claims = { iss, aud: [audience, 'account'], sub: `d37b1c61-7a0c-4f6e-9d55-${String(number).padStart(12, '0')}`,
      iat: now, exp: now + 86_400, jti: `trrtcc:${number}`, azp: 'web-client', scope: 'orders:read orders:write profile email',
      realm_access: { roles: ['reader', 'default-roles-main'] }, tenant: 't1', name: 'Alice Example', email: 'alice@example.com' }
    const signed = `${encode({ alg: 'RS256', typ: 'at+jwt', kid: 'bench' })}.${encode(claims)}`
    return `${signed}.${sign('sha256', Buffer.from(signed), privateKey).toString('base64url')}`
  }
  const provider = { issuer, mint, requests: () => requests, stop: () => server.close() }
  return provider
}

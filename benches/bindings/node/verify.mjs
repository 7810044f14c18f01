// Node's rows: `node verify.mjs ROW FOLDER`, as ../README.md has it. One library a process.
import { createPublicKey } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { version } from './peers.mjs'

const [row, folder] = process.argv.slice(2)
const read = name => readFileSync(join(folder, name), 'utf8')
const issuer = read('issuer'), audience = read('audience'), jwksUri = `${issuer}/jwks`
const all = ['RS256', 'ES256', 'EdDSA']

// Each makes `verify(token, algorithm)`, which throws or rejects for a bad token. `waits`: it answers by a promise.
const rows = {
  async libauth() {
    const auth = await libauth()
    return { label: version('libauth'), waits: true, verify: token => auth.verify(token) }
  },
  async 'libauth-try'() {
    const auth = await libauth()
    return { label: `${version('libauth')}, tryVerify`, verify: token => auth.tryVerify(token) }
  },
  async 'libauth-claims'() {
    const auth = await libauth()
    return {
      label: `${version('libauth')}, claims read`, waits: true,
      async verify(token) {
        const verdict = await auth.verify(token)
        if (verdict.claims.tenant !== 't1') throw new Error('other claims')
      },
    }
  },
  async jose() {
    const { createRemoteJWKSet, jwtVerify } = await import('jose')
    const keys = createRemoteJWKSet(new URL(jwksUri))
    const options = { issuer, audience, algorithms: all }
    return { label: version('jose'), waits: true, verify: token => jwtVerify(token, keys, options) }
  },
  // It fetches no keys: a verifier with one key as PEM for each algorithm, which is its fastest way.
  async 'fast-jwt'() {
    const { createVerifier } = await import('fast-jwt')
    const verifiers = Object.fromEntries(JSON.parse(read('jwks.json')).keys.map(jwk => {
      const key = createPublicKey({ key: jwk, format: 'jwk' }).export({ type: 'spki', format: 'pem' })
      return [jwk.alg, createVerifier({ key, allowedIss: issuer, allowedAud: audience, algorithms: [jwk.alg] })]
    }))
    return { label: `${version('fast-jwt')}, one PEM`, verify: (token, algorithm) => verifiers[algorithm](token) }
  },
  async 'aws-jwt-verify'() {
    const { JwtVerifier } = await import('aws-jwt-verify')
    const { SimpleJwksCache } = await import('aws-jwt-verify/jwk')
    // Its own fetcher speaks https alone.
    const fetcher = { fetch: async uri => (await fetch(uri)).arrayBuffer() }
    const verifier = JwtVerifier.create({ issuer, audience, jwksUri }, { jwksCache: new SimpleJwksCache({ fetcher }) })
    await verifier.hydrate()
    return { label: `${version('aws-jwt-verify')}, verifySync`, verify: token => verifier.verifySync(token) }
  },
  async 'express-oauth2-jwt-bearer'() {
    const { auth } = await import('express-oauth2-jwt-bearer')
    const middleware = auth({ issuerBaseURL: issuer, audience })
    const verify = token => new Promise((accept, refuse) => {
      const headers = { authorization: `Bearer ${token}`, host: 'api.example' }
      const request = { headers, get: name => headers[name.toLowerCase()], query: {}, is: () => false, method: 'GET',
        protocol: 'https', url: '/', originalUrl: '/' }
      middleware(request, {}, error => (error ? refuse(error) : accept()))
    })
    return { label: version('express-oauth2-jwt-bearer'), waits: true, verify }
  },
  async jsonwebtoken() {
    const { default: jsonwebtoken } = await import('jsonwebtoken')
    const { default: jwksRsa } = await import('jwks-rsa')
    const client = jwksRsa({ jwksUri, cache: true, rateLimit: true })
    const key = (header, done) => client.getSigningKey(header.kid).then(found => done(null, found.getPublicKey()), done)
    const options = { issuer, audience, algorithms: ['RS256', 'ES256'] }
    const verify = token => new Promise((accept, refuse) =>
      jsonwebtoken.verify(token, key, options, (error, claims) => (error ? refuse(error) : accept(claims))))
    return { label: `${version('jsonwebtoken')} + ${version('jwks-rsa')}`, waits: true, verify, algorithms: options.algorithms }
  },
}

async function libauth() {
  const { Auth } = await import('libauth')
  const auth = new Auth({ issuer, audience })
  await auth.refresh()
  return auth
}

if (!Object.hasOwn(rows, row)) throw new Error(`no row ${row}`)
const { label, verify, waits, algorithms = all } = await rows[row]()
const tokens = Object.fromEntries(algorithms.map(algorithm => [algorithm, read(algorithm).trim().split('\n')]))

const pass = waits
  ? async (list, algorithm) => { for (const token of list) await verify(token, algorithm) }
  : (list, algorithm) => { for (const token of list) verify(token, algorithm) }

async function window(algorithm, milliseconds) {
  const list = tokens[algorithm], time = BigInt(Math.round(milliseconds * 1e6))
  await pass(list, algorithm)
  const began = process.hrtime.bigint()
  let passes = 0, took
  do {
    if (waits) await pass(list, algorithm)
    else pass(list, algorithm)
    passes++
    took = process.hrtime.bigint() - began
  } while (took < time)
  return Number(took) / (passes * list.length)
}

for (const algorithm of algorithms) await pass(tokens[algorithm], algorithm)
for (const token of read('refused').trim().split('\n')) {
  const { alg } = JSON.parse(Buffer.from(token.split('.')[0], 'base64url'))
  if (!algorithms.includes(alg)) continue
  const accepted = await (async () => verify(token, alg))().then(() => true, () => false)
  if (accepted) throw new Error(`${row} accepts what must be refused`)
}
console.log(`ready ${label}`)
for await (const line of createInterface({ input: process.stdin })) {
  const [algorithm, milliseconds] = line.split(' ')
  console.log(algorithms.includes(algorithm) ? (await window(algorithm, Number(milliseconds))).toFixed(1) : '-')
}
process.exit()

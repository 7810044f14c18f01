// Resident memory, in MB, while a million tokens are judged; then while handles are made and forgotten.
//     node --expose-gc memory.mjs
import { generateKeyPairSync, sign } from 'node:crypto'
import { Auth, AuthError } from 'libauth'

const { publicKey, privateKey } = generateKeyPairSync('ed25519')
const options = { issuer: 'https://id.example', audience: 'https://api.example', 'keys.jwks': { keys: [publicKey.export({ format: 'jwk' })] } }
const part = object => Buffer.from(JSON.stringify(object)).toString('base64url')
function mint(more) {
  const exp = Math.floor(Date.now() / 1000) + 3600
  const signed = `${part({ alg: 'EdDSA' })}.${part({ iss: options.issuer, aud: options.audience, scope: 'a b', exp, ...more })}`
  return `${signed}.${sign(null, Buffer.from(signed), privateKey).toString('base64url')}`
}

function resident() {
  gc()
  return Math.round(process.memoryUsage.rss() / 2 ** 20)
}

const auth = new Auth(options)
const good = [mint({ sub: 'alice' }), mint({ sub: 'Zoë' }), mint({ pad: 'x'.repeat(9000) })]
const bad = [mint({ aud: 'other' }), good[0].slice(0, -9), '\u0165', '']
let accepted = 0, refused = 0

// One in a hundred is large, one in ten is refused: as much of each way as a server may meet.
async function judge(count) {
  for (let place = 0; place < count; place++) {
    if (place % 10 === 9) {
      await auth.authorize(`Bearer ${bad[(place / 10) % 4 | 0]}`).catch(error => (refused += error instanceof AuthError ? 1 : 0))
    } else {
      const verdict = await auth.authorize(`Bearer ${good[place % 100 === 50 ? 2 : place % 2]}`)
      accepted += verdict.claims.exp > 0 && verdict.scopes.length === 2 ? 1 : 0
    }
  }
}

await judge(100_000)
const early = resident()
await judge(900_000)
const late = resident()

// Handles that nobody closes.
const collected = new FinalizationRegistry(() => (gone += 1))
let gone = 0
async function forget(count) {
  for (let place = 0; place < count; place++) {
    const forgotten = new Auth(options, { logger: console })
    forgotten.tryVerify(good[0])
    collected.register(forgotten)
    if (place % 100 === 0) {
      gc()
      await new Promise(setImmediate)
    }
  }
}
await forget(2000)
const before = resident()
await forget(10_000)
const after = resident()
console.log(JSON.stringify({ accepted, refused, early, late, before, after, gone }))

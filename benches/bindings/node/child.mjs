// One process of process.mjs: `node --expose-gc child.mjs memory|cold NAME ISSUER AUDIENCE TOKENS` prints bytes, or milliseconds.
import { readFileSync } from 'node:fs'

const [task, name, issuer, audience, file] = process.argv.slice(2)
const tokens = readFileSync(file, 'utf8').split('\n')
const jwksUri = `${issuer}/jwks`

// Each loads its library, and makes what makes the verifier.
const libraries = {
  nothing: async () => () => async () => {},
  async libauth() {
    const { Auth } = await import('libauth')
    return () => {
      const auth = new Auth({ issuer, audience })
      return token => auth.verify(token)
    }
  },
  async jose() {
    const { createRemoteJWKSet, jwtVerify } = await import('jose')
    return () => {
      const keys = createRemoteJWKSet(new URL(jwksUri))
      return token => jwtVerify(token, keys, { issuer, audience, algorithms: ['RS256'] })
    }
  },
  async 'aws-jwt-verify'() {
    const { JwtVerifier } = await import('aws-jwt-verify')
    const { SimpleJwksCache } = await import('aws-jwt-verify/jwk')
    const fetcher = { fetch: async uri => (await fetch(uri)).arrayBuffer() }
    return () => {
      const verifier = JwtVerifier.create({ issuer, audience, jwksUri }, { jwksCache: new SimpleJwksCache({ fetcher }) })
      return token => verifier.verify(token)
    }
  },
}

const make = await libraries[name]()
const tasks = {
  async memory() {
    const verify = make()
    for (const token of tokens) await verify(token)
    for (let round = 0; round < 3; round++) {
      globalThis.gc()
      await new Promise(done => setTimeout(done, 20))
    }
    return process.memoryUsage.rss()
  },
  async cold() {
    const began = process.hrtime.bigint()
    await make()(tokens[0])
    return Number(process.hrtime.bigint() - began) / 1e6
  },
}
console.log(await tasks[task]())
process.exit()

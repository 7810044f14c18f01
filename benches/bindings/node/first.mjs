// A process that verifies one token and prints the milliseconds: `node first.mjs NAME ISSUER AUDIENCE TOKEN`. Called by process.mjs.
const [name, issuer, audience, token] = process.argv.slice(2)
const jwksUri = `${issuer}/jwks`

// Each loads its library, and gives what makes the verifier.
const libraries = {
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
const began = process.hrtime.bigint()
await make()(token)
console.log(Number(process.hrtime.bigint() - began) / 1e6)
process.exit()

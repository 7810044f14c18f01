// Express and Fastify, open and protected: `node servers.mjs express|fastify NAME ISSUER AUDIENCE`, as ../README.md has it.
const [framework, name, issuer, audience] = process.argv.slice(2)

const express = {
  async libauth() {
    const { auth } = await import('libauth/express')
    return auth({ issuer, audience })
  },
  async jose() {
    const { createRemoteJWKSet, jwtVerify } = await import('jose')
    const keys = createRemoteJWKSet(new URL(`${issuer}/jwks`))
    const options = { issuer, audience, algorithms: ['RS256'] }
    return async (request, response, next) => {
      const token = /^bearer (\S+)$/i.exec(request.headers.authorization ?? '')?.[1] ?? ''
      try {
        request.auth = (await jwtVerify(token, keys, options)).payload
      } catch {
        response.set('WWW-Authenticate', 'Bearer').sendStatus(401)
        return
      }
      next()
    }
  },
  async 'express-oauth2-jwt-bearer'() {
    const { auth } = await import('express-oauth2-jwt-bearer')
    return auth({ issuerBaseURL: issuer, audience })
  },
}

async function startExpress() {
  const { default: create } = await import('express')
  const app = create()
  if (name !== 'plain') app.use(await express[name]())
  app.get('/', (_request, response) => response.json({ ok: true }))
  // Its own handler would print the refusals.
  app.use((error, _request, response, _next) => response.status(error.status ?? 500).set(error.headers ?? {}).json({}))
  const server = app.listen(0, '127.0.0.1', () => console.log(`listening on http://127.0.0.1:${server.address().port}`))
}

async function startFastify() {
  const { default: create } = await import('fastify')
  const app = create()
  if (name === 'libauth') {
    const { auth } = await import('libauth/fastify')
    await app.register(auth({ issuer, audience }))
  }
  app.get('/', async () => ({ ok: true }))
  console.log(`listening on ${await app.listen({ port: 0, host: '127.0.0.1' })}`)
}

// So that its memory can be compared.
process.on('SIGUSR2', () => globalThis.gc())
await { express: startExpress, fastify: startFastify }[framework]()

// A protected API on Fastify. Options come from the environment: LIBAUTH_ISSUER, LIBAUTH_AUDIENCE, …
//     node server.mjs PORT
import Fastify from 'fastify'
import { Auth, auth, problem } from 'libauth/fastify'

const app = Fastify({ logger: { level: 'info', stream: process.stderr } })
const api = Auth.fromEnv({ logger: app.log })

// Refused requests get a problem document (RFC 9457).
app.setErrorHandler(problem)
// What is not listed here needs a token, also what is not served at all.
await app.register(auth(api, { exclude: ['/healthz', '/readyz', '/metrics'] }))

app.get('/orders', { preHandler: app.requires('read:orders') }, async () => {
  return { orders: ['book', 'lamp'] }
})
app.post('/orders', { preHandler: app.requires('write:orders') }, async (request, reply) => {
  reply.code(201)
  return { added: 'lamp', by: request.auth.subject }
})
app.get('/me', async request => request.auth.claims)

// Liveness asks nothing of anybody: a provider that is down is no reason to restart a server.
app.get('/healthz', async () => ({ status: 'alive' }))
// Readiness starts the first fetch of the keys, and is 503 until they are here.
app.get('/readyz', async (request, reply) => {
  if (api.ready()) return { status: 'ready' }
  reply.code(503).header('Retry-After', 1)
  return { status: 'waiting for keys' }
})
// It names the issuers: for a port the world does not reach.
app.get('/metrics', async (request, reply) => {
  reply.type('text/plain; version=0.0.4')
  return api.metrics()
})

app.addHook('onClose', async () => api.close())
const address = await app.listen({ port: Number(process.argv[2] ?? 0), host: '127.0.0.1' })
console.log(`listening on ${address}`)
for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, () => app.close())

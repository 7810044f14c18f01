// Compiles: what an application writes. `@ts-expect-error` marks what must not compile.
import Fastify from 'fastify'
import { Auth, auth, problem } from 'libauth/fastify'
import { options } from 'libauth/testing'

const app = Fastify()
void app.register(auth({ issuer: 'https://id.example', audience: 'https://api.example' }))
void app.register(auth(new Auth(options), {
  require: 'orders:read',
  token: request => request.headers['x-token'] as string | undefined,
  onError: (error, request, reply) => reply.code(error.status).headers(error.headers).send({ id: request.id }),
}))
app.setErrorHandler(problem)
app.get('/orders', { preHandler: app.requires('orders:read') }, async request => request.auth.subject)
app.get('/me', { onRequest: [app.requires(['role:a b'])] }, async request => request.auth.claims.sub)

// @ts-expect-error a middleware option that is none
auth(options, { excludes: [] })
// @ts-expect-error no options
auth()
// @ts-expect-error no text
app.requires(5)

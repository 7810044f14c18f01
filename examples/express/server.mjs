// A protected API on Express. Options come from the environment: LIBAUTH_ISSUER, LIBAUTH_AUDIENCE, …
//     node server.mjs PORT
import express from 'express'
import { Auth, auth, problem, requiredScopes } from 'libauth/express'

const api = Auth.fromEnv({ logger: console })
const app = express()
app.disable('x-powered-by')

// What is not listed here needs a token, also what is not served at all.
app.use(auth(api, { exclude: ['/healthz', '/readyz', '/metrics'] }))

app.get('/orders', requiredScopes('read:orders'), (req, res) => {
  res.json({ orders: ['book', 'lamp'] })
})
app.post('/orders', requiredScopes('write:orders'), (req, res) => {
  res.status(201).json({ added: 'lamp', by: req.auth.subject })
})
app.get('/me', (req, res) => {
  res.json(req.auth.claims)
})

// Liveness asks nothing of anybody: a provider that is down is no reason to restart a server.
app.get('/healthz', (req, res) => {
  res.json({ status: 'alive' })
})
// Readiness starts the first fetch of the keys, and is 503 until they are here.
app.get('/readyz', (req, res) => {
  if (api.ready()) res.json({ status: 'ready' })
  else res.status(503).set('Retry-After', '1').json({ status: 'waiting for keys' })
})
// It names the issuers: for a port the world does not reach.
app.get('/metrics', (req, res) => {
  res.type('text/plain; version=0.0.4').send(api.metrics())
})

// Refused requests get a problem document (RFC 9457).
app.use(problem)

const server = app.listen(Number(process.argv[2] ?? 0), '127.0.0.1', error => {
  if (error) throw error
  console.log(`listening on http://127.0.0.1:${server.address().port}`)
})
for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, () => server.close(() => api.close()))

// Compiles: what an application writes. `@ts-expect-error` marks what must not compile.
import express from 'express'
import type { ErrorRequestHandler, RequestHandler } from 'express'
import { AuthError, auth, claimCheck, claimEquals, claimIncludes, problem, requiredScopes, requires, scopeIncludesAny } from 'libauth/express'
import { Auth, type Verdict } from 'libauth'
import { fakeAuth, mint, options } from 'libauth/testing'

const app = express()
app.use(auth({ issuer: 'https://id.example', audience: 'https://api.example' }))
app.use(auth({ issuerBaseURL: 'https://id.example', audience: ['a', 'b'], clockTolerance: 5, authRequired: false }))
app.use(auth())
app.use('/api', auth(new Auth(options), { exclude: ['/api/healthz'], token: req => req.get('x-token') }))
app.use(auth(fakeAuth({ sub: 'alice' }), {
  check: async claims => claims.tenant === 't1' || 'another tenant',
  onError: (error, req, res, next) => {
    const known: AuthError = error
    res.status(known.status).set(known.headers).json({ path: req.path })
    next
  },
}))
app.get('/orders', requiredScopes('orders:read'), (req, res) => res.json(req.auth.subject))
app.get('/me', requires(['role:order manager']), (req, res) => {
  const { payload, claims, header, token, scopes }: Verdict = req.auth
  res.json([payload.sub, claims.exp, header.alg, token.length, scopes[0]])
})
const helpers: RequestHandler[] = [scopeIncludesAny(['a']), claimEquals('a', 1), claimIncludes('a', 'b', true), claimCheck(claims => claims.a === 1)]
app.use(...helpers)
app.use(problem)
const handler: ErrorRequestHandler = problem
handler
const token: string = mint({ sub: 'alice' }, { typ: 'JWT' })
token

// @ts-expect-error an option that is none
auth({ issuer: 'https://id.example', audience: 'x', audienc: 'y' })
// @ts-expect-error a middleware option that is none
auth(options, { requires: 'x' })
// @ts-expect-error HS256
auth({ issuer: 'https://id.example', audience: 'x', secret: 's' })
// @ts-expect-error null is never equal
claimEquals('a', null)
// @ts-expect-error a list
auth(options, { exclude: '/x' })
// @ts-expect-error neither true nor a reason
auth(options, { check: () => 1 })
// @ts-expect-error no requirement
requires()

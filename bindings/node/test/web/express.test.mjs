// What Express alone has: its default error handler, the helpers by route, options from elsewhere.
import assert from 'node:assert/strict'
import { createServer } from 'node:http'
import { afterEach, describe, test } from 'node:test'
import express from 'express'
import express4 from 'express4'
import { Auth, auth, claimCheck, claimEquals, claimIncludes, problem, requiredScopes, requires, scopeIncludesAny } from 'libauth/express'
import { mint, options } from 'libauth/testing'
import { bearer, request } from '../../../../tests/hosts/http.mjs'
import { missing, open, refused } from './cases.mjs'

const quiet = { info() {}, warn() {} }
const servers = []
afterEach(async () => {
  for (const server of servers.splice(0)) {
    server.closeAllConnections()
    await new Promise(done => server.close(done))
  }
})

// An application of `framework` that `prepare` fills; gives a function that asks it.
async function serve(framework, prepare, env = 'test') {
  const app = framework()
  app.set('env', env)
  prepare(app)
  const server = createServer(app)
  servers.push(server)
  await new Promise(done => server.listen(0, '127.0.0.1', done))
  const url = new URL(`http://127.0.0.1:${server.address().port}`)
  return (path, headers = [], method) => request(url, path, headers, method)
}

// What is written to the console meanwhile.
async function toldConsole(body) {
  const lines = []
  const kept = {}
  for (const level of ['info', 'warn', 'error']) {
    kept[level] = console[level]
    console[level] = line => lines.push(`${level} ${line}`)
  }
  try {
    await body()
  } finally {
    Object.assign(console, kept)
  }
  return lines
}

const foreign = mint({ aud: 'https://foreign.example', scope: 'read:orders' })

for (const [name, framework] of [['Express 4', express4], ['Express 5', express]]) {
  describe(`${name}: the default error handler`, () => {
    for (const env of ['production', 'development'])
      test(`${env}: status and headers of the error, and nothing of the token`, async () => {
        const lines = await toldConsole(async () => {
          const ask = await serve(framework, app => app.use(auth(options)), env)
          const answer = await ask('/', bearer(foreign))
          refused(answer, 401, 'auth.audience_invalid', /^Bearer error="invalid_token"/)
          assert.equal(answer.body.includes('not meant for this API'), env === 'development')
          missing(await ask('/'))
          refused(await (await serve(framework, app => app.use(auth(options, { require: 'admin' })), env))('/', bearer(mint())),
            403, 'auth.insufficient_scope', /insufficient_scope.*scope="admin"/)
        })
        assert.ok(lines.some(line => /^info auth\.audience_invalid: .*foreign/.test(line)), 'the operator is told')
        for (const line of lines.filter(line => line.startsWith('error'))) assert.ok(!line.includes('foreign'), line)
      })
    test('an error of the handler is not ours', async () => {
      const ask = await serve(framework, app => {
        app.use(auth(options))
        app.get('/', () => {
          throw Object.assign(new Error('own'), { status: 418 })
        })
        app.use(problem)
      })
      assert.equal((await ask('/', bearer(mint()))).status, 418)
    })
  })

  describe(`${name}: helpers`, () => {
    const claims = { scope: 'a b', org: 'acme', level: 3, beta: true, teams: ['red', 'blue x'], realm: { id: 'r1' } }
    const cases = [
      [requiredScopes('a b'), 200],
      [requiredScopes(['a', 'b']), 200],
      [requiredScopes('a c'), 403, 'auth.insufficient_scope'],
      [requiredScopes('role:a'), 403, 'auth.insufficient_scope'],
      [scopeIncludesAny('c b'), 200],
      [scopeIncludesAny(['c', 'd']), 403, 'auth.insufficient_scope'],
      [claimEquals('org', 'acme'), 200],
      [claimEquals('org', 'acm'), 403, 'auth.claim_not_granted'],
      [claimEquals('level', 3), 200],
      [claimEquals('beta', true), 200],
      [claimEquals('absent', true), 403, 'auth.claim_not_granted'],
      [claimEquals('realm.id', 'r1'), 200],
      [claimIncludes('teams', 'red', 'blue x'), 200],
      [claimIncludes('teams', 'red', 'green'), 403, 'auth.claim_not_granted'],
      [claimCheck(({ org }) => org === 'acme'), 200],
      [claimCheck(async ({ level }) => level > 3, 'too low'), 403, 'auth.check_refused'],
      [claimCheck(({ org }) => org), 403, 'auth.check_refused'],
      [claimCheck(() => undefined), 403, 'auth.check_refused'],
      [requires('a claim:org=acme'), 200],
      [requires('role:admin|b'), 200],
      [requires('role:admin'), 403, 'auth.role_missing'],
    ]
    test('are decided by the library', async () => {
      const ask = await serve(framework, app => {
        app.use(auth(new Auth(options, { logger: quiet })))
        cases.forEach(([helper], place) => app.get(`/${place}`, helper, (req, res) => res.json(req.auth.subject)))
        app.use(problem)
      })
      for (const [place, [, status, code]] of cases.entries()) {
        const answer = await ask(`/${place}`, bearer(mint(claims)))
        if (status === 200) open(answer)
        else refused(answer, status, code, /^Bearer error="insufficient_scope"/)
        missing(await ask(`/${place}`))
      }
    })
    test('without auth() before, and where it let pass without a token, nobody gets in', async () => {
      const helpers = [requires('a'), requiredScopes('a'), scopeIncludesAny('a'), claimEquals('a', 'b'), claimIncludes('a', 'b'), claimCheck(() => true)]
      const answer = (req, res) => res.json('in')
      const bare = await serve(framework, app => helpers.forEach((helper, place) => app.get(`/${place}`, helper, answer)))
      const optional = await serve(framework, app => {
        app.use(auth(new Auth(options, { logger: quiet }), { optional: true, exclude: ['/0'] }))
        helpers.forEach((helper, place) => app.get(`/${place}`, helper, answer))
        app.use(problem)
      })
      for (const place of helpers.keys()) {
        const { status, body } = await bare(`/${place}`, bearer(mint({ scope: 'a', a: 'b' })))
        assert.equal(status, 500)
        assert.match(body, /stands before auth\(\), or on a route without it/)
        missing(await optional(`/${place}`))
      }
    })
    test('what they cannot say is told when the route is made', () => {
      const wrong = [
        () => requires(''), () => requires(undefined), () => requires([]), () => requiredScopes(''), () => requiredScopes([]), () => requiredScopes('a  b'), () => requiredScopes(undefined), () => requiredScopes('a|b'),
        () => requiredScopes(['']), () => scopeIncludesAny([1]), () => claimEquals('a', null), () => claimEquals('a', ''), () => claimEquals('a', 'b|c'), () => claimEquals('a=b', 'c'),
        () => claimEquals('a|b', 'c'), () => claimEquals('', 'c'), () => claimIncludes('a'), () => claimIncludes('a', {}), () => claimCheck('org'),
      ]
      for (const make of wrong) assert.throws(make, TypeError, String(make))
      const unread = [
        () => requires(' '), () => requires('role:'), () => requires(['a', 1]), () => requiredScopes(['a b']), () => scopeIncludesAny(['a"b']),
        () => claimEquals('n', 'a"b'), () => claimIncludes('n', 'a', 'b\\c'),
      ]
      for (const make of unread) assert.throws(make, { statusName: 'REQUIREMENT_INVALID' }, String(make))
    })
  })

  describe(`${name}: places`, () => {
    test('in a router below a path, exclude has the whole path', async () => {
      const ask = await serve(framework, app => {
        const api = framework.Router()
        api.use(auth(new Auth(options, { logger: quiet }), { exclude: ['/api/healthz'] }))
        api.get('/healthz', (req, res) => res.json('alive'))
        api.get('/api/healthz', (req, res) => res.json('deep'))
        app.use('/api', api)
      })
      open(await ask('/api/healthz'))
      missing(await ask('/api/api/healthz'))
    })
    test('a path that was rewritten before counts as it is routed', async () => {
      const ask = await serve(framework, app => {
        app.use((req, res, next) => {
          if (req.url === '/healthz') req.url = '/secret'
          next()
        })
        app.use(auth(new Auth(options, { logger: quiet }), { exclude: ['/healthz'] }))
        app.get('/secret', (req, res) => res.json('lamp'))
      })
      missing(await ask('/healthz'))
    })
    test('two guards: the helpers ask the last one', async () => {
      const other = new Auth({ ...options, audience: 'https://other.test' }, { logger: quiet })
      const ask = await serve(framework, app => {
        app.use(auth(new Auth(options, { logger: quiet }), { optional: true }))
        app.get('/', auth(other), requiredScopes('a'), (req, res) => res.json('in'))
      })
      open(await ask('/', bearer(mint({ aud: ['https://api.test', 'https://other.test'], scope: 'a' }))))
      refused(await ask('/', bearer(mint({ scope: 'a' }))), 401, 'auth.audience_invalid', /invalid_token/)
      missing(await ask('/'))
    })
    test('what throws on the way of a refusal goes to next(), and ends no process', async () => {
      const broken = () => assert.fail('broken')
      let unhandled = 0
      const count = () => (unhandled += 1)
      process.on('unhandledRejection', count)
      try {
        // As connect runs it: what the handlers behind throw comes out of next(), and goes to it.
        for (const headers of [{}, { authorization: `Bearer ${mint()}` }]) {
          const given = []
          await new Promise(done => {
            const req = { baseUrl: '', path: '/', method: 'GET', headers }
            const next = error => {
              given.push(error)
              if (given.length === 1) throw new Error('behind')
              done()
            }
            try {
              auth(new Auth(options, { logger: { info: broken, warn: broken } }))(req, {}, next)
            } catch (error) {
              next(error)
            }
          })
          assert.equal(given[1].message, 'behind')
        }
        await new Promise(setImmediate)
        assert.equal(unhandled, 0)
      } finally {
        process.off('unhandledRejection', count)
      }
    })
    test('an onError that fails is an error of the application', async () => {
      const ask = await serve(framework, app => app.use(auth(new Auth(options, { logger: quiet }), { onError: async () => assert.fail('broken') })))
      assert.equal((await ask('/')).status, 500)
    })
  })
}

// What Fastify alone has: encapsulation, its own log, its life cycle.
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import Fastify from 'fastify'
import { Auth, auth, problem } from 'libauth/fastify'
import { mint, options } from 'libauth/testing'

const good = { authorization: `Bearer ${mint({ sub: 'alice', scope: 'read:orders' })}` }
const foreign = { authorization: `Bearer ${mint({ aud: 'https://foreign.example' })}` }
const caller = async request => ({ caller: request.auth?.subject ?? null })

async function withApp(prepare, body, settings) {
  const app = Fastify(settings)
  await prepare(app)
  try {
    await body(async (url, headers) => {
      const answer = await app.inject({ url, headers })
      return [answer.statusCode, answer.json(), answer.headers]
    }, app)
  } finally {
    await app.close()
  }
}

test('who another plugin found is nobody here', () =>
  withApp(async app => {
    app.addHook('onRequest', async request => { request.auth = { subject: 'basic' } })
    await app.register(auth(options, { exclude: ['/open'] }))
    app.get('/open', caller)
  }, async ask => assert.deepEqual((await ask('/open')).slice(0, 2), [200, { caller: null }])))

test('the default error handler: status, headers, and a body that shows nothing of the token', () => {
  const written = []
  const logger = { level: 'info', stream: { write: line => written.push(JSON.parse(line)) } }
  return withApp(app => app.register(auth(options)), async ask => {
    const [status, body, headers] = await ask('/', foreign)
    assert.equal(status, 401)
    assert.deepEqual(body, {
      statusCode: 401, code: 'auth.audience_invalid', error: 'Unauthorized', message: 'The access token is not meant for this API.',
    })
    assert.match(headers['www-authenticate'], /^Bearer error="invalid_token"/)
    const quoting = written.filter(line => JSON.stringify(line).includes('foreign'))
    assert.deepEqual(quoting.map(({ level, msg }) => [level, msg.split(':')[0]]), [[30, 'auth.audience_invalid']], 'the sentence for the operator alone')
    assert.ok(quoting[0].reqId)
  }, { logger })
})

describe('encapsulation', () => {
  test('a plugin in a context protects that context', () =>
    withApp(app => {
      app.get('/open', caller)
      app.register(async api => {
        await api.register(auth(options))
        api.get('/shut', { preHandler: api.requires('read:orders') }, caller)
      })
    }, async (ask, app) => {
      assert.equal((await ask('/open'))[0], 200)
      assert.equal((await ask('/shut'))[0], 401)
      assert.deepEqual((await ask('/shut', good)).slice(0, 2), [200, { caller: 'alice' }])
      assert.equal(app.requires, undefined)
    }))
  test('a second one in a context below judges there as well', () =>
    withApp(async app => {
      await app.register(auth(options))
      app.get('/outer', caller)
      app.register(async api => {
        await api.register(auth(options, { require: 'admin' }))
        api.get('/inner', { onRequest: api.requires('audit') }, caller)
      })
    }, async ask => {
      assert.equal((await ask('/outer', good))[0], 200)
      assert.equal((await ask('/inner', good))[0], 403)
      const admin = scope => ({ authorization: `Bearer ${mint({ scope })}` })
      assert.equal((await ask('/inner', admin('admin')))[0], 403)
      assert.equal((await ask('/inner', admin('admin audit')))[0], 200)
    }))
  test('unknown paths are protected, and its name is told', () =>
    withApp(app => app.register(auth(options)), async (ask, app) => {
      assert.equal((await ask('/nowhere'))[0], 401)
      assert.equal((await ask('/nowhere', good))[0], 404)
      assert.match(app.printPlugins(), /libauth/)
    }))
})

test('a requirement that cannot be read is told when the route is made', () =>
  withApp(async app => {
    await app.register(auth(options))
    for (const wrong of ['', [], undefined]) assert.throws(() => app.requires(wrong), TypeError)
    for (const wrong of ['a  b', ['a', 1]]) assert.throws(() => app.requires(wrong), { statusName: 'REQUIREMENT_INVALID' })
  }, () => {}))

test('a path that rewriteUrl changes counts as it is routed', () =>
  withApp(async app => {
    await app.register(auth(options, { exclude: ['/healthz'] }))
    app.get('/healthz', caller)
    app.get('/secret', caller)
  }, async ask => {
    assert.equal((await ask('/alive'))[0], 200)
    assert.equal((await ask('/healthz'))[0], 401)
    assert.equal((await ask('/healthz', good))[0], 200)
  }, { rewriteUrl: ({ url }) => ({ '/healthz': '/secret', '/alive': '/healthz' })[url] ?? url }))

test('problem as error handler leaves other errors to Fastify', () =>
  withApp(async app => {
    app.setErrorHandler(problem)
    await app.register(auth(options))
    app.get('/', () => {
      throw Object.assign(new Error('own'), { statusCode: 418 })
    })
  }, async ask => {
    assert.deepEqual((await ask('/', good)).slice(0, 2), [418, { statusCode: 418, error: "I'm a Teapot", message: 'own' }])
    const [status, body, headers] = await ask('/')
    assert.deepEqual([status, body.code, headers['content-type']], [401, 'auth.authorization_header_missing', 'application/problem+json'])
  }))

test('onError answers for app.requires as well', () =>
  withApp(async app => {
    await app.register(auth(options, { onError: (error, _request, reply) => reply.code(418).send({ code: error.code }) }))
    app.get('/', { preHandler: app.requires('write:orders') }, caller)
  }, async ask => {
    assert.deepEqual((await ask('/', good)).slice(0, 2), [418, { code: 'auth.insufficient_scope' }])
    assert.deepEqual((await ask('/')).slice(0, 2), [418, { code: 'auth.authorization_header_missing' }])
  }))

test('an onError that sends nothing leaves the error to Fastify', () =>
  withApp(async app => {
    await app.register(auth(options, { onError() {} }))
    app.get('/', caller)
  }, async ask => assert.equal((await ask('/'))[0], 401)))

test('an Auth that the plugin made ends with the server, one of the application does not', async () => {
  const own = new Auth(options)
  let made
  const close = Auth.prototype.close
  const closed = []
  Auth.prototype.close = function () {
    closed.push(this)
    return close.call(this)
  }
  try {
    await withApp(app => app.register(auth(own)), () => {})
    assert.deepEqual(closed, [])
    await withApp(app => app.register(auth(options)), () => {})
    assert.equal(closed.length, 1)
    made = closed[0]
  } finally {
    Auth.prototype.close = close
  }
  assert.throws(() => made.report(), { statusName: 'ARGUMENT_INVALID' })
  assert.equal(typeof own.report().ready, 'boolean')
})

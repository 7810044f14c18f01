// What NestJS alone has: decorators of classes and methods, GraphQL, WebSockets, injection.
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { Controller, Get, Inject, Module, Req, UseGuards } from '@nestjs/common'
import { GraphQLModule, Query, Resolver } from '@nestjs/graphql'
import { MercuriusDriver } from '@nestjs/mercurius'
import { MessageBody, SubscribeMessage, WebSocketGateway } from '@nestjs/websockets'
import { io } from 'socket.io-client'
import { AuthError } from 'libauth'
import { Auth, AuthException, AuthGuard, AuthModule, Caller, ProblemFilter, Public, Require } from 'libauth/nestjs'
import { fakeAuth, mint, options } from 'libauth/testing'
import { bearer, exchange, answers, request } from '../../../../tests/hosts/http.mjs'
import { missing, open, refused } from './cases.mjs'
import { decorate, nestApp } from './nest_host.mjs'

const good = mint({ sub: 'alice', scope: 'read:orders' })

async function withApp(metadata, body, platform = 'express') {
  const host = await nestApp(platform, metadata)
  try {
    await body((path, headers = [], method) => request(host.url, path, headers, method), host)
  } finally {
    await host.close()
  }
}

// A controller of routes `/PATH/1`, … by their decorators, with those of the class.
function routes(path, classDecorators, ...members) {
  class Routes {}
  const described = members.map((decorators, place) => {
    const name = `route${place + 1}`
    Routes.prototype[name] = caller => ({ caller: caller?.subject ?? null })
    return [name, [[Get(`${place + 1}`), ...decorators], Caller()]]
  })
  return decorate(Routes, [Controller(path), ...classDecorators], Object.fromEntries(described))
}

describe('decorators', () => {
  const controllers = [
    routes('open', [Public()], [], [Require('read:orders')], [Public()]),
    routes('shut', [Require('read:orders')], [], [Require('write:orders')], [Public()], [Public(), Require('write:orders')]),
    routes('plain', [], [], [Public()]),
  ]
  const imports = [AuthModule.forRoot(options)]
  test('the nearest counts; of a class and a method both are needed', () =>
    withApp({ imports, controllers }, async ask => {
      for (const path of ['/open/1', '/open/3', '/shut/3', '/plain/2']) assert.deepEqual(open(await ask(path)), { caller: null }, path)
      for (const path of ['/open/2', '/shut/1', '/shut/2', '/shut/4', '/plain/1']) missing(await ask(path))
      for (const path of ['/open/2', '/shut/1', '/plain/1']) assert.deepEqual(open(await ask(path, bearer(good))), { caller: 'alice' })
      for (const path of ['/shut/2', '/shut/4']) refused(await ask(path, bearer(good)), 403, 'auth.insufficient_scope', /write:orders/)
      const writer = bearer(mint({ scope: 'write:orders' }))
      refused(await ask('/shut/2', writer), 403, 'auth.insufficient_scope', /read:orders/)
      open(await ask('/shut/2', bearer(mint({ scope: 'read:orders write:orders' }))))
    }))
  test('@Require() without a requirement is a mistake in the code', () => {
    for (const wrong of [undefined, null, '', []]) assert.throws(() => Require(wrong), TypeError)
  })
  test('a requirement that cannot be read is told when the decorator is made', () => {
    for (const wrong of [' ', 'role:', 'a  b', ['a', 1]]) assert.throws(() => Require(wrong), { statusName: 'REQUIREMENT_INVALID' })
  })
  test('of two at one place both are needed, and those of the class above', () => {
    const Above = routes('above', [Require('c')], [Require('a'), Require('b')])
    class Below extends Above {}
    decorate(Below, [Controller('below'), Require('d')])
    class Opened extends Above {}
    decorate(Opened, [Controller('public'), Public()])
    return withApp({ imports, controllers: [Above, Below, Opened] }, async ask => {
      const get = (path, scope) => ask(path, bearer(mint({ scope })))
      for (const [path, scope] of [['/above/1', 'a b c'], ['/below/1', 'a b c d'], ['/public/1', 'a b c']]) {
        missing(await ask(path))
        open(await get(path, scope))
        for (const one of scope.split(' '))
          refused(await get(path, scope.replace(one, 'x')), 403, 'auth.insufficient_scope', new RegExp(`scope="${one}"`))
      }
    })
  })
  test('a requirement that changes later changes nothing', () => {
    const items = ['admin']
    const controllers = [routes('x', [], [Require(items)])]
    items[0] = 'read:orders'
    return withApp({ imports, controllers }, async ask =>
      refused(await ask('/x/1', bearer(good)), 403, 'auth.insufficient_scope', /scope="admin"/))
  })
  test('an excluded route that requires something is judged as always', () =>
    withApp({ imports: [AuthModule.forRoot(options, { exclude: ['/shut/*', '/plain/*'] })], controllers }, async ask => {
      missing(await ask('/shut/1'))
      assert.deepEqual(open(await ask('/shut/1', bearer(good))), { caller: 'alice' })
      assert.deepEqual(open(await ask('/plain/1', bearer(good))), { caller: null })
    }))
  test('request.auth is what this guard found, or undefined', async () => {
    const seen = []
    const before = app => app.use((req, _res, next) => {
      req.auth = { subject: 'foreign' }
      next()
    })
    class See {
      see(request) {
        seen.push(request.auth?.subject)
        return {}
      }
    }
    decorate(See, [Controller()], { see: [[Get(['see', 'open'])], Req()] })
    class Everybody extends See {}
    decorate(Everybody, [Controller('public'), Public()], {})
    const host = await nestApp('express', { imports: [AuthModule.forRoot(options, { optional: true, exclude: ['/open'] })], controllers: [See, Everybody] }, before)
    try {
      for (const headers of [[], bearer(good)]) for (const path of ['/see', '/open', '/public/see']) open(await request(host.url, path, headers))
    } finally {
      await host.close()
    }
    assert.deepEqual(seen, [undefined, undefined, undefined, 'alice', undefined, undefined])
  })
  test('an onError that answers itself answers once', async () => {
    const onError = (_error, context) => context.switchToHttp().getResponse().status(418).send('{}')
    for (const platform of ['express', 'fastify'])
      await withApp({ imports: [AuthModule.forRoot(options, { onError })], controllers }, async (ask, { app, lines }) => {
        app.useGlobalFilters(new ProblemFilter())
        assert.equal((await ask('/plain/1')).status, 418)
        assert.deepEqual(lines.filter(line => line.startsWith('error')), [])
      }, platform)
  })
})

test('the exception is an HttpException with the AuthError behind it', () => {
  const auth = new Auth(options)
  const exception = new AuthException(auth.describe('TOKEN_EXPIRED', 'aud foreign'))
  assert.equal(exception.getStatus(), 401)
  assert.ok(exception.cause instanceof AuthError)
  assert.deepEqual(exception.getResponse(), { statusCode: 401, code: 'auth.token_expired', message: 'The access token has expired.' })
  assert.ok(!JSON.stringify(exception).includes('foreign'))
})

// ---------------------------------------------------------------- injection

describe('the module', () => {
  class Settings {
    audience = options.audience
  }
  const settings = decorate(class {}, [Module({ providers: [Settings], exports: [Settings] })])
  class Report {
    constructor(auth) {
      this.auth = auth
    }
    tell() {
      return { ready: this.auth.report().ready }
    }
  }
  decorate(Report, [Controller('report')], { tell: [[Get(), Public()]] })
  Inject(Auth)(Report, undefined, 0)

  test('forRootAsync takes the options from elsewhere, Auth can be injected, and ends with the application', async () => {
    let auth
    const source = {
      imports: [settings],
      inject: [Settings],
      useFactory: async ({ audience }) => ({ ...options, audience }),
    }
    const controllers = [Report, routes('plain', [], [])]
    await withApp({ imports: [AuthModule.forRootAsync(source, { exclude: ['/plain/1'] })], controllers }, async (ask, { app }) => {
      auth = app.get(Auth)
      assert.equal(typeof open(await ask('/report')).ready, 'boolean')
      open(await ask('/plain/1'))
    })
    assert.throws(() => auth.report(), { statusName: 'ARGUMENT_INVALID' })
  })
  test('an Auth of the application stays open', async () => {
    const auth = fakeAuth({ sub: 'alice' })
    await withApp({ imports: [AuthModule.forRoot(auth)], controllers: [routes('plain', [], [])] }, async ask =>
      assert.deepEqual(open(await ask('/plain/1')), { caller: 'alice' }))
    assert.equal(auth.tryAuthorize(undefined).subject, 'alice')
  })
  test('wrong options end the start', () =>
    assert.rejects(withApp({ imports: [AuthModule.forRoot({ ...options, audienc: 'x' })] }, () => {}), { statusName: 'OPTION_UNKNOWN' }))
})

// ---------------------------------------------------------------- GraphQL

describe('GraphQL', () => {
  class Orders {
    orders(caller) {
      return [`of ${caller.subject}`]
    }
    add() {
      return 'added'
    }
    version() {
      return '1'
    }
  }
  decorate(Orders, [Resolver()], {
    orders: [[Query(() => [String]), Require('read:orders')], Caller()],
    add: [[Query(() => String), Require('write:orders')]],
    version: [[Query(() => String), Public()]],
  })
  const imports = [AuthModule.forRoot(options), GraphQLModule.forRoot({ driver: MercuriusDriver, autoSchemaFile: true })]
  const metadata = { imports, providers: [Orders] }

  test('queries are judged by the header of their request', () =>
    withApp(metadata, async (_ask, { url }) => {
      const query = async (text, headers = []) => {
        const body = JSON.stringify({ query: `{ ${text} }` })
        const head = ['POST /graphql HTTP/1.1', 'Host: api', 'Content-Type: application/json', `Content-Length: ${body.length}`]
        const [answer] = answers(await exchange(url, [...head, ...headers, 'Connection: close', '', body].join('\r\n')))
        for (const secret of ['issuer.test', 'api.test', 'foreign']) assert.ok(!answer.body.includes(secret), answer.body)
        const { data, errors } = JSON.parse(answer.body)
        return { data, error: errors?.[0] }
      }
      assert.deepEqual((await query('version')).data, { version: '1' })
      assert.deepEqual((await query('orders version', bearer(good))).data, { orders: ['of alice'], version: '1' })
      const fields = Array.from({ length: 20 }, (_, place) => `o${place}: orders`)
      const { data } = await query(fields.join(' '), bearer(good))
      assert.deepEqual([...new Set(Object.values(data).flat())], ['of alice'], 'fields that are judged at once')
      const codes = [
        [[], 'auth.authorization_header_missing'],
        [bearer('x'), 'auth.token_opaque'],
        [bearer(mint({ aud: 'foreign' })), 'auth.audience_invalid'],
        [[...bearer(good), ...bearer(good)], 'auth.authorization_token_invalid_format'],
      ]
      for (const [headers, code] of codes) {
        const { data, error } = await query('orders', headers)
        assert.equal(data, null)
        assert.equal(error.extensions.code, code)
      }
      assert.equal((await query('add', bearer(good))).error.extensions.code, 'auth.insufficient_scope')
    }, 'fastify'))
})

// ---------------------------------------------------------------- WebSockets

describe('WebSockets', () => {
  class Chat {
    say(text, caller) {
      return { event: 'said', data: `${caller.subject}: ${text}` }
    }
    shout() {
      return { event: 'said', data: 'loud' }
    }
  }
  decorate(Chat, [WebSocketGateway(), UseGuards(AuthGuard)], {
    say: [[SubscribeMessage('say'), Require('read:orders')], MessageBody(), Caller()],
    shout: [[SubscribeMessage('shout'), Require('write:orders')]],
  })
  const metadata = module => ({ imports: [module], providers: [Chat] })

  // The first answer to one message of a client of its own.
  async function say(url, event, handshake) {
    const socket = io(url.href, { transports: ['websocket'], reconnection: false, ...handshake })
    try {
      return await new Promise((resolve, reject) => {
        socket.on('said', data => resolve({ said: data }))
        socket.on('exception', error => resolve({ error }))
        socket.on('connect_error', reject)
        socket.emit(event, 'hello')
      })
    } finally {
      socket.close()
    }
  }
  const authorization = token => ({ extraHeaders: { authorization: `Bearer ${token}` } })

  test('each message is judged by the header of the handshake', () =>
    withApp(metadata(AuthModule.forRoot(options)), async (_ask, { url, lines }) => {
      assert.deepEqual(await say(url, 'say', authorization(good)), { said: 'alice: hello' })
      const { error } = await say(url, 'say', {})
      assert.deepEqual([error.statusCode, error.code], [401, 'auth.authorization_header_missing'])
      assert.equal((await say(url, 'say', authorization(mint({ exp: 1 })))).error.code, 'auth.token_expired')
      const foreign = await say(url, 'say', authorization(mint({ aud: 'foreign' })))
      assert.equal(foreign.error.code, 'auth.audience_invalid')
      assert.ok(!JSON.stringify(foreign).includes('foreign'))
      assert.ok(lines.some(line => line.startsWith('info auth.audience_invalid: ') && line.includes('foreign')))
      assert.equal((await say(url, 'shout', authorization(good))).error.code, 'auth.insufficient_scope')
    }))
  test('messages at once, good ones and refused ones, on one connection', () =>
    withApp(metadata(AuthModule.forRoot(options)), async (_ask, { url }) => {
      const socket = io(url.href, { transports: ['websocket'], reconnection: false, ...authorization(good) })
      const heard = []
      try {
        await new Promise((resolve, reject) => {
          const hear = what => heard.push(what) === 40 && resolve()
          socket.on('said', hear)
          socket.on('exception', ({ code }) => hear(code))
          socket.on('connect_error', reject)
          for (let i = 0; i < 20; i++) socket.emit('say', 'hello') && socket.emit('shout', 'hello')
        })
      } finally {
        socket.close()
      }
      const count = what => heard.filter(one => one === what).length
      assert.deepEqual([count('alice: hello'), count('auth.insufficient_scope')], [20, 20])
    }))
  test('a token of the handshake that a browser can send, by the option token', () => {
    const token = client => client.handshake.auth.token
    return withApp(metadata(AuthModule.forRoot(options, { token })), async (_ask, { url }) => {
      assert.deepEqual(await say(url, 'say', { auth: { token: good } }), { said: 'alice: hello' })
      assert.equal((await say(url, 'say', authorization(good))).error.code, 'auth.authorization_header_missing')
      assert.equal((await say(url, 'say', { auth: { token: [good] } })).error.code, 'auth.token_malformed')
    })
  })
})

test('a context of a kind that is not known lets nobody in', async () => {
  await withApp({ imports: [AuthModule.forRoot(fakeAuth())] }, async (_ask, { app }) => {
    const guard = app.get(AuthGuard)
    const context = { getType: () => 'rpc', getHandler: () => () => {}, getClass: () => class {} }
    await assert.rejects(guard.canActivate(context), /knows no context of the type "rpc"/)
    const socket = { ...context, getType: () => 'ws', switchToWs: () => ({ getClient: () => ({}) }) }
    await assert.rejects(guard.canActivate(socket), /needs the option token/)
  })
})

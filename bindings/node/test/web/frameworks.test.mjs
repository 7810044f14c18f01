// Express, Fastify and NestJS on real sockets: tokens, odd requests, and the options.
import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { Auth } from 'libauth'
import { fakeAuth, mint, options } from 'libauth/testing'
import { answers, bearer, exchange, head, request } from '../../../../tests/hosts/http.mjs'
import { invalid, malformed, missing, open, refused } from './cases.mjs'
import { hosts } from './hosts.mjs'

const good = mint({ sub: 'alice', scope: 'read:orders' })
const close = 'Connection: close'
const preflight = ['Origin: https://app.example', 'Access-Control-Request-Method: GET']

for (const [name, framework] of Object.entries(hosts)) {
  // Runs `body` against a host of its own.
  const testWith = (title, middleware, body) =>
    test(title, async () => {
      const host = await framework.start(options, middleware)
      try {
        await body((path, headers = [], method = 'GET') => request(host.url, path, headers, method), host)
      } finally {
        await host.close()
      }
    })

  describe(name, () => {
    let host
    before(async () => (host = await framework.start(options)))
    after(() => host.close())
    const ask = (path, headers = [], method = 'GET') => request(host.url, path, headers, method)

    // ------------------------------------------------------------ tokens

    test('a good token', async () => {
      assert.deepEqual(open(await ask('/orders', bearer(good))), { orders: ['book', 'lamp'] })
      assert.equal(open(await ask('/me', bearer(good))).sub, 'alice')
    })
    test('a scope that is missing', async () => {
      const answer = await ask('/orders', [...bearer(good), 'Content-Length: 0'], 'POST')
      refused(answer, 403, 'auth.insufficient_scope', /^Bearer error="insufficient_scope".*scope="write:orders"/)
      open(await ask('/orders', [...bearer(mint({ scope: 'write:orders' })), 'Content-Length: 0'], 'POST'), 201)
    })
    test('tokens that are refused show nothing of themselves', async () => {
      const cases = [
        [mint({ exp: 1 }), 'auth.token_expired'],
        [mint({ aud: 'https://foreign.example' }), 'auth.audience_invalid'],
        [mint({ iss: 'https://foreign.example' }), 'auth.issuer_invalid'],
        [mint({}, { kid: 'foreign' }), 'auth.key_not_found'],
        [mint({}, { alg: 'none' }), 'auth.algorithm_not_allowed'],
        [`${good.slice(0, -9)}AAAAAAAAA`, 'auth.signature_invalid'],
        ['foreign', 'auth.token_opaque'],
      ]
      for (const [token, code] of cases) invalid(await ask('/orders', bearer(token)), code)
    })
    test('the log has what the answer has not', async () => {
      const from = host.lines.length
      invalid(await ask('/orders', bearer(mint({ aud: 'https://foreign.example' }))), 'auth.audience_invalid')
      const line = host.lines.slice(from).find(line => line.includes('auth.audience_invalid'))
      assert.match(line, /^info auth\.audience_invalid: .*"https:\/\/foreign\.example"; expected "https:\/\/api\.test"/)
    })

    // ------------------------------------------------------------ the header

    test('no header, an empty one, another scheme', async () => {
      missing(await ask('/orders'))
      missing(await ask('/orders', ['Authorization:']))
      refused(await ask('/orders', ['Authorization: Basic eDp5']), 401, 'auth.authorization_token_type_not_supported', 'Bearer')
    })
    test('more than one Authorization header', async () => {
      for (const path of ['/orders', '/me']) {
        malformed(await ask(path, [...bearer(good), ...bearer(good)]))
        malformed(await ask(path, [...bearer(good), 'X: y', 'authorization: Bearer x']))
        malformed(await ask(path, ['AUTHORIZATION: Basic eDp5', ...bearer(good)]))
        malformed(await ask(path, [`Authorization: Bearer ${good}, Bearer ${good}`]))
      }
    })
    test('bytes that do not belong there', async () => {
      for (const value of [`${good}\xe9`, `\xc3\xa9${good}`, `${good},`, `${good} ${good}`, ` ${good}x y`])
        malformed(await ask('/orders', [`Authorization: Bearer ${value}`]))
      for (const value of [`\0${good}`, `${good}\0`, `${good}\rX: y`, `\x01${good}`, `${good}\x7f`]) {
        const { status, body } = await ask('/orders', [`Authorization: Bearer ${value}`])
        assert.ok([400, 401].includes(status) && !body.includes('lamp'), `${status}`)
      }
      malformed(await ask('/orders', [`Authorization: Bearer\t${good}`]))
    })
    test('a header of 1 MB, and a request after it', async () => {
      const answer = await ask('/orders', bearer('a'.repeat(1_000_000)))
      if (framework.nodeLimit) assert.equal(answer.status, 431)
      else invalid(answer, 'auth.token_too_large')
      open(await ask('/orders', bearer(good)))
    })
    test('pipelined requests are judged each by its own header', async () => {
      const requests = [head('GET', '/me', bearer(good)), head('GET', '/me', []), head('GET', '/orders', [...bearer(good), close])]
      const [first, second, third] = answers(await exchange(host.url, requests.join('')))
      open(first)
      missing(second)
      open(third)
    })
    test('HEAD is judged as GET', async () => {
      const status = async headers => Number((await exchange(host.url, head('HEAD', '/orders', [...headers, close]))).slice(9, 12))
      assert.deepEqual([await status(bearer(good)), await status([])], [200, 401])
    })
    test('50 at once, each with its own claims', async () => {
      const one = async place => {
        const token = place % 5 === 0 ? 'x' : mint({ sub: `user-${place}` })
        const answer = await ask('/me', bearer(token))
        if (place % 5 === 0) invalid(answer, 'auth.token_opaque')
        else assert.equal(open(answer).sub, `user-${place}`)
      }
      await Promise.all(Array.from({ length: 50 }, (_, place) => one(place)))
    })

    // ------------------------------------------------------------ options

    test('a preflight passes, any other OPTIONS does not', async () => {
      assert.notEqual((await ask('/any', preflight, 'OPTIONS')).status, 401)
      missing(await ask('/any', [], 'OPTIONS'))
      missing(await ask('/any', preflight, 'GET'))
      missing(await ask('/any', ['Access-Control-Request-Method: GET'], 'OPTIONS')) // no browser asks so
      missing(await ask('/orders', preflight, 'GET'))
    })
    testWith('preflight: false', { preflight: false }, async ask => missing(await ask('/any', preflight, 'OPTIONS')))

    testWith('require', { require: 'admin' }, async ask => {
      refused(await ask('/me', bearer(good)), 403, 'auth.insufficient_scope', /scope="admin"/)
      assert.equal(open(await ask('/me', bearer(mint({ scope: 'admin', sub: 'root' })))).sub, 'root')
      refused(await ask('/orders', bearer(mint({ scope: 'admin' }))), 403, 'auth.insufficient_scope', /scope="read:orders"/)
    })
    testWith('optional: only the header that is not there', { optional: true }, async ask => {
      assert.deepEqual(open(await ask('/me')), {})
      assert.equal(open(await ask('/me', bearer(good))).sub, 'alice')
      missing(await ask('/orders'))
      invalid(await ask('/me', bearer('x')), 'auth.token_opaque')
      malformed(await ask('/me', ['Authorization: Bearer']))
      malformed(await ask('/me', [...bearer(good), ...bearer(good)]))
      refused(await ask('/me', ['Authorization: Basic eDp5']), 401, 'auth.authorization_token_type_not_supported', 'Bearer')
    })
    testWith('exclude', { exclude: ['/healthz', '/public/*'] }, async (ask, { url }) => {
      for (const path of ['/healthz', '/healthz?x=//', '/public/a', '/public/a%20b', '/public/%61?x=..'])
        open(await ask(path))
      const ways = [
        '/secret', '/secret/x', '/secret?/healthz', '/secret#/healthz', '/me', '/public', '/healthz/', '/healthz/x', '/healthz;x',
        '/HEALTHZ/secret', '//healthz', '/healthz%00', '/healthz%2f', '/./healthz', '/public/../secret', '/public/%2e%2e/secret',
        '/public/%2E./secret', '/public/..%2fsecret', '/public%2f..%2fsecret', '/public/..\\secret', '/public/x/..%5csecret',
        '/public//secret', '/public/./secret', '/public/x/..', '/secret/../healthz', '/secret/%2e%2e/public/x', '/%73ecret',
        `http://${url.host}/secret`, `http://${url.host}/public/../secret`, `http://${url.host}//public/x`, '*',
      ]
      for (const path of ways) {
        const answer = await ask(path)
        assert.ok([400, 401, 404].includes(answer.status), `${path}: ${answer.status}`)
        assert.ok(!answer.body.includes('lamp'), path)
      }
      missing(await ask('/secret/x'))
      open(await ask('/secret', bearer(good)))
    })
    testWith('a route that requires something is never opened by exclude or preflight', { exclude: ['/me', '/orders', '/restricted'] }, async ask => {
      open(await ask('/me'))
      missing(await ask('/orders'))
      missing(await ask('/orders', ['Content-Length: 0'], 'POST'))
      missing(await ask('/restricted'))
      missing(await ask('/restricted', preflight, 'OPTIONS'))
    })
    const cookie = seen => /token=([^;]*)/.exec(seen.headers.cookie ?? '')?.[1]
    testWith('token', { token: cookie }, async ask => {
      assert.equal(open(await ask('/me', [`Cookie: token=${good}`])).sub, 'alice')
      missing(await ask('/me', bearer(good)))
      missing(await ask('/orders', ['Cookie: x=y']))
      refused(await ask('/me', ['Cookie: token=']), 401, 'auth.token_malformed', /invalid_token/)
      invalid(await ask('/me', ['Cookie: token=x']), 'auth.token_opaque')
    })
    const odd = { buffer: Buffer.from(good), list: [good], number: 5, object: { token: good }, surrogate: `${good}\ud800`, foreign: good.replace(/.$/, '\u0141'), nul: `${good}\0` }
    testWith('token: what is no token is none, also where one is optional', { optional: true, token: seen => odd[seen.headers['x-kind']] }, async ask => {
      for (const kind of Object.keys(odd)) invalid(await ask('/me', [`X-Kind: ${kind}`]), 'auth.token_malformed')
      assert.deepEqual(open(await ask('/me')), {})
    })
    const check = async claims => claims.sub === 'alice' || (claims.sub === 'bob' && 'not today')
    testWith('check', { check }, async (ask, { lines }) => {
      open(await ask('/me', bearer(good)))
      for (const sub of ['bob', 'carol']) refused(await ask('/me', bearer(mint({ sub }))), 403, 'auth.check_refused', /insufficient_scope/)
      assert.ok(lines.some(line => line.startsWith('info auth.check_refused: ') && line.includes('not today')), lines.join())
      missing(await ask('/me'))
    })
    testWith('a check that throws lets nobody in', { check: () => assert.fail('broken') }, async ask =>
      assert.equal((await ask('/me', bearer(good))).status, 500))
    testWith('problem documents', { answer: 'problem' }, async ask => {
      const answer = await ask('/orders')
      missing(answer)
      assert.equal(answer.header('content-type'), 'application/problem+json')
      assert.deepEqual(JSON.parse(answer.body).status, 401)
      assert.equal(JSON.parse((await ask('/orders', bearer(mint({ exp: 1 })))).body).code, 'auth.token_expired')
      refused(await ask('/orders', bearer(mint())), 403, 'auth.insufficient_scope', /insufficient_scope/)
    })
    testWith('onError', { onError: framework.teapot }, async ask => {
      for (const headers of [[], bearer('x'), bearer(mint())]) {
        const answer = await ask('/orders', headers)
        assert.equal(answer.status, 418)
        assert.equal(answer.header('www-authenticate').startsWith('Bearer'), false)
      }
      open(await ask('/orders', bearer(good)))
    })
    test('options that are wrong are told at the start', async () => {
      const wrong = [
        { requires: 'x' }, { constructor: 'x' }, { require: undefined }, { require: '' }, { require: [] }, { optional: 'yes' }, { token: 'cookie' }, { check: true },
        { exclude: '/x' }, { exclude: ['x'] }, { exclude: ['/a*'] }, { exclude: ['/a/../b'] }, { preflight: undefined },
      ]
      for (const middleware of wrong) {
        const [option] = Object.keys(middleware)
        await assert.rejects(async () => framework.start(options, middleware), new RegExp(`^TypeError: .*${option}`))
      }
      class Getter {
        get require() {
          return 'admin'
        }
      }
      const shapes = [null, 5, true, 'admin', ['admin'], () => 1, new Map([['require', 'admin']]), new Getter(), Object.create({ require: 'admin' })]
      for (const shape of shapes) await assert.rejects(async () => framework.start(options, shape), TypeError)
      await assert.rejects(async () => framework.start(options, { require: 'a  b' }), { statusName: 'REQUIREMENT_INVALID' })
      await assert.rejects(async () => framework.start({ ...options, audienc: 'x' }), { statusName: 'OPTION_UNKNOWN' })
      await assert.rejects(async () => framework.start({ ...options, audience: undefined }), { statusName: 'OPTION_INVALID' })
    })
    test('options that change later change nothing', async () => {
      const middleware = { require: ['admin'], exclude: ['/healthz'] }
      const changing = await framework.start(options, middleware)
      try {
        middleware.exclude.push('/*')
        middleware.require[0] = 'read:orders'
        missing(await request(changing.url, '/me'))
        refused(await request(changing.url, '/me', bearer(good)), 403, 'auth.insufficient_scope', /scope="admin"/)
      } finally {
        await changing.close()
      }
    })
    test('a caller without any token', async () => {
      const fake = await framework.start(fakeAuth({ sub: 'alice', scope: 'read:orders' }))
      try {
        assert.equal(open(await request(fake.url, '/me')).sub, 'alice')
        open(await request(fake.url, '/orders'))
        refused(await request(fake.url, '/orders', ['Content-Length: 0'], 'POST'), 403, 'auth.insufficient_scope', /write:orders/)
      } finally {
        await fake.close()
      }
    })
    test('a closed Auth lets nobody in', async () => {
      const auth = new Auth(options)
      const host = await framework.start(auth)
      try {
        open(await request(host.url, '/me', bearer(good)))
        auth.close()
        refused(await request(host.url, '/me', bearer(good)), 500, 'auth.argument_invalid', '')
      } finally {
        await host.close()
      }
    })
  })
}

// Requests as no client library sends them. `world` says where the hosts' HTTP libraries differ.
import assert from 'node:assert/strict'
import { accepted, answers, bearer, exchange, head, refused, request } from './http.mjs'

export const raw = []
const test = (title, body) => raw.push([title, body])

const missing = answer => refused(answer, 401, 'auth.authorization_header_missing', 'Bearer')
const malformed = answer =>
  refused(answer, 401, 'auth.authorization_token_invalid_format', /^Bearer .*error="invalid_request"/)
const oneOf = (answer, statuses) => assert.ok(statuses.includes(answer.status), `status ${answer.status}, not ${statuses}`)
const close = 'Connection: close'

// ---------------------------------------------------------------- the header

test('an empty header', async ({ api }) => missing(await request(api, '/orders', ['Authorization:'])))
test('Bearer alone', async ({ api }) => malformed(await request(api, '/orders', ['Authorization: Bearer'])))
for (const [name, scheme] of ['authorization bearer', 'AUTHORIZATION BEARER', 'aUTHORIZATIOn bEaReR'].map(both => both.split(' ')))
  test(`the case of letters does not count: ${name}: ${scheme}`, async ({ api, tokens }) =>
    void accepted(await request(api, '/orders', [`${name}: ${scheme} ${tokens.RS256}`])))
test('two Authorization headers, both good', async ({ api, tokens }) =>
  malformed(await request(api, '/orders', [...bearer(tokens.RS256), ...bearer(tokens.RS256)])))
test('two Authorization headers, the second in lower case, another between', async ({ api, tokens }) =>
  malformed(await request(api, '/orders', [...bearer(tokens.RS256), 'X: y', 'authorization: Bearer x'])))
test('two Authorization headers, the first of another scheme', async ({ api, tokens }) =>
  malformed(await request(api, '/orders', ['Authorization: Basic eDp5', ...bearer(tokens.RS256)])))
test('two credentials with a comma', async ({ api, tokens }) =>
  malformed(await request(api, '/orders', [`Authorization: Bearer ${tokens.RS256}, Bearer ${tokens.RS256}`])))
test('a comma behind the token', async ({ api, tokens }) =>
  malformed(await request(api, '/orders', [`Authorization: Bearer ${tokens.RS256},`])))
test('a tab instead of the space', async ({ api, tokens }) =>
  malformed(await request(api, '/orders', [`Authorization: Bearer\t${tokens.RS256}`])))
test('a byte beyond ASCII', async ({ api, tokens }) => {
  malformed(await request(api, '/orders', [`Authorization: Bearer ${tokens.RS256}\xe9`]))
  malformed(await request(api, '/orders', [`Authorization: Bearer \xc3\xa9${tokens.RS256}`]))
})
test('a CR inside', async ({ api, tokens }) => {
  for (const value of [`${tokens.RS256}\rX: y`, `${tokens.RS256}\r`, `\r${tokens.RS256}`])
    oneOf(await request(api, '/orders', [`Authorization: Bearer ${value}`]), [400, 401])
})
test('CR LF ends the header, whatever follows', async ({ api, tokens }) => {
  const answer = await request(api, '/orders', [`Authorization: Bearer ${tokens.RS256}\r\nX-Injected: yes`])
  accepted(answer)
  assert.equal(answer.header('x-injected'), '')
  const [begin, end] = [tokens.RS256.slice(0, 50), tokens.RS256.slice(50)]
  oneOf(await request(api, '/orders', [`Authorization: Bearer ${begin}\r\n${end}`]), [400, 401])
  oneOf(await request(api, '/orders', [`Authorization: Bearer ${begin}\r\n ${end}`]), [400, 401]) // a folded line
})
test('a NUL', async ({ api, tokens, nulAfterToken }) => {
  oneOf(await request(api, '/orders', [`Authorization: Bearer \0${tokens.RS256}`]), [400, 401])
  oneOf(await request(api, '/orders', [`Authorization: \0Bearer ${tokens.RS256}`]), [400, 401])
  oneOf(await request(api, '/orders', [`Authorization: Bearer ${tokens.RS256.slice(0, 99)}\0${tokens.RS256.slice(99)}`]), [400, 401])
  oneOf(await request(api, '/orders', [`Authorization: Bearer ${tokens.RS256}\0`]), nulAfterToken)
  malformed(await request(api, '/orders', [`Authorization: Bearer ${tokens.RS256}%00`])) // cpp-httplib decodes it
})
test('a blank before the colon, and before the name', async ({ api, tokens }) => {
  oneOf(await request(api, '/orders', [`Authorization : Bearer ${tokens.RS256}`]), [400, 401])
  oneOf(await request(api, '/orders', [`X: y`, ` Authorization: Bearer ${tokens.RS256}`]), [400, 401])
})
test('a header beyond token.max_bytes', async ({ api, longHeader }) => {
  const answer = await request(api, '/orders', bearer('a'.repeat(17_000)))
  oneOf(answer, longHeader)
  if (answer.status === 401) refused(answer, 401, 'auth.token_too_large', /^Bearer .*error="invalid_token"/)
})
test('a header of 100 kB, and a request after it', async ({ api, tokens, hugeHeader }) => {
  for (let i = 0; i < 5; i++) oneOf(await request(api, '/orders', bearer('a'.repeat(100_000))), hugeHeader)
  accepted(await request(api, '/orders', bearer(tokens.RS256)))
})

// ---------------------------------------------------------------- methods and paths

test('HEAD is judged as GET, and has no body', async ({ api, tokens }) => {
  const open = await exchange(api, head('HEAD', '/orders', [...bearer(tokens.RS256), close]))
  assert.match(open, /^HTTP\/1\.1 200 /)
  assert.match(open, /\r\n\r\n$/)
  assert.equal(answers(open, ['HEAD'])[0].header('content-length'), '26')
  const shut = await exchange(api, head('HEAD', '/orders', [close]))
  assert.match(shut, /^HTTP\/1\.1 401 /)
  assert.match(shut, /\r\n\r\n$/)
  assert.equal(answers(shut, ['HEAD'])[0].header('www-authenticate'), 'Bearer')
})
test('OPTIONS needs no token, and lets no other origin in', async ({ api, options }) => {
  const preflight = ['Origin: https://app.example', 'Access-Control-Request-Method: GET', 'Access-Control-Request-Headers: authorization']
  const answer = await request(api, '/orders', preflight, 'OPTIONS')
  assert.equal(answer.status, options)
  if (options === 204) assert.deepEqual(answer.header('allow').split(', ').sort(), ['GET', 'HEAD', 'OPTIONS', 'POST'])
  for (const name of ['origin', 'headers', 'methods']) assert.equal(answer.header(`access-control-allow-${name}`), '')
  assert.equal((await request(api, '/nowhere', preflight, 'OPTIONS')).status, 404)
})
test('other methods', async ({ api, tokens, unknownMethod }) => {
  for (const method of ['DELETE', 'PUT', 'PATCH', 'TRACE']) {
    const answer = await request(api, '/orders', bearer(tokens.RS256), method)
    assert.equal(answer.status, 405)
    assert.match(answer.header('allow'), /GET/)
  }
  oneOf(await request(api, '/orders', [], 'get'), unknownMethod)
  oneOf(await request(api, '/orders', [], 'ORDERS'), unknownMethod)
})
test('no way around the path', async ({ api, tokens, elsewhere, decodes }) => {
  for (const path of ['/orders/', '//orders', '/ORDERS', '/orders;x', '/./orders', '/healthz/../orders', '/healthz%2f..%2forders', '*', '/'])
    for (const headers of [[], bearer(tokens.RS256)]) oneOf(await request(api, path, headers), elsewhere)
  for (const path of ['/orders?x=1', '/%6frders', '/orders%00', '/orders%00/x', '/orders#x', 'http://api/orders', '/orders?/healthz']) {
    const answer = await request(api, path)
    oneOf(answer, [400, 401, ...elsewhere])
    assert.ok(!answer.body.includes('lamp'))
  }
  missing(await request(api, '/orders?x=1'))
  accepted(await request(api, '/orders?x=1', bearer(tokens.RS256)))
  if (decodes) missing(await request(api, '/%6frders'))
})
test('HTTP/1.0, and no HTTP', async ({ api, tokens }) => {
  const old = headers => exchange(api, ['GET /orders HTTP/1.0', ...headers, '', ''].join('\r\n'))
  assert.match(await old(bearer(tokens.RS256)), /^HTTP\/1\.\d 200 /)
  assert.match(await old([]), /^HTTP\/1\.\d 401 /)
  for (const text of ['GET /orders\r\n\r\n', '\0\0\0\r\n\r\n', 'x'.repeat(100) + '\r\n\r\n'])
    assert.doesNotMatch(await exchange(api, text), /^HTTP\/1\.\d 2/)
})

// ---------------------------------------------------------------- connections

test('pipelined requests are judged each by its own header', async ({ api, tokens, keepsAlive }) => {
  const requests = [head('GET', '/me', bearer(tokens.RS256)), head('GET', '/me', []), head('GET', '/orders', [...bearer(tokens.ES256), close])]
  for (const parts of [[requests.join('')], requests]) {
    const [first, second, third, ...more] = answers(await exchange(api, ...parts))
    accepted(first)
    assert.deepEqual(more, [])
    if (!keepsAlive) {
      assert.equal(second, undefined)
      assert.equal(first.header('connection'), 'close')
      continue
    }
    missing(second)
    accepted(third)
  }
})
test('the body of a refused request is no request', async ({ api, tokens, options }) => {
  const inner = head('GET', '/me', bearer(tokens.RS256))
  for (const [method, headers] of [['POST', []], ['GET', []], ['GET', bearer(tokens.RS256)], ['PUT', []], ['OPTIONS', []]]) {
    const outer = head(method, '/orders', [...headers, `Content-Length: ${inner.length}`])
    const last = head('GET', '/healthz', [close])
    for (const parts of [[outer, inner, last], [outer + inner, last], [outer + inner + last]]) {
      const [first, ...more] = answers(await exchange(api, ...parts))
      assert.equal(first.status, headers.length > 0 ? 200 : { POST: 401, GET: 401, PUT: 405, OPTIONS: options }[method])
      assert.ok(more.length <= 1, `${method}: ${more.length + 1} answers to two requests`)
      for (const answer of more) assert.deepEqual(accepted(answer), { status: 'alive' })
    }
  }
})
test('a body without an end is not read to it', async ({ api }) => {
  // 2 MiB in chunks, and never the last one: whoever reads on waits for it, until 10 s without a byte.
  const began = Date.now()
  const body = `10000\r\n${'x'.repeat(0x10000)}\r\n`.repeat(32)
  const text = await exchange(api, head('POST', '/orders', ['Transfer-Encoding: chunked', close]), body)
  assert.doesNotMatch(text, /^HTTP\/1\.1 2/)
  assert.ok(Date.now() - began < 8_000, 'the connection is closed by its length, not by its silence')
})
test('a chunked body, and one that never comes', async ({ api, tokens }) => {
  const chunked = head('POST', '/orders', [...bearer(tokens.RS256), 'Transfer-Encoding: chunked', close])
  refused(answers(await exchange(api, chunked, '5\r\nhello\r\n', '0\r\n\r\n'))[0], 403, 'auth.insufficient_scope', /write:orders/)
  const waiting = exchange(api, head('POST', '/orders', ['Content-Length: 9', close])) // closed by the host, sooner or later
  accepted(await request(api, '/orders', bearer(tokens.RS256)))
  assert.doesNotMatch(await waiting, /^HTTP\/1\.1 2/)
})

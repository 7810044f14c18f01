// What is accepted and refused, and how it is answered: tokens of oidc-provider, raw sockets.
import assert from 'node:assert/strict'
import { audience, bearer, echoServer, refused, request, second, startNginx, test, token, until } from './harness.mjs'

export async function answers(issuer) {
  const upstream = await echoServer()
  const failing = await echoServer(401)
  const nginx = await startNginx(`
    auth_bearer_option issuer ${issuer};
    auth_bearer_option audience ${audience};
    large_client_header_buffers 4 32k;
    server {
      listen 127.0.0.1:PORT;
      auth_bearer on;
      location / { proxy_pass http://127.0.0.1:${upstream}; }
      location /orders { auth_bearer_require "read:orders"; proxy_pass http://127.0.0.1:${upstream}; }
      location /either { auth_bearer_require "write:orders|role:reader"; proxy_pass http://127.0.0.1:${upstream}; }
      location /orders/any { auth_bearer_require ""; proxy_pass http://127.0.0.1:${upstream}; }
      location /public { auth_bearer off; proxy_pass http://127.0.0.1:${upstream}; }
      location /optional { auth_bearer optional; proxy_pass http://127.0.0.1:${upstream}; }
      location /second/optional { auth_bearer optional; proxy_pass http://127.0.0.1:${upstream}; }
      location /failing { proxy_pass http://127.0.0.1:${failing}; }
      location /failing/optional { auth_bearer optional; proxy_pass http://127.0.0.1:${failing}; }
    }`, { main: `load_module ${second};` })
  const good = await token(issuer)
  const weak = await token(issuer, audience, 'write:orders')
  const parts = good.split('.')
  const encoded = value => Buffer.from(JSON.stringify(value)).toString('base64url')
  const claims = JSON.parse(Buffer.from(parts[1], 'base64url'))
  const ask = (headers, path = '/', method, body) => request(nginx, path, headers, method, body)
  const invalid = /^Bearer .*error="invalid_token"/
  const malformed = /^Bearer .*error="invalid_request"/

  test('a token is accepted, and its request reaches the upstream', async () => {
    const answer = await ask(bearer(good), '/orders')
    assert.equal(answer.status, 200)
    assert.equal(answer.header('www-authenticate'), '')
    assert.ok(JSON.parse(answer.body).some(([name, value]) => name === 'Authorization' && value === `Bearer ${good}`))
  })
  test('the scheme in another case', async () => assert.equal((await ask([`aUTHORIZATION: bEaReR ${good}`])).status, 200))
  test('a scope is missing', async () =>
    refused(await ask(bearer(weak), '/orders'), 403, 'auth.insufficient_scope', /error="insufficient_scope".*scope="read:orders"/))
  test('a location below needs something else, or nothing', async () => {
    assert.equal((await ask(bearer(good), '/either')).status, 200)
    assert.equal((await ask(bearer(weak), '/orders/any')).status, 200)
  })
  const kinds = [
    ['no header', [], 'auth.authorization_header_missing', 'Bearer'],
    ['an empty header', ['Authorization:'], 'auth.authorization_header_missing', 'Bearer'],
    ['Basic', [`Authorization: Basic ${btoa('a:b')}`], 'auth.authorization_token_type_not_supported', 'Bearer'],
    ['Bearer alone', ['Authorization: Bearer'], 'auth.authorization_token_invalid_format', malformed],
    ['a comma', [`Authorization: Bearer ${good}, Bearer ${good}`], 'auth.authorization_token_invalid_format', malformed],
    ['a byte beyond ASCII', [`Authorization: Bearer ${good}\xe9`], 'auth.authorization_token_invalid_format', malformed],
    ['a signature changed', bearer(`${parts[0]}.${parts[1]}.${'A'.repeat(parts[2].length)}`), 'auth.signature_invalid', invalid],
    ['a payload changed', bearer(`${parts[0]}.${encoded({ ...claims, sub: 'root' })}.${parts[2]}`), 'auth.signature_invalid', invalid],
    ['another issuer', bearer(`${parts[0]}.${encoded({ ...claims, iss: 'https://evil.example' })}.${parts[2]}`), 'auth.issuer_invalid', invalid],
    ['alg none', bearer(`${encoded({ alg: 'none' })}.${parts[1]}.`), 'auth.algorithm_not_allowed', invalid],
    ['no JWT', bearer('a.b.c'), 'auth.token_malformed', invalid],
    ['a token beyond token.max_bytes', bearer('a'.repeat(17_000)), 'auth.token_too_large', invalid],
  ]
  for (const [name, headers, code, challenge] of kinds)
    test(`refused: ${name}`, async () => refused(await ask(headers), 401, code, challenge))
  test('refused: an opaque token', async () =>
    refused(await ask(bearer(await token(issuer, 'https://opaque.example'))), 401, 'auth.token_opaque', invalid))
  test('refused: a token for another audience', async () =>
    refused(await ask(bearer(await token(issuer, 'https://other.example'))), 401, 'auth.audience_invalid', invalid))
  test('two Authorization headers: nginx or the module refuses, the upstream gets neither', async () => {
    for (const second of [`Authorization: Bearer ${good}`, 'authorization: Bearer x', 'Authorization:']) {
      const answer = await ask([...bearer(good), 'X: y', second])
      // nginx 1.22 answers a second one itself.
      if (answer.status === 400) continue
      refused(answer, 401, 'auth.authorization_token_invalid_format', malformed)
    }
  })
  test('two Authorization headers that nginx let through', async () => {
    for (const path of ['/second', '/second/optional']) {
      refused(await ask(bearer(good), path), 401, 'auth.authorization_token_invalid_format', malformed)
      assert.match(nginx.errors(), /more than one Authorization header/)
    }
  })
  test('CR LF: a folded header, a bare CR and a bare LF smuggle nothing', async () => {
    for (const value of [`Bearer\r\n ${good}`, `Bearer ${good}\r\n\tx`, `Bearer \r${good}`, `Bearer \0${good}`])
      assert.ok([400, 401].includes((await ask([`Authorization: ${value}`])).status), JSON.stringify(value.slice(0, 12)))
    // A bare LF ends a line for nginx: the header before it is `Bearer` alone.
    assert.ok([400, 401].includes((await ask([`Authorization: Bearer \n${good}`])).status))
  })
  test('a header of 100 kB is refused by nginx, and the next request is served', async () => {
    assert.equal((await ask(bearer('a'.repeat(100_000)))).status, 400)
    assert.equal((await ask(bearer(good))).status, 200)
  })
  test('HEAD: the challenge without a body', async () => {
    const answer = await ask([], '/', 'HEAD')
    assert.equal(answer.status, 401)
    assert.equal(answer.header('www-authenticate'), 'Bearer')
    assert.equal(answer.body, '')
  })
  test('POST: the body of a refused request is no request of its own', async () => {
    const get = (path, connection) => `GET ${path} HTTP/1.1\r\nHost: api\r\nConnection: ${connection}\r\n\r\n`
    const inside = get('/public?inside', 'keep-alive')
    const headers = ['Connection: keep-alive', `Content-Length: ${inside.length}`]
    const answer = await ask(headers, '/', 'POST', inside + get('/public?behind', 'close'))
    assert.equal(answer.status, 401)
    assert.equal(answer.body.match(/HTTP\/1.1 200/g)?.length, 1)
    await until('the second request is logged', () => nginx.access().some(line => line.includes('/public?behind')))
    assert.ok(!nginx.access().some(line => line.includes('/public?inside')))
  })
  test('off and optional without a token: served; optional with a bad one: refused', async () => {
    assert.equal((await ask([], '/public')).status, 200)
    assert.equal((await ask(bearer('x'), '/public')).status, 200)
    assert.equal((await ask([], '/optional')).status, 200)
    assert.equal((await ask(bearer(good), '/optional')).status, 200)
    refused(await ask(bearer('x'), '/optional'), 401, 'auth.token_opaque', invalid)
    refused(await ask([`Authorization: Basic ${btoa('a:b')}`], '/optional'), 401, 'auth.authorization_token_type_not_supported', 'Bearer')
  })
  test('a 401 of the upstream gets no challenge of ours', async () => {
    for (const [path, headers] of [['/failing', bearer(good)], ['/failing/optional', []]]) {
      const answer = await ask(headers, path)
      assert.equal(answer.status, 401)
      assert.equal(answer.header('www-authenticate'), '')
    }
  })
  test('variables stand in the access log, and no token in any log', async () => {
    const order = line => ['/orders', '/optional', '/public'].findIndex(path => line.includes(path)) * 1000 + Number(line.slice(0, 3))
    await ask(bearer(good), '/orders?log')
    await ask(bearer(weak), '/orders?log')
    await ask([], '/optional?log')
    await ask([], '/public?log')
    const logged = () => nginx.access().filter(line => line.includes('?log'))
    await until('all are logged', () => logged().length >= 4)
    const lines = logged().sort((a, b) => order(a) - order(b))
    assert.deepEqual(lines, [
      '200 /orders?log subject=[svc] scopes=[read:orders] code=[ok]',
      '403 /orders?log subject=[-] scopes=[-] code=[auth.insufficient_scope]',
      '200 /optional?log subject=[-] scopes=[-] code=[auth.authorization_header_missing]',
      '200 /public?log subject=[-] scopes=[-] code=[-]',
    ])
    assert.match(nginx.errors(), /auth_bearer: auth\.insufficient_scope: /)
    // nginx itself writes header lines that it refuses at level info, such as a second Authorization: docs/nginx.md says so.
    const own = nginx.errors().split('\n').filter(line => !/\[info\].*client sent (duplicate|invalid) header line/.test(line)).join()
    for (const part of [...parts, ...weak.split('.')].filter(part => part !== parts[0])) {
      assert.ok(!own.includes(part), 'the error log has a part of a token')
      assert.ok(!nginx.access().join().includes(part), 'the access log has a part of a token')
    }
  })
}

// Where the decision stands among the phases of nginx: redirects, subrequests, error pages, `return`, `satisfy`.
import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { bearer, echoServer, ownIssuer, refused, request, startNginx, test, until, work } from './harness.mjs'

export async function phases() {
  const upstream = await echoServer()
  const failing = await echoServer(401)
  const own = ownIssuer()
  const proxy = `proxy_pass http://127.0.0.1:${upstream}`
  writeFileSync(join(work, 'page.html'), 'file\n')
  writeFileSync(join(work, 'outer.html'), '[<!--#include virtual="/orders/part" wait="yes" -->]')
  writeFileSync(join(work, 'parts.html'), '<!--#include virtual="/part/forwarding" --> AND <!--#include virtual="/part" -->')
  writeFileSync(join(work, 'twice.html'), '[<!--#include virtual="/part?1" --><!--#include virtual="/part?2" -->]')
  const nginx = await startNginx(`
    ${own.options} auth_bearer on; ssi on; root ${work};
    server {
      listen 127.0.0.1:PORT;
      location / { ${proxy}; }
      location /orders { auth_bearer_require orders; ${proxy}; }
      location /part { ${proxy}; }

      location /returned { return 200 "no token was asked for\\n"; }
      location /rewritten { rewrite ^ /orders last; }
      location /tried { auth_bearer off; try_files /no-such-file /orders; }
      location /tried-file { auth_bearer off; try_files /no-such-file /page.html; }
      location = /page.html { }
      location /named { auth_bearer off; try_files /no-such-file @named; }
      location @named { ${proxy}; }

      location /branded { error_page 401 /login-page; ${proxy}; }
      location = /login-page { auth_bearer off; internal; ${proxy}; }
      location /redirected { error_page 401 = @login; ${proxy}; }
      location @login { auth_bearer off; return 302 https://login.example/; }
      location /looping { error_page 401 /orders; ${proxy}; }

      location /part/forwarding { auth_bearer_forward_claim X-Part sub; ${proxy}; }
      location = /parts.html { auth_bearer off; }
      location = /optional-asking { auth_bearer optional; auth_request /ask-any; ${proxy}; }
      location = /ask-any { ${proxy}; }
      location = /outer.html { auth_bearer off; }
      location = /twice.html { auth_bearer optional; }
      location /asking { auth_bearer off; auth_request /ask; auth_request_set $who $auth_subject; ${proxy}; }
      location = /ask { internal; auth_bearer_require orders; ${proxy}; }

      location /any { satisfy any; allow 127.0.0.1; deny all; ${proxy}; }
      location /any/failing { satisfy any; allow 127.0.0.1; deny all; proxy_pass http://127.0.0.1:${failing}; }
      location /any/denied { satisfy any; deny all; ${proxy}; }
      location /any/optional { satisfy any; auth_bearer optional; deny all; ${proxy}; }
      location /all { satisfy all; deny all; ${proxy}; }
      location /any/basic { satisfy any; auth_basic staff; auth_basic_user_file ${join(work, 'users')}; ${proxy}; }
    }`)
  writeFileSync(join(work, 'users'), 'ann:{PLAIN}secret\n')
  const plain = bearer(own.token({}))
  const orders = bearer(own.token({ scope: 'orders' }))
  const ask = (path, headers = []) => request(nginx, path, headers)
  const missing = answer => refused(answer, 401, 'auth.authorization_header_missing', 'Bearer')

  test('`return` answers before the access phase: no token is asked for', async () => {
    const answer = await ask('/returned')
    assert.deepEqual([answer.status, answer.body], [200, 'no token was asked for\n'])
  })
  test('rewrite and try_files: the place that serves decides', async () => {
    for (const path of ['/rewritten', '/tried']) {
      missing(await ask(path))
      refused(await ask(path, plain), 403, 'auth.insufficient_scope', /insufficient_scope/)
      assert.equal((await ask(path, orders)).status, 200, path)
    }
    missing(await ask('/tried-file'))
    assert.match((await ask('/tried-file', plain)).body, /file\n/)
    missing(await ask('/named'))
    assert.equal((await ask('/named', plain)).status, 200)
  })
  test('error_page: a page of the operator instead of the problem body, with the challenge', async () => {
    const answer = await ask('/branded')
    assert.deepEqual([answer.status, answer.all('www-authenticate')], [401, ['Bearer']])
    assert.match(answer.body, /"Host"/) // what the page's upstream answered
    assert.equal((await ask('/branded', plain)).status, 200)
  })
  test('error_page to another status: no challenge', async () => {
    const answer = await ask('/redirected')
    assert.deepEqual([answer.status, answer.header('location'), answer.all('www-authenticate')], [302, 'https://login.example/', []])
  })
  test('error_page to a protected place ends with the refusal', async () => {
    const answer = await ask('/looping')
    assert.deepEqual([answer.status, answer.all('www-authenticate')], [401, ['Bearer']])
    assert.equal((await ask('/looping', orders)).status, 200)
  })
  test('the log tells the decision also after a redirect', async () => {
    await ask('/branded?log')
    await ask('/redirected?log')
    await ask('/tried?log', orders)
    const logged = () => nginx.access().filter(line => line.includes('?log'))
    await until('all are logged', () => logged().length >= 3)
    const lines = ['/branded', '/redirected', '/tried'].map(path => logged().find(line => line.includes(path)))
    assert.deepEqual(lines, [
      '401 /branded?log subject=[-] scopes=[-] code=[auth.authorization_header_missing]',
      '302 /redirected?log subject=[-] scopes=[-] code=[auth.authorization_header_missing]',
      '200 /tried?log subject=[alice] scopes=[orders] code=[ok]',
    ])
  })
  test('a subrequest is judged: a public page includes a protected part with a token alone', async () => {
    const answer = await ask('/outer.html')
    assert.equal(answer.status, 200)
    assert.doesNotMatch(answer.body, /"Host"|auth\.authorization_header_missing/) // nginx's own page is in its place
    assert.doesNotMatch((await ask('/outer.html', plain)).body, /"Host"/)
    assert.match((await ask('/outer.html', orders)).body, /"Host"/)
  })
  test('two subrequests at once', async () => {
    assert.equal((await ask('/twice.html', plain)).body.match(/"Host"/g).length, 2)
    assert.equal((await ask('/twice.html')).body.match(/"Host"/g), null)
  })
  test('a claim that is forwarded for one subrequest is not in the next one', async () => {
    // More than the 20 headers of one part of nginx's list, which requests share.
    const many = Array.from({ length: 25 }, (_, i) => `X-Many-${i}: ${i}`)
    const [forwarding, plain_part] = (await ask('/parts.html', [...many, ...plain])).body.split(' AND ')
    assert.match(forwarding, /"X-Part","alice"/)
    assert.match(plain_part, /"X-Many-24"/)
    assert.doesNotMatch(plain_part, /X-Part/)
  })
  test('auth_request to a protected place: its answer is the answer', async () => {
    const answer = await ask('/asking')
    assert.deepEqual([answer.status, answer.all('www-authenticate')], [401, ['Bearer']])
    assert.deepEqual((await ask('/optional-asking')).all('www-authenticate'), ['Bearer'])
    assert.equal((await ask('/asking', plain)).status, 403)
    assert.equal((await ask('/asking', orders)).status, 200)
  })
  test('satisfy any: token or address', async () => {
    const answer = await ask('/any')
    assert.deepEqual([answer.status, answer.all('www-authenticate')], [200, []])
    const failed = await ask('/any/failing') // the 401 is of the upstream
    assert.deepEqual([failed.status, failed.all('www-authenticate')], [401, []])
    assert.equal((await ask('/any/denied', plain)).status, 200)
    assert.equal((await ask('/any/denied', bearer('x'))).status, 401)
    assert.deepEqual((await ask('/any/denied')).all('www-authenticate'), ['Bearer'])
  })
  test('satisfy any, optional: no token does not satisfy', async () => {
    assert.equal((await ask('/any/optional')).status, 403)
    assert.equal((await ask('/any/optional', plain)).status, 200)
  })
  test('satisfy all: token and address', async () => assert.equal((await ask('/all', plain)).status, 403))
  test('satisfy any with auth_basic: both challenges, or none', async () => {
    const answer = await ask('/any/basic')
    assert.deepEqual([answer.status, answer.all('www-authenticate').sort()], [401, ['Basic realm="staff"', 'Bearer']])
    assert.equal((await ask('/any/basic', plain)).status, 200)
    const basic = await ask('/any/basic', [`Authorization: Basic ${btoa('ann:secret')}`])
    assert.deepEqual([basic.status, basic.all('www-authenticate')], [200, []])
  })
}

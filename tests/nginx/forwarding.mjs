// Claims as headers: the upstream gets what was signed, and nothing that a client made up.
import assert from 'node:assert/strict'
import { bearer, echoServer, ownIssuer, request, startNginx, test } from './harness.mjs'

export async function forwarding() {
  const upstream = await echoServer()
  const own = ownIssuer()
  const forwards = `
    auth_bearer_forward_claim X-User sub;
    auth_bearer_forward_claim X-Level level;
    auth_bearer_forward_claim X-Admin /flags/admin;`
  const places = `
    location / { proxy_pass http://127.0.0.1:${upstream}; }
    location /more { auth_bearer_forward_claim X-Tenant tenant; proxy_pass http://127.0.0.1:${upstream}; }
    location /instead { auth_bearer_forward_claim x-user tenant; proxy_pass http://127.0.0.1:${upstream}; }
    location /optional { auth_bearer optional; proxy_pass http://127.0.0.1:${upstream}; }
    location /off { auth_bearer off; proxy_pass http://127.0.0.1:${upstream}; }
    location /variable { proxy_set_header X-Copied $auth_subject; proxy_pass http://127.0.0.1:${upstream}; }
    location /again { error_page 404 = /more; return 404; }
    location /limited { limit_req zone=by_user burst=100; proxy_set_header X-Copied $http_x_user; proxy_pass http://127.0.0.1:${upstream}; }
    location /if { if ($http_x_user = nobody) { return 403; } proxy_set_header X-Copied $http_x_user; proxy_pass http://127.0.0.1:${upstream}; }
    location /set { set $early $http_x_user; proxy_set_header X-Copied $early; proxy_pass http://127.0.0.1:${upstream}; }
    location /early { auth_bearer optional; limit_req zone=by_user burst=100; proxy_set_header X-User $http_x_user; proxy_pass http://127.0.0.1:${upstream}; }`
  const nginx = await startNginx(`
    ${own.options} auth_bearer on; ${forwards}
    limit_req_zone $http_x_user zone=by_user:1m rate=1000r/s;
    server { listen 127.0.0.1:PORT; ${places} }`)
  const lax = await startNginx(`
    ${own.options} auth_bearer on; ${forwards}
    limit_req_zone $http_x_user zone=by_user:1m rate=1000r/s;
    underscores_in_headers on; ignore_invalid_headers off;
    server { listen 127.0.0.1:PORT; ${places} }`)

  async function arrives(headers, path = '/', to = nginx) {
    const answer = await request(to, path, headers)
    assert.equal(answer.status, 200, answer.body)
    const got = {}
    for (const [name, value] of JSON.parse(answer.body)) (got[name.toLowerCase()] ??= []).push(value)
    return got
  }
  const forged = ['X-User: root', 'x-user: root', 'X-LEVEL: 9', 'X-Admin: true', 'X-Tenant: other', 'X-Other: kept']

  test('claims arrive once, and the forged ones do not', async () => {
    const got = await arrives([...forged, ...bearer(own.token({ level: 3, flags: { admin: false } })), ...forged])
    assert.deepEqual([got['x-user'], got['x-level'], got['x-admin']], [['alice'], ['3'], ['false']])
    assert.deepEqual(got['x-other'], ['kept', 'kept'])
    assert.equal(got['authorization'].length, 1)
  })
  for (const [path, copied] of [['/limited', ['alice']], ['/if', ['alice']], ['/set', undefined]])
    test(`${path}: what is read before the access phase is not the client's own`, async () => {
      const got = await arrives([...forged, ...bearer(own.token({}))], path)
      assert.deepEqual([got['x-user'], got['x-copied']], [['alice'], copied])
    })
  test('/early: nor without a token', async () => {
    const got = await arrives(forged, '/early')
    assert.deepEqual(got['x-user'], undefined)
  })
  test('an absent claim leaves the header cleared', async () => {
    const got = await arrives([...forged, ...bearer(own.token({}))])
    assert.deepEqual([got['x-user'], got['x-level'], got['x-admin']], [['alice'], undefined, undefined])
  })
  test('a location adds to what is forwarded above it, or replaces one', async () => {
    const token = bearer(own.token({ tenant: 't1', level: 3 }))
    const more = await arrives([...forged, ...token], '/more')
    assert.deepEqual([more['x-tenant'], more['x-user'], more['x-level']], [['t1'], ['alice'], ['3']])
    const instead = await arrives([...forged, ...token], '/instead')
    assert.deepEqual([instead['x-tenant'], instead['x-user'], instead['x-level']], [['other'], ['t1'], ['3']])
    const again = await arrives([...forged, ...token], '/again')
    assert.deepEqual([again['x-tenant'], again['x-user']], [['t1'], ['alice']])
  })
  for (const path of ['/optional', '/off'])
    test(`${path} without a token: the client's own are cleared all the same`, async () => {
      const got = await arrives(forged, path)
      assert.deepEqual([got['x-user'], got['x-level'], got['x-admin']], [undefined, undefined, undefined])
      assert.deepEqual(got['x-other'], ['kept'])
    })
  test('many headers, so that they fill more than one part of the list', async () => {
    const many = Array.from({ length: 60 }, (_, i) => `X-Many-${i}: ${i}`)
    const got = await arrives([...many, ...forged, ...bearer(own.token({ level: 3 })), ...many.map(line => line.replace('Many', 'More'))])
    for (let i = 0; i < 60; i++) assert.deepEqual([got[`x-many-${i}`], got[`x-more-${i}`]], [[`${i}`], [`${i}`]])
    assert.deepEqual([got['x-user'], got['x-level']], [['alice'], ['3']])
  })
  test('X_User: dropped by nginx itself, and by the module where nginx was told to let it pass', async () => {
    const names = ['X_User: root', 'x_user: root', 'X.User: root', 'X_Other: kept']
    const strict = await arrives([...names, ...bearer(own.token({}))])
    assert.deepEqual([strict['x_user'], strict['x.user'], strict['x_other'], strict['x-user']], [undefined, undefined, undefined, ['alice']])
    for (const path of ['/', '/optional', '/off']) {
      const got = await arrives([...names, ...(path === '/' ? bearer(own.token({})) : [])], path, lax)
      assert.deepEqual([got['x_user'], got['x.user'], got['x_other']], [undefined, undefined, ['kept']])
      assert.deepEqual(got['x-user'], path === '/' ? ['alice'] : undefined)
    }
  })

  const odd = [
    ['an object', { a: 1 }, 'is not text, number or boolean'],
    ['an array', ['root'], 'is not text, number or boolean'],
    ['null', null, 'is not text, number or boolean'],
    ['a text that reads like an array', '["root"]', 'is not text, number or boolean'],
    ['CR LF', '3\r\nX-Admin: true', 'holds a control byte'],
    ['a tab', '3\t', 'holds a control byte'],
    ['DEL', '3\x7f', 'holds a control byte'],
    ['NUL', '3\0', 'is not text, number or boolean'],
    ['an empty text', '', 'is empty'],
    ['a blank before', ' 3', 'begins or ends with a blank'],
    ['a blank behind', '3 ', 'begins or ends with a blank'],
  ]
  for (const [name, level, why] of odd)
    test(`not forwarded: ${name}`, async () => {
      const before = nginx.errors().length
      const got = await arrives([...forged, ...bearer(own.token({ level }))])
      assert.deepEqual([got['x-level'], got['x-admin'], got['x-user']], [undefined, undefined, ['alice']])
      assert.ok(nginx.errors().slice(before).includes(`auth_bearer: X-Level is not sent: the claim level ${why}`))
    })
  test('forwarded: text beyond ASCII, a comma, a big number, true', async () => {
    for (const [level, sent] of [['Zoë', 'Zoë'], ['a, b', 'a, b'], [12345678901, '12345678901'], [1.5, '1.5'], [true, 'true']]) {
      const got = await arrives(bearer(own.token({ level })))
      assert.equal(Buffer.from(got['x-level'][0], 'latin1').toString(), sent)
    }
  })
  test('$auth_subject in proxy_set_header: a line feed makes no header', async () => {
    assert.deepEqual((await arrives(bearer(own.token({})), '/variable'))['x-copied'], ['alice'])
    const got = await arrives(bearer(own.token({ sub: 'a\r\nX-Admin: true' })), '/variable')
    assert.deepEqual([got['x-copied'], got['x-admin'], got['x-user']], [undefined, undefined, undefined])
  })
}

// Keys and workers over time: a provider that is down or slow, rotation, reload, workers that end.
import assert from 'node:assert/strict'
import { chownSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { createServer as createHttpServer } from 'node:http'
import { connect } from 'node:net'
import { connect as connectHttp2, constants as http2 } from 'node:http2'
import { join } from 'node:path'
import { once } from 'node:events'
import { setTimeout as sleep } from 'node:timers/promises'
import {
  audience, bearer, echoServer, freePort, ownIssuer, refused, request, run, startNginx, startProvider, stopProvider, test, token, until, work,
} from './harness.mjs'

const place = (issuer, options = '', rest = '') => `
  auth_bearer_option issuer ${issuer}; auth_bearer_option audience ${audience}; ${options}
  server {
    listen 127.0.0.1:PORT;
    location / { auth_bearer on; ${rest} root ${work}; try_files /page =404; }
    location /echo { auth_bearer on; proxy_pass http://127.0.0.1:${upstream}; }
    location /open { return 200 "open\\n"; }
  }`

const upstream = await echoServer()

// A key set that comes when it is let go.
async function slowIssuer() {
  const own = ownIssuer()
  const jwks = /keys\.jwks '(.*)'/.exec(own.options)[1]
  let waiting = []
  const server = createHttpServer((_request, response) => waiting.push(response)).listen(0, '127.0.0.1')
  server.unref()
  await once(server, 'listening')
  return {
    token: own.token,
    options: `auth_bearer_option keys.jwks_uri http://127.0.0.1:${server.address().port}/;`,
    fetches: () => waiting.length,
    release: () => waiting.splice(0).forEach(response => response.end(jwks)),
  }
}

export async function lifecycle(issuer) {
  writeFileSync(join(work, 'page'), 'page\n')
  const port = Number(new URL(issuer).port)
  const gone = pid => !existsSync(`/proc/${pid}`)

  test('keys that are awaited hold up no other request, and all waiting requests end with one fetch a worker', async () => {
    const slow = await slowIssuer()
    const nginx = await startNginx(place('https://own.example', slow.options), { workers: 1 })
    await until('the first fetch', () => slow.fetches() === 1)
    const waiting = Array.from({ length: 50 }, () => request(nginx, '/', bearer(slow.token({}))))
    const forgotten = connect(nginx.port, '127.0.0.1') // a client that goes away while it waits
    forgotten.write(`GET / HTTP/1.1\r\nHost: api\r\n${bearer(slow.token({}))[0]}\r\n\r\n`)
    await sleep(500)
    forgotten.destroy()
    const posted = request(nginx, '/echo', [...bearer(slow.token({})), 'Content-Length: 4'], 'POST', 'body')
    let ended = 0
    for (const one of waiting) one.then(() => ended++)
    for (let i = 0; i < 20; i++) assert.equal((await request(nginx, '/open')).status, 200)
    refused(await request(nginx, '/', []), 401, 'auth.authorization_header_missing', 'Bearer')
    assert.equal(ended, 0)
    await until('the client that went away is noticed', () => / 499 |^499 /m.test(nginx.access().join('\n')))
    assert.equal(slow.fetches(), 1)
    slow.release()
    for (const answer of await Promise.all(waiting)) assert.deepEqual([answer.status, answer.body], [200, 'page\n'])
    assert.deepEqual(JSON.parse((await posted).body).at(-1), ['body', 'body'])
  })
  test('HTTP/2: many streams of one connection wait, one of them is given up', async () => {
    const slow = await slowIssuer()
    const config = place('https://own.example', slow.options).replace('PORT;', 'PORT http2;')
    const nginx = await startNginx(config, { workers: 1 })
    const session = connectHttp2(`http://127.0.0.1:${nginx.port}`)
    const stream = path => session.request({ ':path': path, authorization: bearer(slow.token({}))[0].slice(15) })
    const status = async one => (await once(one, 'response'))[0][':status']
    const waiting = Array.from({ length: 20 }, () => status(stream('/')))
    const given_up = stream('/echo').on('error', () => {})
    await sleep(300)
    given_up.close(http2.NGHTTP2_CANCEL)
    assert.equal(await status(stream('/open')), 200)
    slow.release()
    assert.deepEqual(new Set(await Promise.all(waiting)), new Set([200]))
    session.close()
  })
  test('keys that never come: 503 with Retry-After after keys.timeout', async () => {
    const slow = await slowIssuer()
    const nginx = await startNginx(place('https://own.example', `${slow.options} auth_bearer_option keys.timeout 1s;`), { workers: 1 })
    const began = Date.now()
    const answer = await request(nginx, '/', bearer(slow.token({})))
    assert.equal(answer.status, 503)
    assert.equal(answer.header('content-type'), 'application/problem+json')
    assert.ok(Number(answer.header('retry-after')) >= 1)
    assert.equal(answer.header('www-authenticate'), '')
    assert.ok(Date.now() - began < 15_000)
    await nginx.stop()
  })
  test('a worker that is told to end first answers who waits for keys', async () => {
    const slow = await slowIssuer()
    const nginx = await startNginx(place('https://own.example', slow.options), { workers: 1 })
    const waiting = request(nginx, '/', bearer(slow.token({})))
    await sleep(300)
    const stopped = nginx.stop()
    await sleep(300)
    slow.release()
    assert.equal((await waiting).status, 200)
    assert.equal(await stopped, 0)
  })

  test('started while the provider is down: 503, open places served, and 200 once it is up', async () => {
    const free = await freePort()
    const nginx = await startNginx(place(`http://127.0.0.1:${free}`))
    const elsewhere = await token(issuer)
    const own = `http://127.0.0.1:${free}`
    const claims = { ...JSON.parse(Buffer.from(elsewhere.split('.')[1], 'base64url')), iss: own }
    const fake = `${elsewhere.split('.')[0]}.${Buffer.from(JSON.stringify(claims)).toString('base64url')}.${elsewhere.split('.')[2]}`
    const answer = await request(nginx, '/', bearer(fake))
    refused(answer, 503, 'auth.discovery_failed', '')
    assert.ok(Number(answer.header('retry-after')) >= 1)
    assert.equal((await request(nginx, '/open')).status, 200)
    stopProvider()
    await startProvider(free)
    const good = bearer(await token(own))
    for (let i = 0; i < 4; i++) await until('accepted', async () => (await request(nginx, '/', good)).status === 200)
    stopProvider()
    await startProvider(port)
  })
  test('the provider is restarted with a new key of the same id: both workers accept its tokens', async () => {
    const nginx = await startNginx(place(issuer))
    const old = bearer(await token(issuer))
    for (let i = 0; i < 8; i++) assert.equal((await request(nginx, '/', old)).status, 200)
    stopProvider()
    for (let i = 0; i < 8; i++) assert.equal((await request(nginx, '/', old)).status, 200, 'the provider is down')
    await startProvider(port)
    const fresh = bearer(await token(issuer))
    const statuses = async headers => (await Promise.all(Array.from({ length: 16 }, () => request(nginx, '/', headers)))).map(answer => answer.status)
    await until('accepted by all', async () => (await statuses(fresh)).every(status => status === 200))
    assert.ok((await statuses(old)).every(status => status === 401))
  })

  test('reload under load: every answer is 200, old workers end', async () => {
    const nginx = await startNginx(place(issuer))
    const good = await token(issuer)
    const load = run('wrk', ['-t1', '-c20', '-d10s', '-H', `Authorization: Bearer ${good}`, `http://127.0.0.1:${nginx.port}/`])
    const old = []
    await sleep(1000)
    for (let i = 0; i < 5; i++) {
      old.push(...(await nginx.reload()))
      await sleep(1000)
    }
    const { code, output } = await load
    assert.equal(code, 0)
    assert.doesNotMatch(output, /Non-2xx/)
    const statuses = new Set(nginx.access().map(line => line.slice(0, 3)))
    statuses.delete('499') // wrk ends in the middle of its last requests
    assert.deepEqual([...statuses], ['200'])
    assert.ok(nginx.access().length > 1000)
    assert.equal(new Set(old).size, 10)
    await until('the old workers have ended', () => old.every(gone))
    assert.equal(nginx.workers().length, 2)
  })
  test('reload takes new options, and a bad file leaves the old ones in force', async () => {
    const nginx = await startNginx(place(issuer))
    const good = bearer(await token(issuer))
    assert.equal((await request(nginx, '/', good)).status, 200)
    nginx.write(place(issuer, '', 'auth_bearer_require admin;'))
    const old = await nginx.reload()
    await until('the old workers have ended', () => old.every(gone))
    assert.equal((await request(nginx, '/', good)).status, 403)
    nginx.write(place(issuer, 'auth_bearer_option audiense x;'))
    process.kill(nginx.pid, 'SIGHUP')
    await until('the mistake is told', () => /\[emerg\] .*did you mean audience\?/.test(nginx.errors()))
    assert.equal((await request(nginx, '/', good)).status, 403)
    nginx.expected = /\[emerg\].*(audiense|option_missing)/
  })
  test('reload while the provider is down: keys.snapshot brings the keys over', async () => {
    const folder = join(work, 'snapshot')
    mkdirSync(folder, { mode: 0o700 })
    if (process.getuid() === 0) chownSync(folder, 65534, 65534)
    const nginx = await startNginx(place(issuer, `auth_bearer_option keys.snapshot ${folder};`))
    const good = bearer(await token(issuer))
    assert.equal((await request(nginx, '/', good)).status, 200)
    stopProvider()
    const old = await nginx.reload()
    await until('the old workers have ended', () => old.every(gone))
    for (let i = 0; i < 8; i++) assert.equal((await request(nginx, '/', good)).status, 200)
    await startProvider(port)
  })
  test('a worker that is killed is replaced, and the new one serves', async () => {
    const nginx = await startNginx(place(issuer), { workers: 1 })
    const [first] = nginx.workers()
    process.kill(Number(first), 'SIGKILL')
    await until('another worker', () => nginx.workers().length === 1 && nginx.workers()[0] !== first)
    assert.equal((await request(nginx, '/', bearer(await token(issuer)))).status, 200)
    nginx.expected = /\[alert\].*exited on signal 9/
  })
  test('30 reloads with 100 handles: the master keeps none of the old ones', async () => {
    const rss = pid => Number(/^VmRSS:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))[1])
    const grown = async inside => {
      const nginx = await startNginx(inside, { workers: 1 })
      const reload = async times => {
        for (let i = 0; i < times; i++) {
          const [old] = await nginx.reload()
          await until('the old worker has ended', () => gone(old))
        }
      }
      await reload(5)
      const before = rss(nginx.pid)
      await reload(30)
      return rss(nginx.pid) - before
    }
    const own = ownIssuer()
    const plain = await grown('server { listen 127.0.0.1:PORT; }')
    const locations = Array.from({ length: 100 }, (_, i) => `location /${i} { ${own.options} auth_bearer on; }`)
    const ours = await grown(`server { listen 127.0.0.1:PORT; ${locations.join(' ')} }`)
    assert.ok(ours - plain < 1024, `${ours} kB beside ${plain} kB`)
  })
}

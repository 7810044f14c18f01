// Who waits for keys, for how long, and who does not.
import assert from 'node:assert/strict'
import { getEventListeners, once } from 'node:events'
import { readFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { createServer } from 'node:net'
import { after, afterEach, before, test } from 'node:test'
import { Auth } from 'libauth'
import { audience, startIssuer } from './issuer.mjs'

const { native } = createRequire(import.meta.url)('../dist/native.js')
let issuer, token
before(async () => {
  issuer = await startIssuer()
  token = await issuer.token()
})
afterEach(() => issuer.fault())
after(() => issuer.stop())

const pending = promise => Promise.race([promise.then(() => false, () => false), new Promise(done => setImmediate(done, true))])

test('1000 requests on a cold handle are one fetch', async t => {
  const refreshes = t.mock.method(native, 'refresh')
  await issuer.fault('discovery', 'slow_head', { ms: 300 })
  await issuer.countFetches()
  const auth = new Auth(issuer.options)
  const asked = Array.from({ length: 1000 }, (_, place) => (place % 2 ? auth.verify(token) : auth.authorize(`Bearer ${token}`)))
  const verdicts = await Promise.all(asked)
  assert.ok(verdicts.every(verdict => verdict.subject === 'development'))
  assert.equal(refreshes.mock.callCount(), 1)
  assert.equal(await issuer.fetchesCounted(), 1)
})

test('a second KEYS_PENDING is the answer', async t => {
  // As if the fetch had ended and the keys had gone again.
  t.mock.method(native, 'refresh', (handle, _, done) => setImmediate(() => done(native.check(handle))))
  await issuer.fault('discovery', 'slow_head', { ms: 1000 })
  await assert.rejects(new Auth(issuer.options).verify(token), { statusName: 'KEYS_PENDING', status: 503 })
})

test('neither the event loop nor a file waits for providers that do not answer', async () => {
  const servers = Array.from({ length: 8 }, () => createServer(socket => socket.on('error', () => {})).listen(0, '127.0.0.1'))
  await Promise.all(servers.map(server => once(server, 'listening')))
  const issuers = servers.map(server => ({ issuer: `http://127.0.0.1:${server.address().port}` }))
  const auth = new Auth({ audience, issuers, keys: { timeout: 2 } })
  const refreshes = issuers.map(({ issuer }) => auth.refresh(issuer).then(() => 'fetched', error => error.statusName))
  // More than the threads of libuv's pool.
  for (let round = 0; round < 100; round++) {
    await readFile(import.meta.filename)
    await new Promise(setImmediate)
  }
  assert.deepEqual(await Promise.all(refreshes.map(pending)), refreshes.map(() => true))
  assert.deepEqual(await Promise.all(refreshes), refreshes.map(() => 'DISCOVERY_FAILED'))
  for (const server of servers) server.close()
})

test('an abort ends one wait, not the fetch', async () => {
  await issuer.fault('discovery', 'slow_head', { ms: 500 })
  const auth = new Auth(issuer.options)
  const reason = new Error('the client has gone')
  const controller = new AbortController()
  const { signal } = controller
  const left = auth.verify(token, { signal }), stays = auth.authorize(`Bearer ${token}`)
  assert.equal(await pending(left), true)
  controller.abort(reason)
  await assert.rejects(left, error => error === reason)
  assert.equal(await pending(stays), true)
  assert.equal((await stays).subject, 'development')
  assert.deepEqual(getEventListeners(signal, 'abort'), [])
})

test('a signal that was aborted before, one that times out, and one that nobody aborts', async () => {
  const warm = new Auth(issuer.options)
  await warm.verify(token)
  await assert.rejects(warm.verify(token, { signal: AbortSignal.abort('gone') }), error => error === 'gone')
  await issuer.fault('discovery', 'slow_head', { ms: 800 })
  const auth = new Auth(issuer.options)
  await assert.rejects(auth.verify(token, { signal: AbortSignal.timeout(20) }), { name: 'TimeoutError' })
  const { signal } = new AbortController()
  assert.equal((await auth.verify(token, { signal })).subject, 'development')
  assert.deepEqual(getEventListeners(signal, 'abort'), [])
})

test('one signal for as many waits as one likes', async t => {
  const warned = []
  const keep = warning => warned.push(warning.name)
  process.on('warning', keep)
  t.after(() => process.off('warning', keep))
  await issuer.fault('discovery', 'slow_head', { ms: 500 })
  const auth = new Auth(issuer.options)
  const controller = new AbortController()
  const { signal } = controller
  const asked = Array.from({ length: 30 }, () => auth.verify(token, { signal }))
  assert.equal(await pending(asked[0]), true)
  controller.abort('gone')
  for (const left of await Promise.allSettled(asked)) assert.equal(left.reason, 'gone')
  await new Promise(setImmediate) // a warning is told with the next tick
  assert.deepEqual(warned, [])
  assert.equal((await auth.verify(token)).subject, 'development')
  assert.deepEqual(getEventListeners(signal, 'abort'), [])
})

test('what is asked for is read before the wait', async () => {
  await issuer.fault('discovery', 'slow_head', { ms: 300 })
  const auth = new Auth(issuer.options)
  const how = { require: ['orders:write'] }
  const asked = auth.verify(token, how)
  how.require[0] = 'orders:read'
  delete how.require
  await assert.rejects(asked, { statusName: 'SCOPE_MISSING' })
})

test('an Auth that is closed while it fetches answers all who wait, at once', { timeout: 30_000 }, async () => {
  await issuer.fault('discovery', 'slow_head', { ms: 60_000 })
  const auth = new Auth({ ...issuer.options, keys: { timeout: 60 } })
  const { signal } = new AbortController()
  const asked = [auth.verify(token), auth.authorize(`Bearer ${token}`, { signal }), auth.refresh(), auth.refresh(issuer.url)]
  assert.deepEqual(await Promise.all(asked.map(pending)), asked.map(() => true))
  auth.close()
  for (const waiting of asked) await assert.rejects(waiting, { statusName: 'ARGUMENT_INVALID', log: 'this Auth is closed' })
  assert.deepEqual(getEventListeners(signal, 'abort'), [])
})

test('a key that came after the set was fetched', async () => {
  const auth = new Auth({ ...issuer.options, keys: { cooldown: '1s' } })
  await auth.verify(token)
  await fetch(`${issuer.url}/rotate`, { method: 'POST' })
  const newer = await issuer.token()
  await new Promise(done => setTimeout(done, 2100)) // until a refresh fetches again
  assert.equal((await auth.verify(newer)).subject, 'development')
  assert.equal(auth.report().issuers[0].fetches.ok, 2)
  token = newer
})

// The servers of examples/ as their README says to start them, with tokens of npm oidc-provider.
import assert from 'node:assert/strict'
import { execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { cpSync, mkdtempSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { bearer, request, soon, token } from '../../../../tests/hosts/http.mjs'
import { startProvider } from '../../../../tests/hosts/processes.mjs'
import { invalid, missing, refused } from './cases.mjs'

const root = fileURLToPath(new URL('../..', import.meta.url))
const audience = 'https://api.example'
const servers = { express: 'server.mjs', fastify: 'server.mjs', nest: 'server.js' }

// Inside this package, where `libauth/…` is itself and its own node_modules have the rest.
const work = mkdtempSync(join(root, '.example-'))
const running = new Set()
process.on('exit', () => {
  for (const child of running) child.kill('SIGKILL')
  rmSync(work, { recursive: true, force: true })
})

async function build(name) {
  const folder = join(work, name)
  cpSync(join(root, '../../examples', name), folder, { recursive: true, filter: path => !path.endsWith('package.json') })
  if (name === 'nest') await promisify(execFile)(process.execPath, [join(root, 'node_modules/typescript/bin/tsc'), '-p', folder])
  return join(folder, servers[name])
}

function run(program, variables) {
  const outside = Object.entries(process.env).filter(([name]) => !/^(LIBAUTH_|NODE_TEST)/.test(name))
  const child = spawn(process.execPath, [program, '0'], { env: { ...Object.fromEntries(outside), ...variables }, stdio: ['ignore', 'pipe', 'pipe'] })
  running.add(child.once('exit', () => running.delete(child)))
  const server = { child, log: '', ended: once(child, 'close') }
  server.url = new Promise((resolve, reject) => {
    const hear = text => {
      server.log += text
      const url = /^listening on (http:\S+)$/m.exec(server.log)?.[1]
      if (url) resolve(new URL(url.replace('[::1]', '127.0.0.1')))
    }
    child.stdout.setEncoding('utf8').on('data', hear)
    child.stderr.setEncoding('utf8').on('data', hear)
    child.once('close', () => reject(new Error(`it did not start: ${server.log}`)))
  })
  server.url.catch(() => {})
  return server
}

let provider, reader
before(async () => {
  provider = await startProvider()
  reader = await token(provider.issuer, audience)
})
after(() => provider.stop())

for (const name of Object.keys(servers))
  describe(`examples/${name}`, () => {
    let program
    before(async () => (program = await build(name)))

    test('serves, refuses, tells of itself, and ends', { timeout: 60_000 }, async () => {
      const server = run(program, { LIBAUTH_ISSUER: provider.issuer, LIBAUTH_AUDIENCE: audience })
      const url = await server.url
      const ask = (path, headers, method) => request(url, path, headers, method)
      const json = ({ status, body }) => [status, JSON.parse(body)]

      assert.deepEqual(json(await ask('/healthz')), [200, { status: 'alive' }])
      assert.equal((await ask('/readyz')).status, 503)
      await soon(async () => assert.deepEqual(json(await ask('/readyz')), [200, { status: 'ready' }]))

      assert.deepEqual(json(await ask('/orders', bearer(reader))), [200, { orders: ['book', 'lamp'] }])
      assert.equal(json(await ask('/me', bearer(reader)))[1].client_id, 'svc')
      const empty = 'Content-Length: 0'
      refused(await ask('/orders', [...bearer(reader), empty], 'POST'), 403, 'auth.insufficient_scope', /scope="write:orders"/)
      const writer = await token(provider.issuer, audience, 'write:orders')
      assert.deepEqual(json(await ask('/orders', [...bearer(writer), empty], 'POST')), [201, { added: 'lamp', by: 'svc' }])

      missing(await ask('/orders'))
      const answer = await ask('/me', bearer('x'))
      invalid(answer, 'auth.token_opaque')
      assert.equal(answer.header('content-type'), 'application/problem+json')
      assert.match((await ask('/metrics')).body, /^libauth_verifications_total\{.*status="OK"/m)
      assert.match(server.log, /auth\.token_opaque: /)
      server.child.kill('SIGTERM')
      await server.ended
    })
    test('a wrong start is told, and ends', { timeout: 60_000 }, async () => {
      const server = run(program, { LIBAUTH_ISSUER: provider.issuer, LIBAUTH_AUDIENCE: audience, LIBAUTH_KEYS_TTL: 'soon' })
      await assert.rejects(server.url)
      const [code] = await server.ended
      assert.equal(code, 1)
      assert.match(server.log, /keys\.ttl/i)
    })
  })

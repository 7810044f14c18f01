// Processes and workers that end while a fetch is under way.
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { after, before, test } from 'node:test'
import { startIssuer } from './issuer.mjs'

const program = name => `${import.meta.dirname}/programs/${name}`
let issuer
before(async () => {
  issuer = await startIssuer()
})
after(() => issuer.stop())

function start(...args) {
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'pipe'] })
  const told = { output: '', errors: '' }
  child.stdout.setEncoding('utf8').on('data', text => (told.output += text))
  child.stderr.setEncoding('utf8').on('data', text => (told.errors += text))
  return { child, told, ended: once(child, 'close') }
}

test('a worker that ends during a refresh', { timeout: 120_000 }, async () => {
  const token = await issuer.token()
  await issuer.fault('jwks', 'slow_head', { ms: 100 })
  const { told, ended } = start(program('workers.mjs'), issuer.url, token)
  assert.deepEqual(await ended, [0, null], told.errors)
  assert.equal(told.output, '120 workers ended\n')
})

test('a process that ends during a refresh', { timeout: 60_000 }, async () => {
  await issuer.fault('discovery', 'slow_head', { ms: 60_000 })
  for (const [way, code, signal] of [['exit', 5, null], ['throw', 1, null], ['killed', null, 'SIGTERM'], ['handled', 7, null], ['closed', 0, null], ['nothing', 0, null]]) {
    const { child, told, ended } = start(program('exit.mjs'), issuer.url, way)
    if (!['exit', 'throw', 'nothing'].includes(way)) child.stdout.once('data', () => child.kill())
    assert.deepEqual(await ended, [code, signal], `${way}: ${told.errors}`)
    // Who waits is answered before the process ends of itself.
    const answer = { closed: /^waiting\nARGUMENT_INVALID\n$/, nothing: /^waiting\nDISCOVERY_FAILED\n$/ }[way]
    if (answer) assert.match(told.output, answer)
  }
})

// The nginx module of examples/nginx on real sockets.      node tests/nginx/run.mjs [answers|forwarding|phases|lifecycle|setup]...
// Prints a line a case; the last line is "N passed, N failed".
import assert from 'node:assert/strict'
import { buildModule, nginxes, runCases, startProvider, test } from './harness.mjs'
import { answers } from './answers.mjs'
import { forwarding } from './forwarding.mjs'
import { lifecycle } from './lifecycle.mjs'
import { phases } from './phases.mjs'
import { setup } from './setup.mjs'

setTimeout(() => {
  console.error('nginx: not done after 10 minutes')
  process.exit(1)
}, 600_000).unref()

const sets = { setup, answers, forwarding, phases, lifecycle }
const names = process.argv.slice(2)
await buildModule()
const issuer = await startProvider()
for (const [name, add] of Object.entries(sets)) if (names.length === 0 || names.includes(name)) await add(issuer)

test('every nginx ends with 0, and no worker has crashed', async () => {
  assert.ok(nginxes.length > 0 || names.join() === 'setup')
  for (const nginx of nginxes) {
    assert.equal(await nginx.stop(), 0)
    const lines = nginx.errors().split('\n').filter(line => !nginx.expected?.test(line)) // what a case brought about
    assert.deepEqual(lines.filter(line => /exited on signal|\[alert\]|\[crit\]|\[emerg\]/.test(line)), [])
  }
})
process.exit((await runCases()) ? 1 : 0)

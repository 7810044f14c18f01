// A million verifications, and handles that are forgotten, leave nothing behind.
import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { test } from 'node:test'
import { promisify } from 'node:util'

test('memory stays flat', { timeout: 600_000 }, async t => {
  const program = `${import.meta.dirname}/programs/memory.mjs`
  const { stdout } = await promisify(execFile)(process.execPath, ['--expose-gc', program])
  const told = JSON.parse(stdout)
  t.diagnostic(`MB after 100 000 verifications ${told.early}, after 1 000 000 ${told.late}; with 2000 forgotten handles ${told.before}, with 12 000 ${told.after}`)
  assert.equal(told.accepted, 900_000)
  assert.equal(told.refused, 100_000)
  assert.ok(told.late - told.early <= 8, `from ${told.early} MB to ${told.late} MB`)
  assert.ok(told.gone >= 11_800, `${told.gone} of 12 000 handles were collected`)
  assert.ok(told.after - told.before <= 16, `from ${told.before} MB to ${told.after} MB`)
})

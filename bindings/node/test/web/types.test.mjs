// The types of the integrations: types/ holds what must compile, and what must not.
import { execFile } from 'node:child_process'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'

const here = name => fileURLToPath(new URL(name, import.meta.url))

test('what an application writes compiles, and mistakes do not', { timeout: 120_000 }, () =>
  promisify(execFile)(process.execPath, [here('../../node_modules/typescript/bin/tsc'), '-p', here('types')]))

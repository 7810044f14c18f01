// What of the addon a host can see, and that it is the library's of this checkout.
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'

const root = join(import.meta.dirname, '..')
const addon = join(root, 'platforms', `${process.platform}-${process.arch}`, 'gnu.node')
const run = (...command) => execFileSync(command[0], command.slice(1), { encoding: 'utf8' })

test('it exports the two names that Node asks for, and is never unloaded', () => {
  const names = run('readelf', '--wide', '--dyn-syms', addon).split('\n').filter(line => / (GLOBAL|WEAK) +DEFAULT +\d+ /.test(line)).map(line => line.trim().split(/\s+/).at(-1))
  assert.deepEqual(names.sort(), ['napi_register_module_v1', 'node_api_module_get_api_version_v1'])
  assert.match(run('readelf', '--dynamic', addon), /FLAGS_1.*NODELETE/)
})

test('the packages have one version', () => {
  const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'))
  for (const platform of readdirSync(join(root, 'platforms'))) {
    const manifest = JSON.parse(readFileSync(join(root, 'platforms', platform, 'package.json'), 'utf8'))
    assert.deepEqual([manifest.name, manifest.version], [`@libauth/${platform}`, version])
    assert.deepEqual([...manifest.os, ...manifest.cpu], platform.split('-'))
  }
})

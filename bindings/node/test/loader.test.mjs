// What is said when the addon is not there.
import assert from 'node:assert/strict'
import { cpSync, mkdtempSync, realpathSync, rmSync } from 'node:fs'
import { spawnSync } from 'node:child_process'
import { tmpdir } from 'node:os'
import { join, relative } from 'node:path'
import { after, test } from 'node:test'

const root = join(import.meta.dirname, '..')
const platform = `${process.platform}-${process.arch}`
const addon = join(root, 'platforms', platform, 'gnu.node')
const target = process.env.CARGO_TARGET_DIR ?? join(root, '../../target')
const folder = realpathSync(mkdtempSync(join(tmpdir(), 'libauth-node-')))
after(() => rmSync(folder, { recursive: true }))
cpSync(join(root, 'dist'), join(folder, 'node_modules/libauth/dist'), { recursive: true })
cpSync(join(root, 'package.json'), join(folder, 'node_modules/libauth/package.json'))

function load(library) {
  const env = { ...process.env, ...(library !== undefined && { LIBAUTH_LIBRARY: library }) }
  if (library === undefined) delete env.LIBAUTH_LIBRARY
  const { stdout, stderr } = spawnSync(process.execPath, ['-p', `require('libauth').Auth.version`], { cwd: folder, env, encoding: 'utf8' })
  return stdout + stderr
}

test('without the package of this platform', () => {
  const told = load()
  assert.match(told, new RegExp(`libauth: the addon was not loaded \\(${platform}, gnu, node ${process.versions.node}\\)`))
  assert.ok(told.includes(`  @libauth/${platform}/gnu.node: Cannot find module`), told)
  assert.match(told, new RegExp(`  ${folder}/node_modules/libauth/platforms/${platform}/gnu.node: .*cannot open shared object file`))
  assert.match(told, /What to do: run `npm install --include=optional`/)
})

test('LIBAUTH_LIBRARY is the only way when it is set', () => {
  assert.match(load(addon), /^\d+\.\d+\.\d+\n$/)
  assert.match(load(relative(folder, addon)), /^\d+\.\d+\.\d+\n$/)
  cpSync(addon, join(folder, 'node_modules/@libauth', platform, 'gnu.node'), { recursive: true })
  assert.match(load(), /^\d+\.\d+\.\d+\n$/)
  for (const [library, reason] of [['/no/such/file', /cannot open shared object file/], ['', /./], [join(target, 'library/libauth.so'), /did not self-register/]]) {
    const told = load(library)
    assert.ok(told.includes(`  LIBAUTH_LIBRARY=${library}: `), told)
    assert.match(told, reason)
    assert.match(told, /LIBAUTH_LIBRARY must be the path of the Node addon/)
    assert.ok(!told.includes('@libauth/'), told)
  }
})

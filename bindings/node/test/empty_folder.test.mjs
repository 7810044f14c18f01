// The start that the README begins with, in a folder that holds nothing but the packed packages.
import assert from 'node:assert/strict'
import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, mkdtempSync, readFileSync, realpathSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { after, before, test } from 'node:test'
import { startIssuer } from './issuer.mjs'

const root = join(import.meta.dirname, '..')
const folder = realpathSync(mkdtempSync(join(tmpdir(), 'libauth-empty-')))
const api = join(folder, 'api')
const readme = readFileSync(join(root, 'README.md'), 'utf8')
const block = language => new RegExp(`^\`\`\`${language}\\n(.*?)^\`\`\`$`, 'ms').exec(readme)[1]
let issuer, server
before(async () => {
  issuer = await startIssuer()
  mkdirSync(api)
  execFileSync(join(root, 'pack.sh'), [folder], { stdio: 'pipe' })
})
after(async () => {
  server?.kill()
  await issuer.stop()
  rmSync(folder, { recursive: true })
})

test('the first lines of the README protect an API', async () => {
  // Their words, with this folder for theirs, and of Express the version that all tests have.
  const { devDependencies } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'))
  const words = block('sh').replaceAll('/tmp/packages', folder).replace(' express', ` express@${devDependencies.express}`)
  assert.match(words, /npm install .*tgz express@/)
  execFileSync('sh', ['-ec', words], { cwd: api, stdio: 'pipe', env: { ...process.env, npm_config_prefer_offline: 'true', npm_config_audit: 'false' } })
  assert.equal(JSON.parse(readFileSync(join(api, 'package.json'), 'utf8')).type, 'module')
  const start = block('js')
  assert.ok(start.includes("from 'libauth/express'") && start.includes('https://id.example'), start)
  writeFileSync(join(api, 'server.js'), start.replace('https://id.example', issuer.url))
  server = spawn(process.execPath, ['--import', join(import.meta.dirname, 'programs/any_port.mjs'), 'server.js'], {
    cwd: api, stdio: ['ignore', 'pipe', 'ignore'], // Express prints each refusal
  })
  const [line] = await once(createInterface({ input: server.stdout }), 'line')
  const orders = `${/http:\S+/.exec(line)[0]}/orders`
  const ask = token => fetch(orders, token && { headers: { authorization: `Bearer ${token}` } })

  const accepted = await ask(await issuer.token())
  assert.equal(accepted.status, 200)
  assert.equal(await accepted.json(), 'development')
  const nobody = await ask()
  assert.equal(nobody.status, 401)
  assert.match(nobody.headers.get('www-authenticate'), /^Bearer/)
  assert.equal((await ask(await issuer.token({ audience: 'https://other.example' }))).status, 401)
  assert.equal((await ask(await issuer.token({ scope: 'other' }))).status, 403)
})

test('what was installed is installed again by its lock file, and has what was packed', () => {
  execFileSync('npm', ['ci', '--prefer-offline', '--no-audit'], { cwd: api, stdio: 'pipe' })
  const { optionalDependencies, devDependencies } = JSON.parse(readFileSync(join(api, 'node_modules/libauth/package.json'), 'utf8'))
  assert.deepEqual(Object.keys(optionalDependencies), [`@libauth/${process.platform}-${process.arch}`])
  assert.equal(devDependencies, undefined)
})

test('its types are found by every kind of resolution', () => {
  symlinkSync(join(root, 'node_modules/@types'), join(api, 'node_modules/@types'))
  const { exports } = JSON.parse(readFileSync(join(api, 'node_modules/libauth/package.json'), 'utf8'))
  const entries = Object.keys(exports).filter(name => name !== './package.json').map(name => name.replace(/^\./, 'libauth'))
  writeFileSync(join(api, 'types.ts'), entries.map((name, place) => `import type * as entry${place} from '${name}'\n`).join('') + `export type { ${entries.map((_, place) => `entry${place}`).join(', ')} }\n`)
  for (const [module, resolution] of [['commonjs', 'node10'], ['nodenext', 'nodenext'], ['esnext', 'bundler']]) {
    const args = ['--noEmit', '--strict', '--skipLibCheck', '--types', 'node', '--target', 'es2022', '--module', module, '--moduleResolution', resolution, 'types.ts']
    execFileSync(join(root, 'node_modules/.bin/tsc'), args, { cwd: api, stdio: ['ignore', 'inherit', 'inherit'] })
  }
})

// The programs of docs/node.md, as they stand there but for issuer and port.
import assert from 'node:assert/strict'
import { execFile, fork } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { bearer, request } from '../../../../tests/hosts/http.mjs'
import { invalid, malformed, missing, refused } from './cases.mjs'

const run = promisify(execFile)
const root = fileURLToPath(new URL('../..', import.meta.url))
const page = readFileSync(join(root, '../../docs/node.md'), 'utf8')

// Inside this package, where `libauth/…` is itself and its own node_modules have the rest.
const work = mkdtempSync(join(root, '.example-'))
const running = new Set()
process.on('exit', () => {
  for (const child of running) child.kill('SIGKILL')
  rmSync(work, { recursive: true, force: true })
})

// The first program below a heading.
function program(heading) {
  const [, language, text] = new RegExp(`\\n## ${heading}\\n[^]*?\\n\`\`\`(js|ts)\\n([^]*?)\\n\`\`\`\\n`).exec(page)
  return { language, text }
}

// With options that ask no network, and tokens by the same key.
function local(text, how) {
  const given = "{ issuer: 'https://id.example', audience: 'https://api.example' }"
  assert.equal(text.split(given).length, 2, 'the options stand there once')
  const changed = text.replace(given, 'testing.options').replace(/^(\/\/.*\n)*/, `$&${how} * as testing from 'libauth/testing'\n`)
  return `${changed}\nprocess.on('message', ([id, claims]) => process.send([id, testing.mint(claims)]))\n`
}

async function start(heading) {
  const { language, text } = program(heading)
  const name = heading.split(' ')[0].toLowerCase()
  let file = join(work, `${name}.mjs`)
  if (language === 'ts') {
    writeFileSync(join(work, `${name}.ts`), local(text, 'import').replace('process.send(', 'process.send!('))
    const flags = ['--target', 'es2022', '--module', 'node16', '--types', 'node', '--strict', '--skipLibCheck', '--experimentalDecorators', '--emitDecoratorMetadata']
    await run(process.execPath, [join(root, 'node_modules/typescript/bin/tsc'), ...flags, join(work, `${name}.ts`)], { cwd: root })
    file = join(work, `${name}.js`)
  } else writeFileSync(file, local(text, 'import'))

  const child = fork(file, { execArgv: ['--import', join(root, 'test/web/any_port.mjs')], stdio: 'pipe' })
  running.add(child.once('exit', () => running.delete(child)))
  let log = ''
  for (const stream of [child.stdout, child.stderr]) stream.setEncoding('utf8').on('data', text => (log += text))
  const heard = wanted =>
    new Promise((resolve, reject) => {
      child.on('message', message => wanted(message) !== undefined && resolve(wanted(message)))
      child.once('exit', () => reject(new Error(`it ended: ${log}`)))
    })
  const port = await heard(({ port }) => port)
  let asked = 0
  return {
    ask: (path, headers) => request(new URL(`http://127.0.0.1:${port}`), path, headers),
    mint: claims => {
      const id = (asked += 1)
      const answer = heard(([of, token]) => (of === id ? token : undefined))
      child.send([id, claims])
      return answer
    },
    end: () => child.kill('SIGKILL'),
  }
}

describe('docs/node.md', () => {
  for (const heading of ['Express 4 and 5', 'Fastify 5', 'NestJS 11', 'Koa', 'Hono'])
    test(heading, { timeout: 60_000 }, async () => {
      const { ask, mint, end } = await start(heading)
      try {
        const good = await mint({ sub: 'alice', scope: 'read:orders', roles: ['boss'] })
        const answer = await ask('/orders', bearer(good))
        assert.equal(answer.status, 200)
        assert.match(answer.body, /"book","lamp"/)
        if (!['Koa', 'Hono'].includes(heading)) {
          assert.match((await ask('/staff', bearer(good))).body, /^"?alice"?$/)
          refused(await ask('/staff', bearer(await mint({ sub: 'bob' }))), 403, 'auth.role_missing', /insufficient_scope/)
        } else assert.equal(JSON.parse(answer.body).for, 'alice')
        missing(await ask('/orders'))
        malformed(await ask('/orders', [...bearer(good), ...bearer(good)]))
        const expired = await ask('/orders', bearer(await mint({ exp: 1 })))
        invalid(expired, 'auth.token_expired')
        assert.match(expired.header('content-type'), /^application\/problem\+json/)
        refused(await ask('/orders', bearer(await mint({ sub: 'bob' }))), 403, 'auth.insufficient_scope', /scope="read:orders"/)
      } finally {
        end()
      }
    })

  test('Tests of your own', { timeout: 60_000 }, async () => {
    const file = join(work, 'own.test.mjs')
    writeFileSync(file, program('Tests of your own').text)
    const env = { ...process.env, NODE_TEST_CONTEXT: undefined }
    const { stdout } = await run(process.execPath, ['--test', '--test-reporter=tap', file], { env })
    assert.match(stdout, /^# pass 2$/m)
    assert.match(stdout, /^# fail 0$/m)
  })
})

// Runs every conformance vector by the addon, and every request by the class too: tests/vectors/README.md is the rule.
//     node vectors.mjs FILE      FILE gets one line a case; then 8 workers do it again at once, and must write the same
// What a vector file holds beyond the rule ends the run: no case and no member is passed over.
import assert from 'node:assert/strict'
import { createHash, createPrivateKey, sign } from 'node:crypto'
import { mkdirSync, readFileSync, readdirSync, writeFileSync } from 'node:fs'
import { once } from 'node:events'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { Worker, isMainThread, parentPort } from 'node:worker_threads'
import { Auth, AuthError } from 'libauth'

const require = createRequire(import.meta.url)
const { native, Field, Text, textOf, expiresAt } = require('../dist/native.js')
const { utf8 } = require('../dist/text.js')
const folder = fileURLToPath(new URL('../../../tests/vectors', import.meta.url))
const WORKERS = 8

const members = (object, ...known) => {
  const unknown = Object.keys(object).filter(name => !known.includes(name))
  assert.deepEqual(unknown, [], 'members that the rule does not know')
}

// A text as the addon takes it, a character a byte; undefined where there is none.
function argument(value, name) {
  const plain = value[name], b64 = value[`${name}_b64`]
  assert.ok(plain === undefined || b64 === undefined, `${name} and its base64 at once`)
  return b64 === undefined ? plain && utf8(plain) : Buffer.from(b64, 'base64').toString('latin1')
}

// As `auth_config_set` takes it: JSON has its keys sorted.
function valueOf(option) {
  if (typeof option === 'string') return option
  const sorted = value => (value && typeof value === 'object' && !Array.isArray(value)
    ? Object.fromEntries(Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1)))
    : value)
  return JSON.stringify(option, (_, value) => sorted(value))
}

function setAll(handle, options) {
  for (const key of Object.keys(options).sort()) native.set(handle, utf8(key), utf8(valueOf(options[key])))
}

// Everything of the record, as it stands after a call.
function recordOf(texts) {
  const all = Object.fromEntries(Object.entries(Text).map(([name, at]) => [name, textOf(texts, at)]))
  const fields = Object.fromEntries(Object.entries(Field).map(([name, at]) => [name, native.head[at]]))
  return { ...all, ...fields, EXPIRES_AT: expiresAt() }
}

const TABLES = new Map(JSON.parse(native.tables).statuses.map(row => [row.name, row]))

// Leaves an accepted verdict in the memory that the next call writes into.
function acceptance() {
  const { d, ...key } = JSON.parse(readFileSync(join(folder, 'keys.json'), 'utf8')).keys['ed-1']
  const part = object => Buffer.from(JSON.stringify(object)).toString('base64url')
  const signed = `${part({ alg: 'EdDSA' })}.${part({ iss: 'https://id.example', aud: 'https://api.example', exp: 1_900_000_000 })}`
  const signature = sign(null, Buffer.from(signed), createPrivateKey({ key: { ...key, d }, format: 'jwk' })).toString('base64url')
  const handle = native.open()
  setAll(handle, { issuer: 'https://id.example', audience: 'https://api.example', 'keys.jwks': { keys: [key] } })
  return () => {
    const texts = native.verify(handle, `${signed}.${signature}`, undefined, 1_800_000_000)
    assert.equal(native.head[Field.STATUS], 0, textOf(texts, Text.LOG))
  }
}
const accept = acceptance()

function answer(ask) {
  const first = recordOf(ask())
  assert.deepEqual(recordOf(ask()), first, 'another answer the second time')
  accept()
  assert.deepEqual(recordOf(ask()), first, 'another answer after an acceptance')
  return first
}

// The way of the case: what is asked, as often as one likes.
function question(handle, test) {
  const load = argument(test, 'load'), claims = argument(test, 'claims'), header = argument(test, 'header')
  const needed = argument(test, 'require') ?? ''
  if (load !== undefined) {
    const loaded = answer(() => native.load(handle, load))
    if (test.set) setAll(handle, test.set)
    if (loaded.STATUS !== 0 && Object.keys(test.set ?? {}).length === 0) return { told: loaded }
  } else assert.equal(test.set, undefined, '`set` without `load`')
  if (test.now !== undefined) {
    assert.equal(claims, undefined, 'claims with a time')
    return { ask: () => native.authorize(handle, header ?? '', needed, test.now) }
  }
  assert.equal(header, undefined, 'a header without a time')
  if (claims !== undefined) return { ask: () => native.require(handle, claims, needed) }
  assert.equal(needed, '', 'a requirement of nothing')
  return { ask: () => native.check(handle) }
}

function checkExpected(record, expect) {
  members(expect, 'status', 'issuer', 'subject', 'client_id', 'scopes', 'expires_at', 'claims_sha256', 'challenge_scope', 'log_has')
  const row = TABLES.get(expect.status)
  assert.equal(record.STATUS, row.number, `${expect.status}: ${record.LOG}`)
  assert.equal(record.HTTP_STATUS, row.http_status)
  assert.equal(record.CODE, row.code)
  for (const part of expect.log_has ?? []) assert.ok(record.LOG.includes(part), `log without '${part}': ${record.LOG}`)
  const scope = expect.challenge_scope === undefined ? undefined : ` scope="${expect.challenge_scope}"`
  assert.ok(record.CHALLENGE.includes(scope ?? '') && (scope || !record.CHALLENGE.includes(' scope=')), record.CHALLENGE)
  if (record.STATUS !== 0) return
  for (const name of ['issuer', 'subject', 'client_id', 'scopes'])
    assert.equal(record[name.toUpperCase()], expect[name] ?? '', name)
  assert.equal(record.EXPIRES_AT, expect.expires_at ?? 0)
  if (expect.claims_sha256) assert.equal(sha256([record.CLAIMS]), expect.claims_sha256)
}

const sha256 = texts => createHash('sha256').update(texts.join('\0')).digest('hex')

function lineOf(place, record) {
  const names = record.STATUS === 0
    ? ['CLAIMS', 'HEADER', 'ISSUER', 'SUBJECT', 'CLIENT_ID', 'SCOPES']
    : ['MESSAGE', 'LOG', 'CHALLENGE', 'PROBLEM']
  const texts = sha256(names.map(name => record[name]))
  return `${place} ${record.STATUS} ${record.HTTP_STATUS} ${record.RETRY_AFTER} ${record.EXPIRES_AT} ${record.CODE} ${texts}\n`
}

// The same request by the class, whose options are a document.
function checkClass(options, test, record) {
  // Nothing needed is told the class by saying nothing: an empty requirement is refused.
  const how = { now: test.now, ...(test.require ? { require: test.require } : {}) }
  const found = (() => {
    try {
      return new Auth(options).tryAuthorize(test.header, how)
    } catch (error) {
      return error
    }
  })()
  if (record.STATUS === 0) {
    assert.equal(found.claimsJson, record.CLAIMS, found.log)
    const texts = [found.subject, found.clientId, found.issuer, found.scopes.join(' ')]
    assert.deepEqual(texts, [record.SUBJECT, record.CLIENT_ID, record.ISSUER, record.SCOPES])
    assert.deepEqual([found.token, found.expiresAt], [test.header.split(' ').at(-1), record.EXPIRES_AT])
  } else {
    assert.ok(found instanceof AuthError, `the class: ${found}`)
    const texts = [found.number, found.message, found.log, found.challenge, found.problem]
    assert.deepEqual(texts, [record.STATUS, record.MESSAGE, record.LOG, record.CHALLENGE, record.PROBLEM])
  }
}

function runCase(place, options, test) {
  members(test, 'id', 'now', 'header', 'header_b64', 'require', 'require_b64', 'load', 'load_b64', 'claims', 'claims_b64', 'options', 'set', 'expect')
  const all = { ...options, ...test.options }
  const handle = native.open()
  setAll(handle, all)
  const { told, ask } = question(handle, test)
  const record = told ?? answer(ask)
  checkExpected(record, test.expect)
  native.close(handle)
  const byClass = ask && test.now !== undefined && !['header_b64', 'require_b64', 'load', 'load_b64'].some(name => name in test)
  if (byClass) checkClass(all, test, record)
  return { line: lineOf(place, record), byClass }
}

function runAll() {
  let lines = '', cases = 0, byClass = 0
  const faults = []
  for (const stage of readdirSync(folder, { withFileTypes: true }).filter(entry => entry.isDirectory()).map(entry => entry.name).sort())
    for (const file of readdirSync(join(folder, stage)).filter(name => name.endsWith('.json')).sort()) {
      const vectors = JSON.parse(readFileSync(join(folder, stage, file), 'utf8'))
      members(vectors, 'about', 'stage', 'notes', 'options', 'cases')
      for (const test of vectors.cases) {
        cases += 1
        const place = `${stage}/${file.slice(0, -5)}#${test.id}`
        try {
          const ran = runCase(place, vectors.options, test)
          lines += ran.line
          byClass += ran.byClass ? 1 : 0
        } catch (error) {
          faults.push(`${place}: ${error.message}`)
        }
      }
    }
  const count = Number(readFileSync(join(folder, 'COUNT'), 'utf8'))
  if (cases !== count) faults.push(`${cases} cases, and tests/vectors/COUNT says ${count}`)
  return { lines, cases, byClass, faults }
}
function report({ cases, byClass, faults }, who) {
  for (const fault of faults.slice(0, 20)) console.error(fault)
  console.log(`vectors: ${who}: ${cases} cases, ${byClass} of them by the class too, ${faults.length} faults`)
  return faults.length === 0
}

async function workers(lines) {
  const all = Array.from({ length: WORKERS }, () => once(new Worker(fileURLToPath(import.meta.url)), 'message'))
  const ran = (await Promise.all(all)).map(([result]) => result)
  const fine = ran.map((result, place) => report(result, `worker ${place + 1}`))
  const alike = ran.every(result => result.lines === lines)
  if (!alike) console.error('vectors: a worker wrote other lines than the main thread')
  return alike && fine.every(Boolean)
}

if (isMainThread) {
  const file = process.argv[2]
  const result = runAll()
  mkdirSync(dirname(file), { recursive: true })
  writeFileSync(file, result.lines)
  const fine = report(result, 'main thread')
  process.exitCode = (await workers(result.lines)) && fine ? 0 : 1
} else parentPort.postMessage(runAll())

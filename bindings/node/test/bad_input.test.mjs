// Whatever is handed over: a named error, never a crash, and never taken for a request without a token.
import assert from 'node:assert/strict'
import { createRequire } from 'node:module'
import { test } from 'node:test'
import { inspect } from 'node:util'
import { Auth, AuthError } from 'libauth'

const { native, Text, statusOf, textOf } = createRequire(import.meta.url)('../dist/native.js')
const base = { issuer: 'https://id.example', audience: 'https://api.example' }
const auth = new Auth(base)
const circular = {}
circular.self = circular

// The status of what is thrown or rejected, which must be an AuthError.
async function statusNameOf(call) {
  try {
    await call()
  } catch (error) {
    assert.ok(error instanceof AuthError, `${error.name}: ${error.message}`)
    assert.match(error.log, /./)
    return error.statusName
  }
  return 'nothing'
}

const noText = [Buffer.from('Bearer x.y.z'), 42, 5n, true, Symbol('x'), {}, () => 'x', new String('Bearer x'), { toString: () => 'Bearer x.y.z' }, NaN]

test('a token that is no token', async () => {
  const malformed = [undefined, null, [], ['x.y.z'], ...noText, '', 'x.y.z', 'x\ud800.y.z', 'x.y\0.z', '\u0165.y.z', 'Ã.y.z']
  for (const token of malformed)
    for (const call of [() => auth.verify(token), () => auth.tryVerify(token), () => auth.verify(token, { now: 1 })])
      assert.equal(await statusNameOf(call), 'TOKEN_MALFORMED', typeof token)
  assert.equal(await statusNameOf(() => auth.verify('x'.repeat(1e6))), 'TOKEN_TOO_LARGE')
  assert.equal(await statusNameOf(() => auth.verify('opaque')), 'TOKEN_OPAQUE')
})

test('a header that is no header', async () => {
  for (const [name, headers] of Object.entries({
    HEADER_MISSING: [undefined, null, '', ' ', [], [undefined], ['']],
    HEADER_MALFORMED: [...noText, 'x', ['Bearer x.y.z', 'Bearer x.y.z'], ['', ''], [['Bearer x.y.z']], 'Bearer x\ud800', 'Bearer x\0', 'Bearer \u0165', 'Bearer x'.repeat(1e5), 'x'.repeat(1e6), `Bearer x, Bearer y`],
    TOKEN_TOO_LARGE: [`Bearer ${'x'.repeat(1e6)}`],
    TOKEN_MALFORMED: ['Bearer x.y.z', ['Bearer x.y.z']],
  }))
    for (const header of headers)
      for (const call of [() => auth.authorize(header), () => auth.tryAuthorize(header), () => auth.authorize(header, { now: 1, require: 'a' })])
        assert.equal(await statusNameOf(call), name, String(header).slice(0, 40))
})

test('a requirement that is none', async () => {
  for (const require of [undefined, null, '', ' ', '   ', [], [''], [' '], ['a', 5], ['a b'], 5, {}, 'a\ud800', ['a\ud800'], 'a\0', 'a\nb', 'a||b', new Map()]) {
    assert.equal(await statusNameOf(() => auth.authorize(undefined, { require })), 'REQUIREMENT_INVALID', String(require))
    assert.equal(await statusNameOf(() => auth.require('{"iss":"https://id.example"}', require)), 'REQUIREMENT_INVALID', String(require))
    assert.notEqual(await statusNameOf(() => auth.verify('x.y.z', { require })), 'nothing')
  }
})

test('what is asked by another shape, or by another name', async () => {
  class Asked { get require() { return 'admin' } }
  const shapes = [null, 'admin', '', ['admin'], 5, true, () => {}, Symbol('x'), new Map([['require', 'admin']]), new Date(), new Asked(), Object.create({ require: 'admin' })]
  const names = [{ requires: 'admin' }, { Require: 'admin' }, { require: 'a', scope: 'b' }, { [Symbol('require')]: 'a' }, Object.defineProperty({}, 'requires', { value: 'a' })]
  const signals = [null, 5, {}, 'abort', new AbortController(), { throwIfAborted() {} }].map(signal => ({ signal }))
  for (const how of [...shapes, ...names, ...signals])
    for (const call of [() => auth.verify('x.y.z', how), () => auth.tryVerify('x.y.z', how), () => auth.authorize(undefined, how), () => auth.tryAuthorize('Bearer x.y.z', how)])
      assert.equal(await statusNameOf(call), 'ARGUMENT_INVALID', inspect(how))
  assert.throws(() => auth.tryVerify('x.y.z', { requires: 'admin' }), { log: /"requires".*require, now, signal/ })
  for (const how of [undefined, {}, Object.create(null), Object.freeze({ now: undefined, signal: undefined })])
    assert.equal(await statusNameOf(() => auth.tryVerify('x.y.z', how)), 'TOKEN_MALFORMED', inspect(how))
})

test('options that JSON would not show', async () => {
  class Options { issuer = base.issuer; audience = base.audience; get claims() { return { required: ['zzz'] } } }
  class Claims { get required() { return ['zzz'] } }
  const hidden = Object.defineProperty({ ...base }, 'claims', { value: { required: ['zzz'] } })
  const inherited = Object.assign(Object.create({ claims: { required: ['zzz'] } }), base)
  for (const options of [new Options(), hidden, inherited, { ...base, claims: new Claims() }, { ...base, [Symbol('claims')]: {} }])
    assert.match(await statusNameOf(() => new Auth(options)), /^OPTION_(INVALID|UNKNOWN)$/, inspect(options))
  new Auth(Object.assign(Object.create(null), base)).close()
})

test('a logger that is none', async () => {
  const loggers = [null, 5, 'console', {}, () => {}, { info() {} }, { warn() {}, log() {} }, { info: 'x', warn: 'y' }]
  for (const more of [...loggers.map(logger => ({ logger })), null, 5, 'x', [], console, { log: console }, Object.create({ logger: console })])
    for (const call of [() => new Auth(base, more), () => Auth.fromEnv(more)])
      assert.equal(await statusNameOf(call), 'ARGUMENT_INVALID', inspect(more))
  assert.throws(() => new Auth(base, { logger: { log() {}, warn() {} } }), { log: /`info` and `warn`/ })
  const logger = Object.assign(() => {}, { info() {}, warn() {} })
  assert.equal(new Auth(base, { logger }).logger, logger)
})

test('a status or a detail that is none', () => {
  for (const detail of [null, 5, 5n, {}, [], Symbol('x'), Buffer.from('x'), { toString: () => 'x' }]) {
    const error = auth.describe('CHECK_REFUSED', detail)
    assert.deepEqual([error.statusName, error.status], ['CHECK_REFUSED', 403])
    assert.match(error.log, /^the detail is \w+, not a string$/)
  }
  for (const status of ['toString', 'constructor', '__proto__', null, {}, [], () => {}, Symbol('x'), 5n, { valueOf: () => 0 }])
    assert.equal(auth.describe(status).statusName, 'ARGUMENT_INVALID', String(status))
})

test('claims that are none', async () => {
  for (const claims of [undefined, null, 5, 5n, '', 'x', [], {}, '{}', circular, new Map(), '{"a":"\ud800"}', { a: '\ud800' }, Buffer.from('{}')])
    assert.equal(await statusNameOf(() => auth.require(claims, 'a')), 'CLAIM_MALFORMED')
})

test('a time that is none', async () => {
  for (const now of [NaN, Infinity, 1.5, 2 ** 60, '5', null, 5n, {}, new Date(NaN)])
    assert.equal(await statusNameOf(() => auth.verify('x.y.z', { now })), 'ARGUMENT_INVALID', String(now))
})

test('options that are none', async () => {
  for (const [name, all] of Object.entries({
    OPTION_INVALID: [
      undefined, null, '{}', 42, [], new Map(), circular, () => base,
      ...[undefined, null, '', [], [undefined], 5, 5n, () => 'x', Symbol('x'), new Set(['x']), /x/, 'a\0b', 'a\ud800', Buffer.from('x')].map(audience => ({ ...base, audience })),
      { ...base, claims: { leeway: NaN } }, { ...base, 'keys.ttl': '5 parsecs' }, { ...base, keys: { ttl: -1 } }, { ...base, token: { algorithms: ['HS256'] } },
      { ...base, claims: { leeway: 1 }, 'claims.leeway': 2 },
    ],
    OPTION_UNKNOWN: [{ ...base, isuer: 'x' }, { ...base, clockTolerance: 5 }, { ...base, claims: { leway: 5 } }, { ...base, claims: undefined }, { ...base, 'a\0b': 1 }],
    OPTION_MISSING: [{}, { issuer: 'https://id.example' }],
  }))
    for (const options of all) {
      assert.equal(await statusNameOf(() => new Auth(options)), name, inspect(options))
    }
  assert.throws(() => new Auth({ ...base, isuer: 'x' }), { log: /"isuer"; did you mean issuer/, stack: /did you mean issuer/ })
  assert.throws(() => new Auth({ ...base, clockTolerance: 5 }), { log: /did you mean claims\.leeway/ })
})

test('frozen options, and options that are changed later', async () => {
  const options = { ...base, claims: { required: ['tenant'] } }
  const made = new Auth(Object.freeze(options))
  options.claims.required.push('other')
  assert.equal(await statusNameOf(() => made.verify('x.y.z')), 'TOKEN_MALFORMED')
  const handle = native.open()
  native.load(handle, JSON.stringify(base))
  native.verify(handle, 'x.y.z', undefined, undefined)
  const texts = native.load(handle, JSON.stringify(base))
  assert.equal(statusOf(), 7005)
  assert.equal(textOf(texts, Text.CODE), 'auth.config_frozen')
})

test('a closed Auth', async () => {
  const closed = new Auth(base)
  closed.close()
  closed.close()
  closed[Symbol.dispose]()
  for (const call of [
    () => closed.verify('x.y.z'), () => closed.tryVerify('x'), () => closed.authorize('Bearer x'), () => closed.tryAuthorize(undefined),
    () => closed.require('{}', 'a'), () => closed.refresh(), () => closed.ready(), () => closed.report(), () => closed.metrics(),
  ])
    assert.equal(await statusNameOf(call), 'ARGUMENT_INVALID')
  assert.throws(() => closed.tryVerify('x'), { log: 'this Auth is closed', status: 500 })
  assert.equal(closed.describe('HEADER_MALFORMED').number, 1002)
})

test('issuers to refresh that are none', async () => {
  for (const issuer of [null, 5, {}, '\ud800', 'https://other.example', 'https://id.example\0'])
    assert.equal(await statusNameOf(() => auth.refresh(issuer)), 'ARGUMENT_INVALID')
})

test('the addon itself, called wrongly', () => {
  for (const name of Object.keys(native).filter(name => typeof native[name] === 'function'))
    for (const values of [[], [undefined], [null, null, null, null], [{}, {}, {}, {}], [native.open()], [native.open(), 'x', 5], [native.open(), 5, 'x'], [native.open(), 'x', undefined, 5]]) {
      try {
        native[name](...values)
      } catch (error) {
        assert.match(`${error.name} ${error.message}`, /^TypeError libauth: /)
      }
    }
})

// Plays wrk against the example servers, and prints what a request costs with libauth and without. Called by run.
import { generateKeyPairSync, sign } from 'node:crypto'
import { mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { build, install, run, startHost } from '../../tests/hosts/processes.mjs'

const seconds = Number(process.env.SECONDS_A_RUN ?? 4)
const rounds = Number(process.env.ROUNDS ?? 5)
const wanted = Number(process.env.REQUESTS ?? 1_000_000)
const tokenCount = 10_000
const audience = 'https://api.example'

const c = { compiler: ['cc', '-std=c11'], source: 'examples/c-server/server.c', packages: ['libmicrohttpd'] }
const cpp = { compiler: ['c++', '-std=c++17'], source: 'examples/cpp-server/server.cpp', packages: ['cpp-httplib'] }
const hosts = [
  { name: 'libmicrohttpd', soak: true, ...c },
  // As many requests a connection as the other, for measuring alone: see the comment in server.cpp.
  { name: 'cpp-httplib', soak: true, defines: ['-DREQUESTS_A_CONNECTION=2000000000'], ...cpp },
  { name: 'cpp-httplib, a connection each', ...cpp },
]

const work = mkdtempSync(join(tmpdir(), 'libauth-bench-'))
process.on('exit', () => rmSync(work, { recursive: true, force: true }))

// ---------------------------------------------------------------- keys and tokens

const { publicKey, privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 })
const provider = createServer((request, answer) => {
  const jwks = { keys: [{ ...publicKey.export({ format: 'jwk' }), kid: 'bench', alg: 'RS256', use: 'sig' }] }
  const metadata = { issuer, jwks_uri: `${issuer}/jwks` }
  answer.setHeader('Content-Type', 'application/json')
  answer.end(JSON.stringify(request.url === '/jwks' ? jwks : metadata))
})
await new Promise(done => provider.listen(0, '127.0.0.1', done))
const issuer = `http://127.0.0.1:${provider.address().port}`

const encode = value => Buffer.from(JSON.stringify(value)).toString('base64url')
const now = Math.floor(Date.now() / 1000)
function mint(number) {
  const claims = { iss: issuer, aud: audience, sub: `user-${number}`, client_id: 'bench', scope: 'read:orders write:orders',
    iat: now, exp: now + 86_400, jti: `${number}`.padStart(21, 'x'), roles: ['reader'] }
  const signed = `${encode({ alg: 'RS256', typ: 'at+jwt', kid: 'bench' })}.${encode(claims)}`
  return `${signed}.${sign('sha256', Buffer.from(signed), privateKey).toString('base64url')}`
}
const tokens = join(work, 'tokens')
writeFileSync(tokens, Array.from({ length: tokenCount }, (_, number) => mint(number) + '\n').join(''))

// ---------------------------------------------------------------- the processes

const lua = new URL('requests.lua', import.meta.url).pathname
let next = 0
async function wrk(url, path, time) {
  const first = next
  const text = await run('wrk', ['-t1', '-c4', `-d${time}s`, '-s', lua, new URL(path, url).href, '--', tokens, String(first)])
  const result = JSON.parse(text.split('\n').at(-1))
  if (result.refused + result.broken > 0) throw new Error(`${path}: ${JSON.stringify(result)}`)
  next += result.requests
  return result
}

// User and system time of all threads, in microseconds; a tick is 10 ms.
function cpu({ child }) {
  const fields = readFileSync(`/proc/${child.pid}/stat`, 'utf8').split(') ')[1].split(' ')
  return (Number(fields[11]) + Number(fields[12])) * 10_000
}
function held({ child }) {
  const rss = Number(/^VmRSS:\s+(\d+)/m.exec(readFileSync(`/proc/${child.pid}/status`, 'utf8'))[1])
  return { rss, files: readdirSync(`/proc/${child.pid}/fd`).length }
}

async function measured(host, url, path) {
  const before = cpu(host)
  const { requests, seconds: took } = await wrk(url, path, seconds)
  return { rate: requests / took, cost: (cpu(host) - before) / requests }
}

// Between two bursts of wrk, when its connections are closed.
async function settled(host) {
  await new Promise(done => setTimeout(done, 1000))
  return held(host)
}

async function soak(host, url) {
  await wrk(url, '/orders', seconds)
  const states = [await settled(host)]
  let requests = 0
  for (const goal of [wanted / 2, wanted]) {
    while (requests < goal) requests += (await wrk(url, '/orders', 10)).requests
    states.push(await settled(host))
  }
  const told = await (await fetch(new URL('/metrics', url))).text()
  const accepted = Number(/status="OK"\} (\d+)/.exec(told)[1])
  if (accepted < requests) throw new Error(`${requests} requests, and ${accepted} accepted tokens`)
  return { requests, states }
}

// ---------------------------------------------------------------- the tables

const median = values => values.sort((a, b) => a - b)[Math.floor(values.length / 2)]
const [, primitive, verify] = readFileSync(0, 'utf8').trim().split(/\s+/).map(Number)
if (!(primitive > 0 && verify > 0)) throw new Error('the figures of the primitive are missing')
await install()

const rows = [], soaks = []
for (const one of hosts) {
  const host = startHost(await build({ ...one, name: one.name.replace(/\W+/g, '-') }), { LIBAUTH_ISSUER: issuer, LIBAUTH_AUDIENCE: audience })
  const url = await host.url
  await wrk(url, '/orders', 1)
  const open = [], shut = []
  for (let round = 0; round < rounds; round++) {
    open.push(await measured(host, url, '/healthz'))
    shut.push(await measured(host, url, '/orders'))
  }
  const [openRate, shutRate] = [open, shut].map(all => median(all.map(one => one.rate)))
  const [openCost, shutCost] = [open, shut].map(all => median(all.map(one => one.cost)))
  const share = median(shut.map((one, round) => one.rate / open[round].rate))
  const own = shutCost - openCost
  rows.push([one.name, openRate.toFixed(0), shutRate.toFixed(0), `${(share * 100).toFixed(0)} %`,
    `${(openCost / shutCost * 100).toFixed(0)} %`, openCost.toFixed(1),
    shutCost.toFixed(1), own.toFixed(1), (own - primitive / 1000).toFixed(1), (own / (primitive / 1000)).toFixed(2)])
  if (one.soak) soaks.push([one.name, await soak(host, url)])
  const [code] = await host.stop('SIGTERM')
  if (code !== 0) throw new Error(`${one.name} ended with ${code}: ${host.log}`)
}

const line = cells => console.log(`| ${cells.join(' | ')} |`)
console.log(`RS256: primitive ${(primitive / 1000).toFixed(1)} µs, auth_verify ${(verify / 1000).toFixed(1)} µs in a loop of its own\n`)
line(['server', 'open, requests/s', 'protected, requests/s', 'share', 'share by CPU', 'CPU a request, open, µs', 'protected, µs', 'libauth, µs',
  'over the primitive, µs', 'primitive = 1'])
line(Array(10).fill('---'))
rows.forEach(line)
console.log()
line(['server', 'requests', 'RSS before, middle, after, kB', 'open files before, middle, after'])
line(Array(4).fill('---'))
let grew = false
for (const [name, { requests, states }] of soaks) {
  line([name, requests, states.map(state => state.rss).join(', '), states.map(state => state.files).join(', ')])
  grew ||= states[2].rss - states[1].rss > 1024 || states.some(state => state.files !== states[0].files)
}
if (grew) console.log('\nMemory or files grew.')
process.exit(grew ? 1 : 0)

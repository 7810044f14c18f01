// What a protected route is worth beside an open one: wrk against each server, with tokens that the server has not seen. Called by run,
// which writes a line `FRAMEWORK NAMES COMMAND...`, parted by tabs, for each framework to the standard input; see README.md.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { availableParallelism, tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { audience, startProvider } from './provider.mjs'

const seconds = Number(process.env.SECONDS_A_RUN ?? 4)
const rounds = Number(process.env.ROUNDS ?? 5)
const tokenCount = Number(process.env.TOKENS ?? 20_000)
if (availableParallelism() < 2) throw new Error('two processors are needed: one for wrk, one for the server')

const work = mkdtempSync(join(tmpdir(), 'libauth-bench-'))
const running = new Set()
process.on('exit', () => {
  for (const child of running) child.kill()
  rmSync(work, { recursive: true, force: true })
})
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => process.exit(1))

// On one processor, and so are its children and threads.
function pinned(processor, command) {
  const child = spawn('taskset', ['-c', String(processor), ...command], { stdio: ['ignore', 'pipe', 'inherit'] })
  running.add(child)
  return child.once('exit', () => running.delete(child))
}

const provider = await startProvider()
const tokens = join(work, 'tokens')
writeFileSync(tokens, Array.from({ length: tokenCount }, (_, number) => `${provider.mint(number)}\n`).join(''))

// ---------------------------------------------------------------- servers and load

async function startServer(command) {
  const child = pinned(1, [...command, provider.issuer, audience])
  for await (const line of createInterface({ input: child.stdout })) {
    const url = /^listening on (http:\S+)$/.exec(line)?.[1]
    if (url) return { child, url }
  }
  throw new Error(`${command.join(' ')} did not start`)
}

const lua = new URL('../hosts/requests.lua', import.meta.url).pathname
let next = 0
async function wrk({ url }, time) {
  const child = pinned(0, ['wrk', '-t1', '-c16', `-d${time}s`, '-s', lua, url, '--', tokens, String(next)])
  let text = ''
  child.stdout.setEncoding('utf8').on('data', more => (text += more))
  const [code] = await once(child, 'close')
  if (code !== 0) throw new Error(`wrk ended with ${code}`)
  const result = JSON.parse(text.trim().split('\n').at(-1))
  if (result.requests === 0 || result.refused + result.broken > 0) throw new Error(`${url}: ${JSON.stringify(result)}`)
  next += result.requests
  return result
}

// User and system time of all threads, in microseconds; a tick is 10 ms.
function cpu({ child }) {
  const fields = readFileSync(`/proc/${child.pid}/stat`, 'utf8').split(') ')[1].split(' ')
  return (Number(fields[11]) + Number(fields[12])) * 10_000
}

async function measured(server) {
  const before = cpu(server)
  const { requests, seconds: took } = await wrk(server, seconds)
  return { rate: requests / took, cost: (cpu(server) - before) / requests }
}

// The body is said, a good token accepted, and on a protected route a bad one and none refused.
async function tried(server, name) {
  const asked = async token => {
    const answer = await fetch(server.url, token === undefined ? {} : { headers: { authorization: `Bearer ${token}` } })
    return `${answer.status} ${answer.ok ? JSON.stringify(await answer.json()) : ''}`.trim()
  }
  const open = name === 'plain'
  const expected = ['200 {"ok":true}', ...Array(2).fill(open ? '200 {"ok":true}' : '401')]
  const good = provider.mint(tokenCount)
  const got = [await asked(good), await asked(provider.mint(0, { iss: 'https://other.example' })), await asked()]
  if (String(got) !== String(expected)) throw new Error(`${name}: ${got} instead of ${expected}`)
}

// ---------------------------------------------------------------- the table

const median = values => values.sort((a, b) => a - b)[Math.floor(values.length / 2)]

async function measure(framework, names, command) {
  const servers = []
  for (const name of names) {
    const server = { name, rounds: [], ...(await startServer([...command, name])) }
    await tried(server, name)
    await wrk(server, Math.min(2, seconds))
    servers.push(server)
  }
  for (let round = 0; round < rounds; round++) {
    for (const server of servers) server.rounds.push(await measured(server))
  }
  const plain = servers[0].rounds
  for (const { name, child, rounds: own } of servers) {
    const [rate, cost] = ['rate', 'cost'].map(what => median(own.map(one => one[what])))
    const share = median(own.map((one, round) => one.rate / plain[round].rate))
    const byCpu = median(own.map((one, round) => plain[round].cost / one.cost))
    line([framework, name, rate.toFixed(0), share.toFixed(2), cost.toFixed(1), byCpu.toFixed(2)])
    child.kill()
  }
}

const line = cells => console.log(`| ${cells.join(' | ')} |`)
line(['framework', 'with', 'requests/s', 'share', 'CPU a request, µs', 'share by CPU'])
line(Array(6).fill('---'))
let failed = false
for (const text of readFileSync(0, 'utf8').trim().split('\n')) {
  const [framework, names, ...command] = text.split('\t')
  await measure(framework, names.split(' '), command).catch(error => {
    console.log(`ERROR: ${framework}: ${error.message}`)
    failed = true
  })
}
process.exit(failed ? 1 : 0)

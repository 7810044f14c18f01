// What libauth adds to a process of Node: memory of a server, and the time of the first verdict. Called by ../run; ../README.md says how.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { Agent, get } from 'node:http'
import { createInterface } from 'node:readline'
import { setTimeout as sleep } from 'node:timers/promises'
import { audience, startProvider } from '../provider.mjs'

const processes = Number(process.env.PROCESSES ?? 9)
const requests = 5000
const delayMs = 100
const allowedMs = 60

const running = new Set()
process.on('exit', () => running.forEach(child => child.kill()))
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => process.exit(1))
function node(...words) {
  const child = spawn(process.execPath, words, { stdio: ['ignore', 'pipe', 'inherit'] })
  running.add(child)
  return child.once('exit', () => running.delete(child))
}
const beside = name => new URL(name, import.meta.url).pathname

const sorted = values => values.sort((a, b) => a - b)
const median = values => sorted(values)[Math.floor(values.length / 2)]
const line = cells => console.log(`| ${cells.join(' | ')} |`)

// ---------------------------------------------------------------- memory

// Kilobytes: all, and what no other process can share.
function resident({ pid }) {
  const text = readFileSync(`/proc/${pid}/smaps_rollup`, 'utf8')
  const kB = name => Number(new RegExp(`^${name}: +(\\d+)`, 'm').exec(text)[1])
  return { all: kB('Rss'), own: kB('Private_Dirty') }
}

async function served(name, provider, tokens) {
  const server = node('--expose-gc', beside('servers.mjs'), 'express', name, provider.issuer, audience)
  const [line] = await once(createInterface({ input: server.stdout }), 'line')
  const port = Number(new URL(line.split(' ').at(-1)).port)
  const agent = new Agent({ keepAlive: true, maxSockets: 1 })
  for (const token of tokens) {
    const [answer] = await once(get({ port, agent, headers: { authorization: `Bearer ${token}` } }), 'response')
    await once(answer.resume(), 'end')
    if (answer.statusCode !== 200) throw new Error(`${name}: status ${answer.statusCode}`)
  }
  agent.destroy()
  // Collects its garbage.
  for (let round = 0; round < 3; round++) {
    server.kill('SIGUSR2')
    await sleep(100)
  }
  const held = resident(server)
  server.kill()
  return held
}

async function memory() {
  const provider = await startProvider()
  const tokens = Array.from({ length: requests }, (_, number) => provider.mint(number))
  const names = ['plain', 'libauth', 'jose', 'express-oauth2-jwt-bearer']
  const figures = Object.fromEntries(names.map(name => [name, []]))
  for (let turn = 0; turn < processes; turn++) {
    for (const name of names) figures[name].push(await served(name, provider, tokens))
  }
  provider.stop()
  const [plain, ...others] = names.map(name => ['all', 'own'].map(what => median(figures[name].map(one => one[what]))))
  console.log(`Resident memory of an Express server after ${requests} requests, each with a new token, over the ${mb(plain[0])} MB of one`)
  console.log(`without a verifier; median of ${processes} processes. Its own is what it does not share with the files of its programs.\n`)
  line(['with', 'more, MB', 'of it its own, MB'])
  line(Array(3).fill('---'))
  others.forEach(([all, own], place) => line([names[place + 1], mb(all - plain[0]), mb(own - plain[1])]))
}
const mb = kB => (kB / 1024).toFixed(1)

// ---------------------------------------------------------------- the first verdict

async function first(name, provider) {
  const child = node(beside('first.mjs'), name, provider.issuer, audience, provider.mint(0))
  let text = ''
  for await (const more of child.stdout) text += more
  const figure = Number(text)
  if (!(figure > 0)) throw new Error(`${name}: it said: ${text}`)
  return figure
}

async function cold() {
  const provider = await startProvider({ delayMs })
  const rows = []
  for (const name of ['libauth', 'jose', 'aws-jwt-verify']) {
    const before = provider.requests()
    const figures = []
    for (let turn = 0; turn < processes; turn++) figures.push(await first(name, provider))
    const answers = (provider.requests() - before) / processes
    rows.push([name, answers, median(figures).toFixed(0), sorted(figures).at(-1).toFixed(0), (median(figures) - answers * delayMs).toFixed(0)])
  }
  provider.stop()
  console.log(`\nThe first verdict, where the provider takes ${delayMs} ms for each answer; of ${processes} processes. ` +
    `Aim of libauth: ${2 * delayMs + allowedMs} ms\n`)
  line(['with', 'answers of the provider', 'median, ms', 'worst, ms', 'median without the provider, ms'])
  line(Array(5).fill('---'))
  rows.forEach(line)
}

await memory()
await cold()
process.exit()

// What libauth adds to a process of Node: memory once it is warm, and the time of the first verdict. Called by ../run; ../README.md says how.
import { spawn } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { audience, startProvider } from '../provider.mjs'

const runs = Number(process.env.RUNS ?? 11)
const delayMs = 100
const allowedMs = 60
const child = new URL('child.mjs', import.meta.url).pathname

const work = mkdtempSync(join(tmpdir(), 'libauth-bench-'))
process.on('exit', () => rmSync(work, { recursive: true, force: true }))

// Each time a process of its own, which prints one number.
async function asked(task, name, provider, tokens) {
  const program = spawn(process.execPath, ['--expose-gc', child, task, name, provider.issuer, audience, tokens], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  let text = ''
  for await (const more of program.stdout) text += more
  const figure = Number(text)
  if (!(figure > 0)) throw new Error(`${task}, ${name}: it said: ${text}`)
  return figure
}

const sorted = values => values.sort((a, b) => a - b)
const median = values => sorted(values)[Math.floor(values.length / 2)]
const line = cells => console.log(`| ${cells.join(' | ')} |`)
const names = ['libauth', 'jose', 'aws-jwt-verify']

async function memory() {
  const provider = await startProvider()
  const tokens = join(work, 'memory')
  writeFileSync(tokens, Array.from({ length: 1000 }, (_, number) => provider.mint(number)).join('\n'))
  const figures = Object.fromEntries(['nothing', ...names].map(name => [name, []]))
  for (let run = 0; run < runs; run++) {
    for (const name of Object.keys(figures)) figures[name].push(await asked('memory', name, provider, tokens))
  }
  provider.stop()
  const host = median(figures.nothing)
  console.log(`Resident memory after 1000 verifications; median of ${runs} processes, of which the one with nothing has ${mb(host)} MB\n`)
  line(['with', 'over the one with nothing, MB'])
  line(['---', '---'])
  for (const name of names) line([name, mb(median(figures[name]) - host)])
}
const mb = bytes => (bytes / 1e6).toFixed(1)

async function cold() {
  const provider = await startProvider({ delayMs })
  const tokens = join(work, 'cold')
  writeFileSync(tokens, provider.mint(0))
  const rows = []
  for (const name of names) {
    const before = provider.requests()
    const figures = []
    for (let run = 0; run < runs; run++) figures.push(await asked('cold', name, provider, tokens))
    const requests = (provider.requests() - before) / runs
    rows.push([name, requests, median(figures).toFixed(0), sorted(figures).at(-1).toFixed(0), (median(figures) - requests * delayMs).toFixed(0)])
  }
  provider.stop()
  console.log(`\nThe first verdict, where the provider takes ${delayMs} ms for each answer; of ${runs} processes. ` +
    `Aim of libauth: ${2 * delayMs + allowedMs} ms\n`)
  line(['with', 'answers of the provider', 'median, ms', 'worst, ms', 'median without the provider, ms'])
  line(Array(5).fill('---'))
  rows.forEach(line)
}

await memory()
await cold()

// Called by `run`, which says what it measures:      node bench.mjs PRIMITIVE_NS
import { readFileSync, readdirSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import { once } from 'node:events'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { audience, buildModule, ownIssuer, root, run, startNginx, until, work } from '../../tests/nginx/harness.mjs'

const primitive = Number(process.argv[2]) / 1000
const total = Number(process.env.REQUESTS ?? 1_000_000)
const tokens = Number(process.env.TOKENS ?? 20_000)
const rounds = 4
const seconds = 5

await buildModule()
const own = ownIssuer()
const file = join(work, 'tokens')
console.log(`making ${tokens} RS256 tokens`)
writeFileSync(file, Array.from({ length: tokens }, (_, i) => own.token({
  sub: `d37b1c61-7a0c-4f6e-9d55-${String(i).padStart(12, '0')}`, jti: String(i), scope: 'orders:read orders:write profile email', azp: 'web-client',
  realm_access: { roles: ['reader', 'default-roles-main'] }, name: 'Alice Example', email: 'alice@example.com',
})).join('\n') + '\n')
writeFileSync(join(work, 'page'), 'page\n')
const jwks = /keys\.jwks '(.*)'/.exec(own.options)[1]
const provider = createServer((_request, response) => response.end(jwks)).listen(0, '127.0.0.1')
provider.unref()
await once(provider, 'listening')

const server = inside => `access_log off; server { listen 127.0.0.1:PORT; keepalive_requests 100000000; root ${work}; ${inside} location / { try_files /page =404; } }`
const options = `auth_bearer_option issuer https://own.example; auth_bearer_option audience ${audience};
  auth_bearer_option keys.jwks_uri http://127.0.0.1:${provider.address().port}/; auth_bearer on;`
const nginxes = {
  plain: await startNginx(server(''), { workers: 1, load: false }),
  libauth: await startNginx(server(options), { workers: 1 }),
}

const worker = nginx => nginx.workers()[0]
const memory = pid => {
  const text = readFileSync(`/proc/${pid}/smaps_rollup`, 'utf8')
  const kB = name => [...text.matchAll(new RegExp(`^${name}: +(\\d+)`, 'gm'))].reduce((sum, match) => sum + Number(match[1]), 0)
  return { rss: kB('Rss'), own: kB('Private_Clean') + kB('Private_Dirty') }
}
const cpu = pid => {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').replace(/^.*\) /s, '').split(' ')
  return (Number(fields[11]) + Number(fields[12])) * 10_000 // microseconds, of ticks of 10 ms
}
const fds = pid => readdirSync(`/proc/${pid}/fd`).length

const wrk = (nginx, duration) =>
  run('wrk', ['-t1', '-c32', `-d${duration}s`, '-s', join(root, 'benches/nginx/tokens.lua'), `http://127.0.0.1:${nginx.port}/`, '--', file])

async function load(nginx, duration) {
  const pid = worker(nginx)
  const before = cpu(pid)
  const { code, output } = await wrk(nginx, duration)
  const requests = Number(/(\d+) requests in/.exec(output)?.[1])
  if (code !== 0 || !requests) throw new Error(output)
  if (/Non-2xx/.test(output)) throw new Error(`not every answer is 200: ${output}`)
  return { requests, rate: Number(/Requests\/sec: +([\d.]+)/.exec(output)[1]), cpu: (cpu(pid) - before) / requests }
}

const best = { plain: { rate: 0, cpu: Infinity }, libauth: { rate: 0, cpu: Infinity } }
for (const nginx of Object.values(nginxes)) await load(nginx, 1)
const warm = { plain: memory(worker(nginxes.plain)), libauth: memory(worker(nginxes.libauth)) }
for (let round = 0; round < rounds; round++)
  for (const [name, nginx] of Object.entries(nginxes)) {
    const { rate, cpu } = await load(nginx, seconds)
    best[name] = { rate: Math.max(best[name].rate, rate), cpu: Math.min(best[name].cpu, cpu) }
  }
const us = number => number.toFixed(1)
console.log(`\none worker, 32 connections, a file of 5 bytes, ${tokens} tokens in turn; the best of ${rounds} rounds of ${seconds} s
           requests/s   worker us a request
plain      ${best.plain.rate.toFixed(0).padStart(10)}   ${us(best.plain.cpu)}
libauth    ${best.libauth.rate.toFixed(0).padStart(10)}   ${us(best.libauth.cpu)}
share      ${(100 * best.libauth.rate / best.plain.rate).toFixed(0).padStart(9)} %
cost of a request ${us(best.libauth.cpu - best.plain.cpu)} us; the primitive alone ${us(primitive)} us; over it ${us(best.libauth.cpu - best.plain.cpu - primitive)} us`)

console.log(`\nmemory of a worker, kB     resident   its own
plain                    ${String(warm.plain.rss).padStart(10)} ${String(warm.plain.own).padStart(9)}
libauth                  ${String(warm.libauth.rss).padStart(10)} ${String(warm.libauth.own).padStart(9)}
over plain               ${String(warm.libauth.rss - warm.plain.rss).padStart(10)} ${String(warm.libauth.own - warm.plain.own).padStart(9)}`)

console.log(`\n${total} requests:          so far    resident kB   its own kB   open files`)
let done = 0
const line = () => {
  const { rss, own } = memory(worker(nginxes.libauth))
  console.log(`${String(done).padStart(30)} ${String(rss).padStart(14)} ${String(own).padStart(12)} ${String(fds(worker(nginxes.libauth))).padStart(12)}`)
}
while (done < total) {
  line()
  done += (await load(nginxes.libauth, Math.min(10, Math.ceil((total - done) / best.libauth.rate) + 1))).requests
}
line()

console.log('\n10 reloads in 15 s of load    answers    not 200   connections that were closed on the client')
for (const [name, nginx] of Object.entries(nginxes)) {
  const old = []
  const running = wrk(nginx, 15)
  for (let i = 0; i < 10; i++) {
    await sleep(1000)
    old.push(...(await nginx.reload()))
  }
  const { output } = await running
  await until('the old workers have ended', () => old.every(pid => !nginx.workers().includes(pid)))
  const number = pattern => (pattern.exec(output)?.[1] ?? '0').padStart(10)
  console.log(`${name.padEnd(26)} ${number(/(\d+) requests in/)} ${number(/Non-2xx or 3xx responses: (\d+)/)} ${number(/read (\d+)/)}`)
}
for (const nginx of Object.values(nginxes)) await nginx.stop()

// What the test starts, and how it ends: the provider, the hosts, their builds.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('../..', import.meta.url))
const work = mkdtempSync(join(tmpdir(), 'libauth-hosts-'))
const prefix = join(work, 'prefix')

// Whatever is started is ended with this process, by SIGTERM: `boot` then ends the provider that it was starting.
const running = new Set()
const providers = new Set()
function start(command, args, options) {
  const child = spawn(command, args, { cwd: root, ...options })
  running.add(child)
  return child.once('exit', () => running.delete(child))
}
process.on('exit', () => {
  for (const child of running) child.kill()
  for (const provider of providers) provider.stop()
  rmSync(work, { recursive: true, force: true })
})
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => process.exit(1))

export async function run(command, args, { environment = {}, input } = {}) {
  const stdio = [input === undefined ? 'ignore' : 'pipe', 'pipe', 'inherit']
  const child = start(command, args, { stdio, env: { ...process.env, ...environment } })
  if (input !== undefined) child.stdin.end(input)
  let output = ''
  child.stdout.setEncoding('utf8').on('data', text => (output += text))
  const [code] = await once(child, 'close')
  if (code !== 0) throw new Error(`${command} ${args.join(' ')}: exit code ${code}`)
  return output.trim()
}

export const install = () => run('make', ['install', `PREFIX=${prefix}`])

// With Go's own tools, which link the archive that `make library` makes; else by pkg-config against the installed library, as a user would.
export async function build({ name, go, compiler, source, packages, defines = [] }) {
  if (go) {
    const built = join(work, name)
    await run('scripts/go', ['build', '-C', go, '-o', built, '.'])
    return built
  }
  const flags = await run('pkg-config', ['--cflags', '--libs', 'libauth', ...packages], {
    environment: { PKG_CONFIG_PATH: join(prefix, 'lib/pkgconfig') },
  })
  const program = join(work, name)
  const warnings = ['-Wall', '-Wextra', '-pedantic', '-Werror']
  const libraries = [...flags.split(/\s+/), '-pthread', `-Wl,-rpath,${prefix}/lib`]
  await run(compiler[0], [...compiler.slice(1), '-O2', ...warnings, ...defines, '-o', program, source, ...libraries])
  return program
}

// npm oidc-provider: new keys at each start. `kid` begins their key ids, `port` is that of an earlier one.
export async function startProvider({ port = 0, kid = 'test' } = {}) {
  const folder = mkdtempSync(join(work, 'provider-'))
  const issuer = await run('tests/providers/oidc-provider/boot', [folder, String(port)], { environment: { KEY_NAMES: kid } })
  const pid = Number(readFileSync(join(folder, 'pid'), 'utf8'))
  const provider = {
    issuer,
    port: Number(new URL(issuer).port),
    stop() {
      providers.delete(provider)
      try {
        process.kill(pid)
      } catch {} // it ended by itself
    },
    // Comes back when nobody listens any more.
    async stopped() {
      provider.stop()
      while (await fetch(issuer).then(() => true, () => false)) await new Promise(done => setTimeout(done, 20))
    },
  }
  providers.add(provider)
  return provider
}

// Options as LIBAUTH_...; no other of the caller's environment.
export function startHost(program, options, port = 0) {
  const outside = Object.entries(process.env).filter(([name]) => !name.startsWith('LIBAUTH_'))
  const env = { ...Object.fromEntries(outside), ...options }
  const child = start(program, [String(port)], { stdio: ['ignore', 'pipe', 'pipe'], env })
  const host = { child, log: '', ended: once(child, 'close') }
  child.stderr.setEncoding('utf8').on('data', text => (host.log += text))
  host.stop = signal => {
    child.kill(signal)
    return host.ended
  }
  host.url = (async () => {
    for await (const line of createInterface({ input: child.stdout })) {
      const url = /^listening on (http:\S+)$/.exec(line)?.[1]
      if (url) return new URL(url)
    }
    throw new Error(`the host did not start: ${host.log}`)
  })()
  host.url.catch(() => {}) // who asks is told
  return host
}

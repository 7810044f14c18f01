// What the nginx tests stand on: the module built against an installed libauth, nginx under a prefix of its own, an upstream that
// answers what it got, npm oidc-provider, and requests by hand. Nothing of /etc/nginx and no service of the system is touched.
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { generateKeyPairSync, sign } from 'node:crypto'
import { once } from 'node:events'
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { createServer as createHttpServer } from 'node:http'
import { connect, createServer } from 'node:net'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'

export const root = fileURLToPath(new URL('../..', import.meta.url))
process.env.PATH += ':/usr/sbin' // where nginx is, for those who are not root
const target = join(process.env.CARGO_TARGET_DIR ?? join(root, 'target'), 'nginx')
mkdirSync(target, { recursive: true })
export const work = mkdtempSync(join(target, 'test-'))
chmodSync(work, 0o755) // workers of another user read in it
export const module_ = join(target, 'ngx_http_auth_bearer_module.so')
export const second = join(target, 'ngx_http_second_module.so')
export const audience = 'https://rs256.example'

// ---------------------------------------------------------------- processes

const running = new Set()
export function start(command, args, options = {}) {
  const child = spawn(command, args, { cwd: root, ...options })
  running.add(child)
  return child.once('exit', () => running.delete(child))
}
process.on('exit', () => {
  for (const child of running) child.kill()
  stopProvider()
  rmSync(work, { recursive: true, force: true })
})
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => process.exit(1))

export async function run(command, args, options = {}) {
  const child = start(command, args, { stdio: ['ignore', 'pipe', 'pipe'], ...options })
  let output = ''
  for (const stream of [child.stdout, child.stderr]) stream.setEncoding('utf8').on('data', text => (output += text))
  const [code] = await once(child, 'close')
  return { code, output }
}

async function must(command, args, options) {
  const { code, output } = await run(command, args, options)
  if (code !== 0) throw new Error(`${command} ${args.join(' ')}: exit code ${code}: ${output}`)
  return output.trim()
}

export async function until(what, condition, seconds = 30) {
  const end = Date.now() + seconds * 1000
  while (!(await condition())) {
    if (Date.now() > end) throw new Error(`not within ${seconds} s: ${what}`)
    await sleep(50)
  }
}

export async function buildModule() {
  const prefix = join(target, 'prefix')
  await must('scripts/install', [], { env: { ...process.env, PREFIX: prefix } })
  const PKG_CONFIG_PATH = join(prefix, 'lib/pkgconfig')
  await must('examples/nginx/build', [target, 'tests/nginx/second'], { env: { ...process.env, PKG_CONFIG_PATH } })
}

export async function freePort() {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address()
  server.close()
  await once(server, 'close')
  return port
}

// ---------------------------------------------------------------- nginx

const format = "log_format bearer '$status $request_uri subject=[$auth_subject] scopes=[$auth_scopes] code=[$auth_code]';"
const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi']
let number = 0

// A configuration around `http`, the inside of its http block; `main` comes first, and `port` is where a server should listen.
export function configuration(http, { main = '', log = 'info', workers = 2, load = true } = {}) {
  const prefix = join(work, `nginx-${++number}`)
  mkdirSync(prefix)
  const user = process.getuid() === 0 ? 'user nobody nogroup;' : ''
  const text = `
    ${load ? `load_module ${module_};` : ''}
    ${user} daemon off; worker_processes ${workers}; pid ${prefix}/pid; error_log ${prefix}/error.log ${log};
    ${main}
    events { worker_connections 2048; }
    http {
      ${load ? `${format} access_log ${prefix}/access.log bearer;` : ''}
      ${temporary.map(name => `${name}_temp_path ${prefix}/${name};`).join(' ')}
      ${http}
    }`
  const file = join(prefix, 'nginx.conf')
  writeFileSync(file, text)
  return { prefix, file }
}

const command = ({ prefix, file }) => ['-p', prefix, '-c', file, '-e', join(prefix, 'start.log')]

export async function judge(http, options) {
  return run('nginx', [...command(configuration(http, options)), '-t'])
}

const children = pid => readdirSync('/proc').filter(name => /^\d+$/.test(name)).filter(name => {
  try {
    return readFileSync(`/proc/${name}/stat`, 'utf8').replace(/^.*\) /s, '').split(' ')[1] === String(pid)
  } catch {
    return false // it ended meanwhile
  }
})

export const nginxes = []
export async function startNginx(http, options = {}) {
  const port = await freePort()
  const place = configuration(http.replaceAll('PORT', port), options)
  const [program, ...before] = options.command ?? ['nginx']
  const child = start(program, [...before, ...command(place)], { stdio: ['ignore', 'inherit', 'inherit'] })
  const read = name => (existsSync(join(place.prefix, name)) ? readFileSync(join(place.prefix, name), 'utf8') : '')
  const nginx = {
    port,
    prefix: place.prefix,
    pid: child.pid,
    errors: () => read('error.log') + read('start.log'),
    access: () => read('access.log').trim().split('\n'),
    workers: () => children(child.pid),
    write: inside => {
      const { file, prefix } = configuration(inside.replaceAll('PORT', port), options)
      writeFileSync(place.file, readFileSync(file, 'utf8').replaceAll(prefix, place.prefix))
    },
    reload: async () => {
      const before = new Set(nginx.workers())
      child.kill('SIGHUP')
      await until('new workers', () => nginx.workers().filter(pid => !before.has(pid)).length >= (options.workers ?? 2))
      return [...before]
    },
    stop: async () => {
      if (child.exitCode !== null || child.signalCode !== null) return child.exitCode
      child.kill('SIGQUIT')
      await once(child, 'exit')
      return child.exitCode
    },
  }
  nginxes.push(nginx)
  const open = () => new Promise(resolve => {
    const socket = connect(port, '127.0.0.1').on('connect', () => resolve(true)).on('error', () => resolve(false))
    socket.on('connect', () => socket.destroy())
  })
  await until(`nginx listens: ${nginx.errors()}`, () => {
    if (child.exitCode !== null) throw new Error(`nginx ended with ${child.exitCode}: ${nginx.errors()}`)
    return open()
  }, 60)
  return nginx
}

// ---------------------------------------------------------------- provider, tokens

let provider
export function stopProvider() {
  try {
    if (provider) process.kill(provider)
  } catch {} // it ended by itself
  provider = undefined
}

export async function startProvider(port) {
  const issuer = await must('tests/providers/oidc-provider/boot', [join(work, 'provider'), ...(port ? [String(port)] : [])])
  provider = Number(readFileSync(join(work, 'provider/pid'), 'utf8'))
  return issuer
}

export async function token(issuer, resource = audience, scope = 'read:orders') {
  const answer = await fetch(`${issuer}/token`, {
    method: 'POST',
    headers: { authorization: `Basic ${btoa('svc:svc-secret')}` },
    body: new URLSearchParams({ grant_type: 'client_credentials', resource, scope }),
  })
  const body = await answer.json()
  assert.equal(answer.status, 200, JSON.stringify(body))
  return body.access_token
}

// A key of our own, for claims that the provider does not make: options for nginx, and tokens.
export function ownIssuer(issuer = 'https://own.example') {
  const { publicKey, privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 })
  const jwks = JSON.stringify({ keys: [{ ...publicKey.export({ format: 'jwk' }), alg: 'RS256', kid: 'own' }] })
  const part = value => Buffer.from(JSON.stringify(value)).toString('base64url')
  return {
    options: `auth_bearer_option issuer ${issuer}; auth_bearer_option audience ${audience}; auth_bearer_option keys.jwks '${jwks}';`,
    token: claims => {
      const now = Math.floor(Date.now() / 1000)
      const payload = { iss: issuer, aud: audience, iat: now, exp: now + 3600, sub: 'alice', ...claims }
      const signed = `${part({ alg: 'RS256', kid: 'own' })}.${part(payload)}`
      return `${signed}.${sign('sha256', Buffer.from(signed), privateKey).toString('base64url')}`
    },
  }
}

// ---------------------------------------------------------------- requests

// An upstream that answers its request's header lines as they came, [[name, value], …], and behind them the body that came.
export async function echoServer(status = 200) {
  const server = createHttpServer(async (request, response) => {
    const pairs = []
    let sent = ''
    for await (const chunk of request) sent += chunk
    for (let i = 0; i < request.rawHeaders.length; i += 2) pairs.push(request.rawHeaders.slice(i, i + 2))
    const body = JSON.stringify(sent ? [...pairs, ['body', sent]] : pairs)
    response.writeHead(status, { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) }).end(body)
  }).listen(0, '127.0.0.1')
  server.unref()
  await once(server, 'listening')
  return server.address().port
}

// One request by hand, so that a header can be anything; comes back with all that the server sent until it closed.
export async function request({ port }, path, headers = [], method = 'GET', body = '') {
  const socket = connect(port, '127.0.0.1')
  socket.setTimeout(30_000, () => socket.destroy(new Error('no answer in 30 s')))
  const lines = [`${method} ${path} HTTP/1.1`, 'Host: api', ...headers, ...(headers.some(line => line.startsWith('Connection:')) ? [] : ['Connection: close']), '', body]
  socket.write(Buffer.from(lines.join('\r\n'), 'latin1'))
  const chunks = []
  try {
    for await (const chunk of socket) chunks.push(chunk)
  } catch (error) {
    if (error.code !== 'ECONNRESET' && error.code !== 'EPIPE') throw error // an early "too large" may end so
  }
  const text = Buffer.concat(chunks).toString()
  const end = text.indexOf('\r\n\r\n')
  const fields = text.slice(0, end).split('\r\n').slice(1).map(line => /^([^:]*): *(.*)$/.exec(line))
  const all = name => fields.filter(field => field?.[1].toLowerCase() === name).map(field => field[2])
  return { status: Number(text.slice(9, 12)), all, header: name => all(name).join(' AND '), body: text.slice(end + 4) }
}

export const bearer = token => [`Authorization: Bearer ${token}`]

export function refused(answer, status, code, challenge) {
  assert.equal(answer.status, status, answer.body)
  assert.equal(answer.header('content-type'), 'application/problem+json')
  const problem = JSON.parse(answer.body)
  assert.equal(problem.code, code)
  assert.equal(problem.status, status)
  if (challenge instanceof RegExp) assert.match(answer.header('www-authenticate'), challenge)
  else assert.equal(answer.header('www-authenticate'), challenge)
}

// ---------------------------------------------------------------- cases

const cases = []
export const test = (name, body) => cases.push([name, body])

export async function runCases() {
  let passed = 0
  for (const [name, body] of cases) {
    try {
      await body()
      passed += 1
      console.log(`ok      ${name}`)
    } catch (error) {
      console.log(`FAILED  ${name}: ${error.stack.split('\n').slice(0, 12).join(' ')}`)
    }
  }
  const failed = cases.length - passed
  if (failed) for (const nginx of nginxes) console.log(`the end of a log:\n${nginx.errors().split('\n').slice(-20).join('\n')}`)
  console.log(`${passed} passed, ${failed} failed`)
  return failed
}

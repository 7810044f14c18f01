// What the matrix of every provider needs: a provider that is started and stopped, tokens asked of it, and the judge.
import { spawn } from 'node:child_process'
import { createHash, createPublicKey, generateKeyPairSync, randomBytes, sign } from 'node:crypto'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'

const here = fileURLToPath(new URL('.', import.meta.url))
const work = mkdtempSync(join(tmpdir(), 'libauth-providers-'))

// Whatever is started is ended with this process, by SIGTERM: a `boot` then ends the provider that it was starting.
const children = new Set()
const providers = new Set()
process.on('exit', () => {
  for (const child of children) child.kill()
  for (const provider of providers) provider.kill()
  rmSync(work, { recursive: true, force: true })
})
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => process.exit(1))

function start(command, args, options) {
  const child = spawn(command, args, options)
  children.add(child)
  return child.once('exit', () => children.delete(child))
}

export class Provider {
  constructor(name) {
    this.name = name
    this.dir = join(work, name)
    this.boots = []
  }

  // A later start is on the port of the first.
  async start(environment = {}) {
    const began = Date.now()
    providers.add(this)
    const args = [this.dir, ...(this.url ? [this.url.port] : [])]
    const env = { ...process.env, ...environment }
    const child = start(join(here, this.name, 'boot'), args, { stdio: ['ignore', 'pipe', 'inherit'], env })
    let told = ''
    child.stdout.setEncoding('utf8').on('data', text => (told += text))
    const [code] = await once(child, 'close')
    if (code !== 0) throw new Error(`${this.name}/boot: exit code ${code}`)
    this.boots.push((Date.now() - began) / 1000)
    this.issuer = told.trim()
    this.url = new URL(this.issuer)
    return this.issuer
  }

  kill() {
    try {
      process.kill(Number(readFileSync(join(this.dir, 'pid'), 'utf8')))
    } catch {} // never started, or ended by itself
  }

  // Comes back when nothing answers any more.
  async stop() {
    this.kill()
    for (let tries = 0; tries < 300; tries++) {
      try {
        await fetch(this.url)
      } catch {
        return void providers.delete(this)
      }
      await sleep(100)
    }
    throw new Error(`${this.name} does not stop`)
  }

  async endpoint(name, issuer = this.issuer) {
    return (await json(await fetch(`${issuer}/.well-known/openid-configuration`)))[name]
  }

  async jwks(issuer) {
    return (await json(await fetch(await this.endpoint('jwks_uri', issuer)))).keys
  }

  // The answer of the token endpoint. `client` is "name:secret".
  async tokens(client, fields, { headers = {}, issuer } = {}) {
    const url = await this.endpoint('token_endpoint', issuer)
    const basic = `Basic ${Buffer.from(client).toString('base64')}`
    const body = new URLSearchParams(fields)
    return json(await fetch(url, { method: 'POST', body, headers: { authorization: basic, ...headers } }))
  }

  async service(client, fields = {}, more) {
    return (await this.tokens(client, { grant_type: 'client_credentials', ...fields }, more)).access_token
  }

  // A token that is bound to a new key (RFC 9449).
  async bound(client, fields) {
    const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
    const jwk = createPublicKey(privateKey).export({ format: 'jwk' })
    const htu = await this.endpoint('token_endpoint')
    const claims = { jti: randomBytes(9).toString('hex'), htm: 'POST', htu, iat: Math.floor(Date.now() / 1000) }
    const signed = [{ typ: 'dpop+jwt', alg: 'ES256', jwk }, claims].map(encode).join('.')
    const signature = sign('sha256', Buffer.from(signed), { key: privateKey, dsaEncoding: 'ieee-p1363' })
    return this.service(client, fields, { headers: { dpop: `${signed}.${signature.toString('base64url')}` } })
  }

  // The tokens of a user who signs in by the provider's own pages (authorization code with PKCE).
  async userTokens(client, fields) {
    const redirect_uri = 'http://127.0.0.1:1/callback'
    const verifier = randomBytes(32).toString('base64url')
    const url = new URL(await this.endpoint('authorization_endpoint'))
    const challenge = createHash('sha256').update(verifier).digest('base64url')
    url.search = new URLSearchParams({
      response_type: 'code', client_id: client.split(':')[0], redirect_uri, state: 's', nonce: 'n',
      code_challenge: challenge, code_challenge_method: 'S256', ...fields,
    })
    const code = await signIn(url, redirect_uri)
    const resource = fields.resource ? { resource: fields.resource } : {}
    return this.tokens(client, { grant_type: 'authorization_code', code, redirect_uri, code_verifier: verifier, ...resource })
  }
}

async function json(answer) {
  const text = await answer.text()
  if (!answer.ok) throw new Error(`${answer.url}: ${answer.status} ${text.slice(0, 300)}`)
  return JSON.parse(text)
}

// A browser of a few lines: follows redirects with cookies, and sends every form with alice's name and password.
async function signIn(url, redirectUri) {
  const cookies = new Map()
  let body
  for (let steps = 0; steps < 20; steps++) {
    const cookie = [...cookies].map(pair => pair.join('=')).join('; ')
    const answer = await fetch(url, { method: body ? 'POST' : 'GET', body, redirect: 'manual', headers: { cookie, accept: 'text/html' } })
    for (const set of answer.headers.getSetCookie()) cookies.set(...set.split(';')[0].split(/=(.*)/s, 2))
    const page = await answer.text()
    const location = answer.headers.get('location')
    if (location) {
      url = new URL(location, url)
      body = undefined
      if (url.href.startsWith(redirectUri)) return url.searchParams.get('code') ?? fail(`no code in ${url}`)
      continue
    }
    const form = /<form[^>]*>[^]*?<\/form>/.exec(page)?.[0] ?? fail(`${url}: ${answer.status}, no form`)
    const attribute = (tag, name) => new RegExp(`\\b${name}="([^"]*)"`).exec(tag)?.[1].replaceAll('&amp;', '&')
    body = new URLSearchParams()
    for (const [tag] of form.matchAll(/<input[^>]*>/g)) {
      const name = attribute(tag, 'name')
      if (name) body.set(name, /^(username|login|password)$/.test(name) ? 'alice' : (attribute(tag, 'value') ?? ''))
    }
    url = new URL(attribute(form, 'action') ?? '', url)
  }
  return fail(`no end of pages at ${url}`)
}

function fail(why) {
  throw new Error(why)
}

const encode = value => Buffer.from(JSON.stringify(value)).toString('base64url')
export const part = (token, place) => JSON.parse(Buffer.from(token.split('.')[place], 'base64url'))
export const headerOf = token => part(token, 0)
export const claimsOf = token => part(token, 1)

export function withHeader(token, change) {
  const [, ...rest] = token.split('.')
  return [encode({ ...headerOf(token), ...change }), ...rest].join('.')
}

export function withClaims(token, change) {
  const [header, , signature] = token.split('.')
  return [header, encode({ ...claimsOf(token), ...change }), signature].join('.')
}

export function withOtherSignature(token) {
  const [header, payload, signature] = token.split('.')
  const bytes = Buffer.from(signature, 'base64url')
  bytes[9] ^= 1
  return [header, payload, bytes.toString('base64url')].join('.')
}

export const untilExpired = token => sleep(Math.max(0, claimsOf(token).exp * 1000 - Date.now()) + 1100)

// The C program that calls libauth: answers come in the order of the questions.
export class Judge {
  constructor(program) {
    this.child = start(program, [], { stdio: ['pipe', 'pipe', 'inherit'] })
    this.waiting = []
    createInterface({ input: this.child.stdout }).on('line', line => this.waiting.shift().resolve(JSON.parse(line)))
    this.child.once('exit', code => this.waiting.forEach(({ reject }) => reject(new Error(`judge: exit code ${code}`))))
  }

  ask(question) {
    this.child.stdin.write(`${JSON.stringify(question)}\n`)
    return new Promise((resolve, reject) => this.waiting.push({ resolve, reject }))
  }

  async handle(handle, options) {
    const told = await this.ask({ handle, options })
    if (told.status !== 'OK') throw new Error(`handle ${handle}: ${told.log}`)
  }

  judge(handle, token, require) {
    return this.ask({ handle, header: `Bearer ${token}`, require })
  }

  // Judges again until the status is the expected one, for at most so many seconds.
  async until(status, handle, token, seconds = 20) {
    for (const end = Date.now() + seconds * 1000; ; await sleep(200)) {
      const told = await this.judge(handle, token)
      if (told.status === status || Date.now() > end) return told
    }
  }

  // How often the provider was asked.
  async fetches(handle) {
    const { issuers } = await this.ask({ handle, report: true })
    return issuers.flatMap(issuer => Object.values(issuer.fetches)).reduce((sum, count) => sum + count, 0)
  }
}

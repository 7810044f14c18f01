// `libauth issuer` for a test: its tokens, its faults, and how often its keys were fetched.
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'

const target = process.env.CARGO_TARGET_DIR ?? fileURLToPath(new URL('../../../target', import.meta.url))
export const audience = 'https://api.example'
const MARKS = 32

// Ends with the process, whatever ends that.
export async function startIssuer() {
  const child = spawn(`${target}/debug/libauth`, ['issuer', '--port', '0'], { stdio: ['ignore', 'pipe', 'inherit'] })
  const stop = () => child.kill()
  process.once('exit', stop)
  for await (const line of createInterface({ input: child.stdout })) {
    const url = /^issuer +(http:\S+)$/.exec(line)?.[1]
    if (url) return new Issuer(url, child, stop)
  }
  throw new Error(`libauth issuer ended: ${child.exitCode}`)
}

class Issuer {
  #child
  #stop

  constructor(url, child, stop) {
    this.url = url
    this.options = { issuer: url, audience }
    this.#child = child
    this.#stop = stop
  }

  async #post(path, body) {
    const answer = await fetch(this.url + path, { method: 'POST', body, headers: { connection: 'close' } })
    assert.equal(answer.status, 200, await answer.clone().text())
    return answer
  }

  async token(more = {}) {
    const body = new URLSearchParams({ grant_type: 'client_credentials', audience, scope: 'orders:read', alg: 'ES256', ...more })
    return (await (await this.#post('/token', body)).json()).access_token
  }

  // `fault('jwks', 'slow_head', { ms: 1000 })`; without arguments all are healthy.
  async fault(endpoint, kind = 'none', more = {}) {
    await this.#post(`/fault?${new URLSearchParams({ ...(endpoint && { endpoint }), kind, ...more })}`)
  }

  // Every answer of the keys' endpoint takes away one of the marks.
  countFetches() {
    return this.fault('jwks', 'header', { name: 'X-Marked', value: 'yes', times: MARKS })
  }

  async fetchesCounted() {
    const marked = async () => (await fetch(`${this.url}/jwks`)).headers.has('x-marked')
    let left = 0
    while (await marked()) left += 1
    return MARKS - left
  }

  async stop() {
    process.off('exit', this.#stop)
    const ended = once(this.#child, 'exit')
    this.#child.kill()
    await ended
  }
}

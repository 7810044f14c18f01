// HTTP by hand, so that a header can be anything; and tokens.
import assert from 'node:assert/strict'
import { connect } from 'node:net'

const pause = ms => new Promise(done => setTimeout(done, ms))

// Sends the parts, 50 ms apart, and comes back with everything that the server sent until it closed.
export async function exchange(url, ...parts) {
  const socket = connect(url.port, url.hostname)
  socket.setNoDelay(true)
  socket.setTimeout(20_000, () => socket.destroy(new Error('no answer in 20 s')))
  const chunks = []
  const received = (async () => {
    for await (const chunk of socket) chunks.push(chunk)
  })().catch(error => {
    if (error.code !== 'ECONNRESET' && error.code !== 'EPIPE') throw error // an early "too large" may end so
  })
  for (const [place, part] of parts.entries()) {
    if (place > 0) await pause(50)
    socket.write(Buffer.from(part, 'latin1'))
  }
  await received
  return Buffer.concat(chunks).toString()
}

// Every answer of `text`, in order. `methods` are those of the requests: the answer to HEAD has no body.
export function answers(text, methods = []) {
  const found = []
  for (let rest = text; rest !== ''; ) {
    assert.match(rest, /^HTTP\/1\.1 \d{3} /, `an answer begins: ${rest.slice(0, 80)}`)
    const end = rest.indexOf('\r\n\r\n')
    const lines = rest.slice(0, end).split('\r\n').slice(1)
    const fields = lines.map(line => /^([^:]*): *(.*)$/.exec(line))
    const header = name =>
      fields.filter(field => field?.[1].toLowerCase() === name).map(field => field[2]).join(' AND ')
    const status = Number(rest.slice(9, 12))
    const bytes = Buffer.from(rest.slice(end + 4))
    const [body, length] = methods[found.length] === 'HEAD' || status === 204 ? ['', 0] : bodyOf(bytes, header)
    found.push({ status, header, body })
    rest = bytes.subarray(length).toString()
  }
  return found
}

// The body that `bytes` begin with, and how many of them it takes: in chunks, by its length, or until the end.
function bodyOf(bytes, header) {
  if (header('transfer-encoding') !== 'chunked') {
    const length = header('content-length') === '' ? bytes.length : Number(header('content-length'))
    return [bytes.subarray(0, length).toString(), length]
  }
  let body = ''
  for (let place = 0; ; ) {
    const line = bytes.indexOf('\r\n', place)
    const length = parseInt(bytes.subarray(place, line).toString(), 16)
    place = line + 2 + length + 2
    if (length === 0) return [body, place]
    body += bytes.subarray(line + 2, line + 2 + length).toString()
  }
}

export const head = (method, target, headers) => [`${method} ${target} HTTP/1.1`, 'Host: api', ...headers, '', ''].join('\r\n')

// One request on a connection of its own; the one answer.
export async function request(url, target, headers = [], method = 'GET') {
  const text = await exchange(url, head(method, target, [...headers, 'Connection: close']))
  const all = answers(text, [method])
  assert.ok(all.length >= 1, 'there is an answer')
  return all[0]
}

export const bearer = token => [`Authorization: Bearer ${token}`]

export async function token(issuer, resource, scope = 'read:orders') {
  const answer = await fetch(`${issuer}/token`, {
    method: 'POST',
    headers: { authorization: `Basic ${btoa('svc:svc-secret')}` },
    body: new URLSearchParams({ grant_type: 'client_credentials', resource, scope }),
  })
  const body = await answer.json()
  assert.equal(answer.status, 200, JSON.stringify(body))
  return body.access_token
}

// Until it holds, at most 20 s.
export async function soon(body) {
  for (const until = Date.now() + 20_000; ; await pause(100)) {
    try {
      return await body()
    } catch (error) {
      if (Date.now() > until) throw error
    }
  }
}

export function accepted(answer, status = 200) {
  assert.equal(answer.status, status, answer.body)
  assert.equal(answer.header('content-type'), 'application/json')
  assert.equal(answer.header('www-authenticate'), '')
  assert.equal(answer.header('retry-after'), '')
  return JSON.parse(answer.body)
}

export function refused(answer, status, code, challenge) {
  assert.equal(answer.status, status, answer.body)
  assert.equal(answer.header('content-type'), 'application/problem+json')
  const problem = JSON.parse(answer.body)
  assert.equal(problem.code, code)
  assert.equal(problem.status, status)
  if (challenge instanceof RegExp) assert.match(answer.header('www-authenticate'), challenge)
  else assert.equal(answer.header('www-authenticate'), challenge)
}

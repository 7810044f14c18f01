// What `exclude` opens, and what it does not: middleware before all routes of one router. A router goes by the path as it was sent,
// or as it reads without its escapes; both have to be excluded.
import assert from 'node:assert/strict'
import { bearer, refused, request, token } from './http.mjs'
import { startHost } from './processes.mjs'

export const excluded = []
const test = (title, body) => excluded.push([title, body])

const missing = answer => refused(answer, 401, 'auth.authorization_header_missing', 'Bearer')
const audience = 'https://rs256.example'

test('the routes are there', async world => {
  const { issuer } = world.provider
  world.host = startHost(world.program, { ROUTER: world.router, LIBAUTH_ISSUER: issuer, LIBAUTH_AUDIENCE: audience })
  world.api = await world.host.url
  const good = bearer(await token(issuer, audience))
  for (const [method, path, route] of [['GET', '/t1/secrets', 'secrets'], ['DELETE', '/1', 'removal']]) {
    const answer = await request(world.api, path, good, method)
    assert.deepEqual([answer.status, answer.body], [200, route])
    missing(await request(world.api, path, [], method))
  }
})
test('excluded paths need no token', async ({ api }) => {
  for (const [path, route] of [['/healthz', 'health'], ['/healthz?x', 'health'], ['/public/open', 'open']]) {
    const answer = await request(api, path)
    assert.deepEqual([answer.status, answer.body], [200, route])
  }
})
for (const [method, path] of [
  ['GET', '/%70ublic/secrets'], ['GET', '/publi%63/secrets'], ['GET', '/public%2fsecrets'], ['GET', '/public/../t1/secrets'],
  ['GET', '/public/%2e%2e/t1/secrets'], ['GET', '//public/secrets'], ['GET', '/PUBLIC/secrets'], ['DELETE', '/%68ealthz'],
  ['DELETE', '/health%7a'], ['DELETE', '/healthz%2f'], ['DELETE', '/healthz;x'], ['DELETE', '/healthz/'],
])
  test(`${method} ${path} is not excluded`, async ({ api }) => missing(await request(api, path, [], method)))
test('SIGTERM ends the host with 0', async ({ host }) => assert.deepEqual(await host.stop('SIGTERM'), [0, null]))

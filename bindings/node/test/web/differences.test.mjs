// The tables "sent, there, here" of the pages for those who come from another package: each row is
// measured with that package and with libauth. And their programs load.
import assert from 'node:assert/strict'
import { createPublicKey } from 'node:crypto'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { JwtVerifier } from 'aws-jwt-verify'
import express from 'express'
import { expressjwt } from 'express-jwt'
import * as bearerPackage from 'express-oauth2-jwt-bearer'
import { Auth, auth, problem } from 'libauth/express'
import { mint, options } from 'libauth/testing'
import { bearer, request } from '../../../../tests/hosts/http.mjs'

const root = fileURLToPath(new URL('../..', import.meta.url))
const page = name => readFileSync(join(root, '../../docs', `${name}.md`), 'utf8')
const version = name => JSON.parse(readFileSync(join(root, 'node_modules', name, 'package.json'), 'utf8')).version

const { issuer, audience } = options
const [jwk] = options.keys.jwks.keys
const pem = createPublicKey({ key: jwk, format: 'jwk' }).export({ type: 'spki', format: 'pem' })
const quiet = { logger: { info() {}, warn() {} } }
const seconds = from => Math.floor(Date.now() / 1000) + from
const gone = 'http://127.0.0.1:1' // nobody listens there

// aws-jwt-verify brings no middleware: the one of its documentation.
function verified() {
  const verifier = JwtVerifier.create({ issuer, audience, jwksUri: `${issuer}/jwks` })
  verifier.cacheJwks({ keys: [jwk] })
  return async (req, res, next) => {
    try {
      await verifier.verify(req.headers.authorization.replace(/^Bearer /, ''))
      next()
    } catch {
      res.sendStatus(401)
    }
  }
}

const bearerOptions = { issuer, audience, publicKey: jwk, tokenSigningAlg: 'ES256', dpop: { enabled: false } }
const there = {
  'express-oauth2-jwt-bearer': {
    usual: () => bearerPackage.auth(bearerOptions),
    optional: () => bearerPackage.auth({ ...bearerOptions, authRequired: false }),
    unreachable: () => bearerPackage.auth({ issuerBaseURL: gone, audience, dpop: { enabled: false } }),
  },
  'express-jwt': {
    usual: () => expressjwt({ secret: pem, algorithms: ['ES256'], issuer, audience }),
    optional: () => expressjwt({ secret: pem, algorithms: ['ES256'], issuer, audience, credentialsRequired: false }),
    bare: () => expressjwt({ secret: pem, algorithms: ['ES256'] }),
  },
  'aws-jwt-verify': { usual: verified },
}
const here = {
  usual: () => auth(new Auth(options, quiet)),
  bare: () => auth(new Auth(options, quiet)),
  optional: () => auth(new Auth(options, quiet), { optional: true }),
  unreachable: () => auth(new Auth({ issuer: gone, audience }, quiet)),
}

const sent = {
  'a second Authorization header': { headers: [...bearer(mint()), 'Authorization: Bearer x'] },
  'the token in the query, `?access_token=`': { path: `/?access_token=${mint()}` },
  'a refresh token of Keycloak, `typ: Refresh`': { headers: bearer(mint({ typ: 'Refresh' }, { typ: 'JWT' })) },
  'an ID token of Cognito, `token_use: id`': { headers: bearer(mint({ token_use: 'id' }, { typ: 'JWT' })) },
  'a logout token, header `typ: logout+jwt`': { headers: bearer(mint({}, { typ: 'logout+jwt' })) },
  'a token inside a token, `cty: JWT`': { headers: bearer(mint({}, { cty: 'JWT' })) },
  'a token that is bound to a key, `cnf`': { headers: bearer(mint({ cnf: { jkt: 'x' } })) },
  'an `aud` with a number in it': { headers: bearer(mint({ aud: [audience, 5] })) },
  'a bad token, and `authRequired: false`': { headers: bearer(mint({ exp: 1 })), app: 'optional' },
  '`exp` 10 seconds ago': { headers: bearer(mint({ exp: seconds(-10) })) },
  'a malformed header': { headers: [`Authorization: Bearer ${mint()} x`] },
  'another scheme, Basic': { headers: ['Authorization: Basic eDp5'] },
  'another scheme, and `credentialsRequired: false`': { headers: ['Authorization: Basic eDp5'], app: 'optional' },
  'a good token, and the provider cannot be reached': { headers: bearer(mint({ iss: gone })), app: 'unreachable' },
  'no `exp`': { headers: bearer(mint({ exp: undefined })) },
  '`crit` with an extension that nobody knows': { headers: bearer(mint({}, { crit: ['x'], x: 1 })) },
  'a `sub` that is a number': { headers: bearer(mint({ sub: 5 })) },
  'another `aud`, and the options name none': { headers: bearer(mint({ aud: 'https://other.test' })), app: 'bare' },
  'OPTIONS with Access-Control-Request-Headers alone': { headers: ['Access-Control-Request-Headers: authorization'], method: 'OPTIONS' },
  'no `kid`, and one key': { headers: bearer(mint({}, { kid: undefined })) },
}

const servers = []
async function serve(middleware) {
  const app = express()
  app.set('env', 'test')
  app.use(middleware)
  app.all('/', (req, res) => res.json('in'))
  app.use(problem)
  const server = createServer(app)
  servers.push(server)
  await new Promise(done => server.listen(0, '127.0.0.1', done))
  return new URL(`http://127.0.0.1:${server.address().port}`)
}
after(() => servers.forEach(server => server.close(server.closeAllConnections())))

// Rows of the table with these three heads, by their first cell.
function rows(text) {
  const [, table] = /\n\| sent \| there \| here \|\n\| --- \| --- \| --- \|\n((?:\|.*\n)+)/.exec(text)
  return table.trim().split('\n').map(row => row.slice(2, -2).split(' | '))
}

const ours = {}
before(async () => {
  for (const [name, make] of Object.entries(here)) ours[name] = await serve(make())
})

for (const [name, apps] of Object.entries(there))
  describe(`docs/${name}.md`, () => {
    const text = page(name)
    const theirs = {}
    before(async () => {
      for (const [app, make] of Object.entries(apps)) theirs[app] = await serve(make())
    })
    test('tells of the version that is measured', () => assert.ok(text.includes(version(name))))
    test('a good token is accepted by both', async () => {
      for (const url of [theirs.usual, ours.usual]) assert.equal((await request(url, '/', bearer(mint()))).status, 200)
    })
    for (const [title, expectedThere, expectedHere] of rows(text))
      test(title, async () => {
        assert.ok(title in sent, 'the test knows how to send it')
        const { path = '/', headers, method, app = 'usual' } = sent[title]
        const tell = ({ status, body }) => {
          if (status === 200) return 'accepted'
          return body.startsWith('{') ? `${status} \`${JSON.parse(body).code}\`` : `${status}`
        }
        assert.equal(tell(await request(theirs[app], path, headers, method)), expectedThere, 'there')
        assert.equal(tell(await request(ours[app], path, headers, method)), expectedHere, 'here')
      })
    test('its programs load', async () => {
      const work = mkdtempSync(join(root, '.example-'))
      try {
        const programs = [...text.matchAll(/\n```js\n([^]*?)\n```\n/g)].map(([, program]) => program)
        assert.ok(programs.length > 0)
        for (const [place, program] of programs.entries()) {
          const file = join(work, `${place}.mjs`)
          const offline = program.replace(/^const .*await .*$/gm, '') // that would ask the provider
          writeFileSync(file, `import express from 'express'\nconst app = express()\napp\n${offline}`)
          await import(file)
        }
      } finally {
        rmSync(work, { recursive: true })
      }
    })
  })

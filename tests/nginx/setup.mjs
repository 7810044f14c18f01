// `nginx -t`: mistakes are told with libauth's sentence and the line, and the snippets of the start page are right.
import assert from 'node:assert/strict'
import { chownSync, mkdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { judge, root, test, work } from './harness.mjs'

const options = 'auth_bearer_option issuer https://id.example; auth_bearer_option audience https://api.example;'
const server = inside => `server { listen 127.0.0.1:1; ${inside} }`

export async function setup() {
  const good = [
    ['one level', server(`${options} auth_bearer on;`)],
    ['off without options', server('auth_bearer off;')],
    ['options that are not used are not complete', server('auth_bearer_option issuer https://id.example; auth_bearer off;')],
    ['options of a location of its own', server(`${options} auth_bearer on; location /b { ${options} auth_bearer optional; }`)],
    ['a requirement that is empty', `${options} auth_bearer on; ${server('auth_bearer_require "";')}`],
    ['keys.timeout', server(`${options} auth_bearer_option keys.timeout 1s; auth_bearer on;`)],
  ]
  for (const [name, http] of good)
    test(`nginx -t, good: ${name}`, async () => {
      const { code, output } = await judge(http)
      assert.equal(code, 0, output)
    })

  const bad = [
    ['an unknown option', 'auth_bearer_option audiense x;', /auth\.option_unknown: .*did you mean audience\? in .*nginx\.conf:\d+/],
    ['a bad value', 'auth_bearer_option keys.ttl soon;', /auth\.option_invalid: .*keys\.ttl/],
    ['no audience', server('auth_bearer_option issuer https://id.example; auth_bearer on;'), /auth\.option_missing: .*audience/],
    ['no option at all', server('location / { auth_bearer on; }'), /auth\.option_missing: .*issuer/],
    ['a location with half of the options', server(`${options} location / { auth_bearer_option claims.leeway 5; auth_bearer on; }`), /auth\.option_missing/],
    ['a bad requirement', 'auth_bearer_require "role:";', /auth\.option_invalid: .*role:/],
    ['a requirement twice', 'auth_bearer_require a; auth_bearer_require b;', /"auth_bearer_require" directive is duplicate/],
    ['a bad word', 'auth_bearer maybe;', /invalid value "maybe"/],
    ['a bad path', 'auth_bearer_forward_claim X-User a..b;', /auth\.option_invalid/],
    ['a header with an underscore', 'auth_bearer_forward_claim X_User sub;', /letters, digits and dashes/],
    ['a header with a line feed', 'auth_bearer_forward_claim "X-User\n" sub;', /letters, digits and dashes/],
    ['Authorization', 'auth_bearer_forward_claim authorization sub;', /a header that nginx itself reads/],
    ['Content-Length', 'auth_bearer_forward_claim Content-Length sub;', /a header that nginx itself reads/],
    ['the same header twice', 'auth_bearer_forward_claim X-User sub; auth_bearer_forward_claim x-user sub;', /is duplicate/],
  ]
  for (const [name, http, told] of bad)
    test(`nginx -t, bad: ${name}`, async () => {
      const { code, output } = await judge(http)
      assert.equal(code, 1, output)
      assert.match(output, told)
      assert.match(output, /nginx\.conf/)
    })
  test('nginx -t warns of what is allowed and should be meant', async () => {
    const { code, output } = await judge(server('auth_bearer_option issuer https://id.example; auth_bearer_option audience *; auth_bearer on;'))
    assert.equal(code, 0)
    assert.match(output, /\[warn\].*audience/)
  })

  const snapshot = join(work, 'snippets')
  mkdirSync(snapshot, { mode: 0o700 })
  if (process.getuid() === 0) {
    test('nginx -t, bad: a snapshot folder that is not of the workers', async () => {
      const { code, output } = await judge(server(`${options} auth_bearer_option keys.snapshot ${snapshot}; auth_bearer on;`))
      assert.equal(code, 1)
      assert.match(output, /belongs to user 0, and this process runs as user 65534/)
      chownSync(snapshot, 65534, 65534)
    })
  }

  const page = readFileSync(join(root, 'docs/nginx.md'), 'utf8')
  const snippets = [...page.matchAll(/```nginx\n(.*?)```/gs)].map(match => match[1])
  test('docs/nginx.md has snippets', () => assert.ok(snippets.length >= 4, `${snippets.length}`))
  for (const [number, snippet] of snippets.entries())
    test(`docs/nginx.md, snippet ${number + 1}: nginx -t`, async () => {
      // The one line that stands outside of the http block; the harness has it itself.
      let http = snippet.replace(/^load_module modules\/ngx_http_auth_bearer_module\.so;$/m, '')
      http = http.replaceAll(/listen \d+/g, 'listen 127.0.0.1:1').replaceAll('/var/lib/libauth', snapshot)
      const { code, output } = await judge(http)
      assert.equal(code, 0, output)
    })
}

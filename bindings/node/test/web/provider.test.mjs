// Each framework with tokens of npm oidc-provider, over the network; and with the provider gone.
import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { bearer, request, soon, token } from '../../../../tests/hosts/http.mjs'
import { startProvider } from '../../../../tests/hosts/processes.mjs'
import { invalid, missing, open, refused } from './cases.mjs'
import { hosts } from './hosts.mjs'

const algorithms = ['RS256', 'ES256', 'EdDSA']
const audienceOf = algorithm => `https://${algorithm.toLowerCase()}.example`
const audience = algorithms.map(audienceOf)

let provider
const tokens = {}
before(async () => {
  provider = await startProvider()
  for (const algorithm of algorithms) tokens[algorithm] = await token(provider.issuer, audienceOf(algorithm))
})
after(() => provider.stop())

async function withHost(framework, body) {
  const host = await framework.start({ issuer: provider.issuer, audience })
  try {
    await body((path, headers) => request(host.url, path, headers), host)
  } finally {
    await host.close()
  }
}

for (const [name, framework] of Object.entries(hosts))
  describe(name, () => {
    test('one token of each algorithm, the first with no keys yet', () =>
      withHost(framework, async ask => {
        for (const algorithm of algorithms) {
          assert.equal(JSON.parse(Buffer.from(tokens[algorithm].split('.')[0], 'base64url')).alg, algorithm)
          assert.deepEqual(open(await ask('/orders', bearer(tokens[algorithm]))), { orders: ['book', 'lamp'] })
          assert.equal(open(await ask('/me', bearer(tokens[algorithm]))).client_id, 'svc')
        }
        invalid(await ask('/me', bearer(await token(provider.issuer, 'https://other.example'))), 'auth.audience_invalid')
        const [head, payload, signature] = tokens.RS256.split('.')
        invalid(await ask('/me', bearer(`${head}.${payload}.${signature.slice(0, -8)}AAAAAAAA`)), 'auth.signature_invalid')
      }))
    test('20 requests at once with no keys yet', () =>
      withHost(framework, async ask => {
        const all = await Promise.all(Array.from({ length: 20 }, () => ask('/orders', bearer(tokens.ES256))))
        for (const answer of all) open(answer)
      }))
  })

describe('the provider is gone', () => {
  test('with no keys: 503 with Retry-After, and a warning; a request without a token is 401; it heals', async () => {
    const { port } = provider
    await provider.stopped()
    const running = []
    try {
      for (const [name, framework] of Object.entries(hosts)) {
        const host = await framework.start({ issuer: provider.issuer, audience })
        running.push([name, host])
        refused(await request(host.url, '/orders', bearer(tokens.RS256)), 503, 'auth.discovery_failed', '')
        missing(await request(host.url, '/orders'))
        assert.ok(host.lines.some(line => line.startsWith('warn auth.discovery_failed: ')), `${name}: ${host.lines}`)
      }
      provider = await startProvider({ port })
      const fresh = await token(provider.issuer, audienceOf('EdDSA'))
      for (const [, host] of running) await soon(async () => open(await request(host.url, '/orders', bearer(fresh))))
    } finally {
      for (const [, host] of running) await host.close()
    }
  })
})

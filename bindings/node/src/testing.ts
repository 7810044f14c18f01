// For the tests of an application: tokens without a provider, and callers without a token.
import { createECDH, createHash, createPrivateKey, sign } from 'node:crypto'
import type { KeyObject } from 'node:crypto'

import { Auth } from './auth'
import type { How } from './auth'
import type { Options } from './tables'
import type { Verdict } from './verdict'

export type TestClaims = Record<string, unknown>

interface Key {
  kid: string
  secret: KeyObject
  jwk: Record<string, string>
}

// One key a process, made when this module is loaded: it is worth nothing anywhere else.
function newKey(): Key {
  const ecdh = createECDH('prime256v1')
  const point = ecdh.generateKeys()
  const coordinate = (from: number): string => point.subarray(from, from + 32).toString('base64url')
  const jwk = { kty: 'EC', crv: 'P-256', x: coordinate(1), y: coordinate(33) }
  const kid = createHash('sha256').update(point).digest('base64url')
  // Node leaves leading zeros away; a JWK has 32 bytes.
  const d = ecdh.getPrivateKey('hex').padStart(64, '0')
  const secret = { ...jwk, d: Buffer.from(d, 'hex').toString('base64url') }
  return {
    kid,
    secret: createPrivateKey({ key: secret, format: 'jwk' }),
    jwk: { ...jwk, kid, alg: 'ES256', use: 'sig' },
  }
}
const key = newKey()

/** The options by which `mint` makes tokens: `new Auth(options)`. They ask no network. */
export const options = {
  issuer: 'https://issuer.test',
  audience: 'https://api.test',
  keys: { jwks: { keys: [key.jwk] } },
} satisfies Options

/**
 * A token that `new Auth(options)` accepts for 5 minutes. `claims` are added to `iss`, `aud`,
 * `sub`, `client_id`, `iat`, `exp`; one that is undefined is left out. `header` likewise, for
 * tokens that have to be refused.
 */
export function mint(claims: TestClaims = {}, header: TestClaims = {}): string {
  const now = Math.floor(Date.now() / 1000)
  const { issuer: iss, audience: aud } = options
  const base = { iss, aud, sub: 'test', client_id: 'test', iat: now, exp: now + 300 }
  const head = { alg: 'ES256', typ: 'at+jwt', kid: key.kid, ...header }
  const part = (value: object): string => Buffer.from(JSON.stringify(value)).toString('base64url')
  const signed = `${part(head)}.${part({ ...base, ...claims })}`
  const signature = sign('sha256', Buffer.from(signed), {
    key: key.secret,
    dsaEncoding: 'ieee-p1363',
  })
  return `${signed}.${signature.toString('base64url')}`
}

/**
 * An `Auth` for which every request comes from this caller, whatever its header is:
 * `auth(fakeAuth({ sub: 'alice', scope: 'orders:read' }))`. What a route requires is judged as
 * always.
 */
export function fakeAuth(claims: TestClaims = {}): Auth {
  return new FakeAuth(claims)
}

class FakeAuth extends Auth {
  constructor(private readonly caller: TestClaims) {
    super(options)
  }

  override verify(_token: unknown, how?: How): Promise<Verdict> {
    return super.verify(mint(this.caller), how)
  }

  override tryVerify(_token: unknown, how?: How): Verdict {
    return super.tryVerify(mint(this.caller), how)
  }

  override authorize(_header: unknown, how?: How): Promise<Verdict> {
    return super.authorize(`Bearer ${mint(this.caller)}`, how)
  }

  override tryAuthorize(_header: unknown, how?: How): Verdict {
    return super.tryAuthorize(`Bearer ${mint(this.caller)}`, how)
  }
}

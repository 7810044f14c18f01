// The names and units of express-oauth2-jwt-bearer, as those of libauth: an application that
// comes from there changes its import. Nothing is decided here; docs/express-oauth2-jwt-bearer.md
// has the table, with what differs.
import { notNamed } from './text'
import type { Options } from './tables'

/** The options of express-oauth2-jwt-bearer that mean the same here by another name or unit. */
export interface BearerOptions {
  /** The base URL of the provider. `iss` is this text, with or without a slash at its end. */
  issuerBaseURL?: string
  /** `keys.jwks_uri`. */
  jwksUri?: string
  /** `keys.jwks`: a public key as PEM or JWK, or a JWKS. */
  publicKey?: string | object
  /** `token.algorithms`. */
  tokenSigningAlg?: string
  /** `claims.leeway`, seconds. */
  clockTolerance?: number
  /** `claims.max_age`, seconds. */
  maxTokenAge?: number
  /** `keys.ttl`, MILLISECONDS. */
  cacheMaxAge?: number
  /** `keys.cooldown`, MILLISECONDS. */
  cooldownDuration?: number
  /** `keys.timeout`, MILLISECONDS. */
  timeoutDuration?: number
  /** `token.profile=rfc9068`. */
  strict?: boolean
  /** false: the middleware option `optional`. */
  authRequired?: boolean
}

type Values = Record<string, unknown>

// Whole seconds; what is no number is passed on, for the library to refuse.
const seconds = (ms: unknown): unknown => (typeof ms === 'number' ? Math.ceil(ms / 1000) : ms)
const same = (value: unknown): unknown => value

const renamed: Record<string, [string, (value: unknown) => unknown]> = {
  jwksUri: ['keys.jwks_uri', same],
  publicKey: ['keys.jwks', keySet],
  tokenSigningAlg: ['token.algorithms', same],
  clockTolerance: ['claims.leeway', same],
  maxTokenAge: ['claims.max_age', same],
  cacheMaxAge: ['keys.ttl', seconds],
  cooldownDuration: ['keys.cooldown', seconds],
  timeoutDuration: ['keys.timeout', seconds],
}

const refused: Record<string, string> = {
  secret: 'libauth verifies no HS256: who can check such a token can forge it. Have the provider sign with RS256, ES256 or EdDSA',
  validators: 'libauth always checks every claim. Add to that with `claims.required`, or with `check` in the second argument of auth()',
  agent: 'libauth fetches keys itself. Set `keys.proxy` or `keys.ca_file`',
  cache: 'libauth keeps one key set an issuer. Set `keys.ttl`',
  mcd: 'write `issuer: [...]`, or `issuers: [...]` where audience or keys differ',
  dpop: 'libauth checks no proof of possession: a token that is bound to a key is refused',
  mtls: 'libauth checks no client certificate: a token that is bound to one is refused',
  getCertificate: 'libauth checks no client certificate: a token that is bound to one is refused',
}

function keySet(key: unknown): unknown {
  return typeof key === 'object' && key !== null && !('keys' in key) ? { keys: [key] } : key
}

// There `iss` must be what the metadata says, which for a base URL without a slash may have one.
function issuers(base: unknown): unknown {
  if (typeof base !== 'string') return base
  const plain = base.replace(/\/\.well-known\/(openid-configuration|oauth-authorization-server)/, '')
  const bare = plain.replace(/\/$/, '')
  return [bare, `${bare}/`]
}

// Of these `{ enabled: false }` says what is the case here anyway.
const isOff = (name: string, value: unknown): boolean =>
  ['dpop', 'mtls', 'getCertificate'].includes(name) && (value as Values | null | undefined)?.enabled === false

function fromEnvironment(env: NodeJS.ProcessEnv): Values {
  const found: Values = {}
  const pairs = [
    ['issuerBaseURL', env.ISSUER_BASE_URL],
    ['issuer', env.ISSUER],
    ['audience', env.AUDIENCE],
    ['jwksUri', env.JWKS_URI],
    ['tokenSigningAlg', env.TOKEN_SIGNING_ALG],
  ] as const
  for (const [name, value] of pairs) if (value !== undefined) found[name] = value
  return found
}

/** The options as libauth has them, and whether a token is optional. Throws a TypeError. */
export function translate(
  given: object = {},
  env: NodeJS.ProcessEnv = process.env,
): { options: Options; optional: boolean } {
  const wrong = notNamed(given, Object.keys(given ?? {}))
  if (wrong !== undefined) throw new TypeError(`what is given to auth() ${wrong}, and no Auth`)
  const named = 'issuer' in given || 'issuerBaseURL' in given || 'issuers' in given
  const { audience, ...others } = fromEnvironment(env)
  const filled: Values = { ...(named ? {} : others), ...given }
  if (!('audience' in filled || 'issuers' in filled) && audience) filled.audience = audience

  const options: Values = {}
  // What is there as undefined stays so, and is refused.
  const { issuerBaseURL, authRequired, strict, ...rest } = {
    authRequired: true,
    strict: false,
    ...filled,
  } as Values
  for (const [name, value] of Object.entries(rest)) {
    if (Object.hasOwn(refused, name)) {
      if (!isOff(name, value)) throw new TypeError(`auth({ ${name} }): ${refused[name]}`)
      continue
    }
    const [key, convert] = Object.hasOwn(renamed, name) ? renamed[name]! : [name, same]
    options[key] = convert(value)
  }
  if ('issuerBaseURL' in filled && !('issuer' in options)) options.issuer = issuers(issuerBaseURL)
  else if ('issuerBaseURL' in filled) options['keys.discovery_url'] = discovery(issuerBaseURL)
  if (typeof authRequired !== 'boolean' || typeof strict !== 'boolean')
    throw new TypeError('auth({ authRequired, strict }): each is true or false')
  if (strict) options['token.profile'] = 'rfc9068'
  return { options: options as unknown as Options, optional: !authRequired }
}

// Both given: `issuer` is what `iss` must be, and the base URL says where its metadata is.
function discovery(base: unknown): unknown {
  if (typeof base !== 'string' || base.includes('/.well-known/')) return base
  return `${base.replace(/\/$/, '')}/.well-known/openid-configuration`
}

/** Items of a requirement, one a scope: `scope:` keeps `role:x` a scope. */
export function scopeItems(name: string, scopes: unknown): string[] {
  const list: unknown = typeof scopes === 'string' ? scopes.split(' ') : scopes
  if (!Array.isArray(list) || list.length === 0 || !list.every(isPlain))
    throw new TypeError(`${name}(): scopes, separated by one space or in an array; none with "|"`)
  return list.map(scope => `scope:${scope}`)
}

/** Items of a requirement, one a value. What their grammar has no words for is refused. */
export function claimItems(name: string, claim: unknown, values: unknown[]): string[] {
  if (!isPlain(claim) || claim.includes('='))
    throw new TypeError(`${name}(): the name of a claim, without "|" or "="`)
  const known = (value: unknown): boolean =>
    isPlain(value) || typeof value === 'number' || typeof value === 'boolean'
  if (values.length === 0 || !values.every(known))
    throw new TypeError(`${name}(): texts without "|", numbers or booleans; use claimCheck() for more`)
  return values.map(value => `claim:${claim}=${String(value)}`)
}

// `|` would be "one of".
function isPlain(value: unknown): value is string {
  return typeof value === 'string' && value !== '' && !value.includes('|')
}

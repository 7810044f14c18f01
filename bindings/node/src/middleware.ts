// What the integrations have in common: the options of bindings/README.md, and the way from a
// request to a verdict. It knows no framework, and judges nothing: the library does.
import type { IncomingHttpHeaders, ServerResponse } from 'node:http'

import { Auth } from './auth'
import { AuthError } from './error'
import { logTo } from './report'
import { notNamed } from './text'
import type { Requirement } from './auth'
import type { Logger } from './report'
import type { Options } from './tables'
import type { Claims, Verdict } from './verdict'

type Maybe<T> = T | Promise<T>

/** What every integration accepts. `Answer` is what the framework answers with. */
export interface MiddlewareOptions<Request, Answer extends unknown[] = []> {
  /** What every request needs: a scope, `role:x`, `permission:x`, `group:x`, `claim:path=value`. */
  require?: Requirement
  /** A request without an Authorization header passes, without a verdict. A bad one never does. */
  optional?: boolean
  /**
   * Where the token comes from instead of the Authorization header: a cookie, the handshake of a
   * WebSocket. The token alone, without `Bearer`; undefined or null: the request has none.
   */
  token?: (request: Request) => Maybe<string | null | undefined>
  /**
   * Paths that need no token: exact ones, or beginnings that end in `/*`. They are compared with
   * the path that the framework routes by. One with `//`, a `.` or `..` segment, `%2f`, `%2e`,
   * `%5c` or a backslash is never among them.
   */
  exclude?: readonly string[]
  /** Whether a CORS preflight (OPTIONS, Origin, Access-Control-Request-Method) passes. Default: true. */
  preflight?: boolean
  /** Writes the answer to a refused request, instead of the framework's error handler. */
  onError?: (error: AuthError, ...answer: Answer) => unknown
  /** The application's own check, after the library accepted: true, or a reason for the log. */
  check?: (claims: Claims) => Maybe<true | string>
}

/** What is looked at in a request, the same in every framework. */
export interface Message {
  method?: string | undefined
  headers: IncomingHttpHeaders
  /** Names and values in turns, as they arrived. */
  rawHeaders?: readonly string[] | undefined
}

type Check = [passes: (value: unknown) => boolean, expected: string]

const isFunction = (value: unknown): boolean => typeof value === 'function'
const isBoolean = (value: unknown): boolean => typeof value === 'boolean'
const checks: Record<keyof MiddlewareOptions<never>, Check> = {
  require: [isRequirement, 'a requirement, such as "orders:read"'],
  optional: [isBoolean, 'true or false'],
  token: [isFunction, 'a function from the request to the token'],
  exclude: [isPatterns, 'a list of paths, such as "/healthz" and "/public/*"'],
  preflight: [isBoolean, 'true or false'],
  onError: [isFunction, 'a function'],
  check: [isFunction, 'a function from the claims to true or a reason'],
}

// A way round the router: what one reads as part of a name, another reads as a step.
const odd = /\/\/|\/\.{1,2}(\/|$)|%2f|%2e|%5c|\\/i

// `*` stands at the end or nowhere: this is no pattern language.
function isPatterns(value: unknown): boolean {
  const isPattern = (path: unknown): boolean =>
    typeof path === 'string' && /^\/([^*?#]*\/\*|[^*?#]*)$/.test(path) && !odd.test(path)
  return Array.isArray(value) && value.every(isPattern)
}

// The library takes an empty one for "nothing more": here somebody meant to ask for something.
function isRequirement(value: unknown): boolean {
  return (typeof value === 'string' || Array.isArray(value)) && value.length > 0
}

// Reads requirements where there is no Auth yet. It fetches nothing.
let reader: Auth | undefined

/**
 * A requirement that the library can read, as it is now: whoever changes the list later changes
 * nothing. For the place where a route is made; throws a TypeError, or an AuthError.
 */
export function requirementFrom(name: string, value: Requirement): Requirement {
  if (!isRequirement(value)) throw new TypeError(`${name} needs a requirement, such as "orders:read"`)
  const requirement = copy(value)
  reader ??= new Auth({ issuer: 'https://issuer.invalid', audience: 'none' })
  try {
    reader.require({}, requirement)
  } catch (error) {
    if (!(error instanceof AuthError) || error.status === 500) throw error
  }
  return requirement
}

// What is kept must not change afterwards.
function copy<T>(value: T): T {
  return Array.isArray(value) ? ([...value] as T) : value
}

/** An `Auth` as it is, or a new one. `own`: this integration made it. */
export function authFrom(from: Auth | Options, logger?: Logger): { auth: Auth; own: boolean } {
  if (from instanceof Auth) return { auth: from, own: false }
  return { auth: new Auth(from, logger ? { logger } : undefined), own: true }
}

/** Tells the operator what the client is not told. */
export function tell(logger: Logger, error: AuthError): void {
  logTo(logger, error.status >= 500 ? 'warn' : 'info', `${error.code}: ${error.log}`)
}

/** One `Auth` with the options of one middleware. Throws a TypeError for an option that is none. */
export class Guard<Request, Answer extends unknown[]> {
  readonly options: MiddlewareOptions<Request, Answer>

  constructor(
    readonly auth: Auth,
    options: MiddlewareOptions<Request, Answer>,
  ) {
    const names = Object.keys(checks)
    const wrong = notNamed(options, names)
    if (wrong !== undefined) throw new TypeError(`what is given to the middleware ${wrong}`)
    const kept: Record<string, unknown> = {}
    for (const name of Reflect.ownKeys(options) as (keyof typeof checks)[]) {
      const value = copy(options[name])
      const [passes, expected] = checks[name]
      if (!passes(value)) throw new TypeError(`the middleware option ${name} must be ${expected}`)
      kept[name] = value
    }
    this.options = kept
    if (this.options.require !== undefined) requirementFrom('require', this.options.require)
  }

  /** Whether nobody asks for a token here: a preflight, or an excluded path. Frameworks make the path only when it is asked for. */
  passes({ method, headers }: Message, pathOf: () => string): boolean {
    const { exclude, preflight = true } = this.options
    const asks = headers.origin !== undefined && headers['access-control-request-method'] !== undefined
    if (preflight && method === 'OPTIONS' && asks) return true
    if (exclude === undefined) return false
    const path = pathOf()
    const matches = (known: string): boolean =>
      known.endsWith('/*') ? path.startsWith(known.slice(0, -1)) : path === known
    return !odd.test(path) && exclude.some(matches)
  }

  /**
   * The verdict; undefined where a token is optional and there is none. Rejects with an AuthError.
   * Waits for the network only while keys have to be fetched first.
   */
  async judge(request: Request, message: Message): Promise<Verdict | undefined> {
    let verdict
    try {
      verdict = await this.verdict(request, message)
    } catch (error) {
      return this.nobody(error)
    }
    if (this.options.check) await this.check(this.options.check, verdict)
    return verdict
  }

  /** The same at once, which costs Express a third less; 'later' where something has to be waited for. */
  judgeNow(message: Message): Verdict | undefined | 'later' {
    const { require, token, check } = this.options
    if (token !== undefined || check !== undefined) return 'later'
    try {
      return this.auth.tryAuthorize(this.header(message), require === undefined ? undefined : { require })
    } catch (error) {
      if (error instanceof AuthError && error.statusName === 'KEYS_PENDING') return 'later'
      return this.nobody(error)
    }
  }

  // Where a token is optional and there is none; any other error is thrown on.
  private nobody(error: unknown): undefined {
    if (!this.options.optional || !(error instanceof AuthError)) throw error
    if (error.statusName !== 'HEADER_MISSING') throw error
    return undefined
  }

  // Not async: the promise of `authorize` is handed on as it is.
  private verdict(request: Request, message: Message): Promise<Verdict> {
    const { require, token: tokenOf } = this.options
    const how = require === undefined ? undefined : { require }
    if (tokenOf === undefined) return this.auth.authorize(this.header(message), how)
    return Promise.resolve(tokenOf(request)).then(token =>
      token == null ? this.auth.authorize(undefined, how) : this.auth.verify(token, how),
    )
  }

  // Node keeps the first of several Authorization headers: which one would the next server take?
  private header({ headers, rawHeaders = [] }: Message): string | undefined {
    let count = 0
    for (let i = 0; i < rawHeaders.length; i += 2) {
      const name = rawHeaders[i] as string
      if (name.length === 13 && name.toLowerCase() === 'authorization') count += 1
    }
    if (count < 2) return headers.authorization
    throw this.auth.describe('HEADER_MALFORMED', 'more than one Authorization header')
  }

  private async check(
    check: NonNullable<MiddlewareOptions<Request, Answer>['check']>,
    verdict: Verdict,
  ): Promise<void> {
    const answer: unknown = await check(verdict.claims)
    if (answer !== true) throw this.refused(answer)
  }

  /** The answer to what the application's own check refused. */
  refused(reason: unknown): AuthError {
    const detail = typeof reason === 'string' && reason !== '' ? reason : undefined
    return this.auth.describe('CHECK_REFUSED', detail)
  }

  /** Asks a verdict for more. Without a verdict, HEADER_MISSING: nothing is granted to nobody. */
  require(verdict: Verdict | undefined, requirement: Requirement): void {
    if (verdict === undefined) throw this.auth.describe('HEADER_MISSING')
    this.auth.require(verdict, requirement)
  }
}

/** Answers with the problem document (RFC 9457). */
export function sendProblem(response: ServerResponse, error: AuthError): void {
  response.statusCode = error.status
  for (const [name, value] of Object.entries(error.headers)) response.setHeader(name, value)
  response.setHeader('Content-Type', 'application/problem+json')
  response.end(error.problem)
}

import { Field, native, Text, type Texts, textOf } from './native'
import { STATUSES, type StatusName } from './tables'

const NAMES = new Map<number, string>(Object.entries(STATUSES).map(([name, number]) => [number, name]))

/**
 * A refusal, or why there is no decision. What is enumerable may be shown to the client: nothing of
 * the token is in it.
 */
export class AuthError extends Error {
  /** Number of the status (docs/statuses.md). */
  readonly number: number
  /** Its name, such as `TOKEN_EXPIRED`. */
  readonly statusName: StatusName | 'UNKNOWN'
  /** HTTP status: 401, 403, 500 or 503. */
  readonly status: number
  /** The same as `status`. */
  readonly statusCode: number
  /** Stable code, such as `auth.token_expired`. */
  readonly code: string
  /** Value for WWW-Authenticate (RFC 6750, RFC 9728); empty on 500 and on 503. */
  readonly challenge: string
  /** Body for application/problem+json (RFC 9457). */
  readonly problem: string
  /** Seconds after which it is worth to try again; 0 = there is no such time. */
  readonly retryAfter: number
  /** Fields for the answer: `WWW-Authenticate` and `Retry-After`, where they have a value. */
  readonly headers: Record<string, string>
  /** For the operator alone: expected and got. May quote issuer, audience and key id. */
  declare readonly log: string
  /** On KEYS_PENDING the issuer whose keys are awaited; else empty. */
  declare readonly issuer: string

  /** @internal */
  constructor(texts: Texts) {
    // All of it first: where the host makes the stack, it may call the library.
    const number = native.head[Field.STATUS]!
    const status = native.head[Field.HTTP_STATUS]!
    const retryAfter = native.head[Field.RETRY_AFTER]! >>> 0
    const message = textOf(texts, Text.MESSAGE)
    const log = textOf(texts, Text.LOG)
    const issuer = textOf(texts, Text.ISSUER)
    const code = textOf(texts, Text.CODE)
    const challenge = textOf(texts, Text.CHALLENGE)
    const problem = textOf(texts, Text.PROBLEM)
    const ownMistake = number >= STATUSES.ARGUMENT_INVALID
    super(ownMistake ? log : message)
    // Whoever prints the stack, which is made when it is first read, is told of a mistake in the server's own code.
    if (ownMistake) hide(this, 'stack', this.stack ?? log)
    hide(this, 'message', message)
    hide(this, 'log', log)
    hide(this, 'issuer', issuer)
    this.number = number
    this.statusName = (NAMES.get(number) ?? 'UNKNOWN') as StatusName
    this.status = this.statusCode = status
    this.code = code
    this.challenge = challenge
    this.problem = problem
    this.retryAfter = retryAfter
    this.headers = {}
    if (challenge !== '') this.headers['WWW-Authenticate'] = challenge
    if (retryAfter > 0) this.headers['Retry-After'] = String(retryAfter)
  }
}
hide(AuthError.prototype, 'name', 'AuthError')

function hide(object: object, name: string, value: string): void {
  Object.defineProperty(object, name, { value, writable: true, configurable: true })
}

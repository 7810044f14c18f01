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
    // A copy: where the host makes the stack, it may call the library.
    const head = native.head.slice()
    const message = textOf(texts, Text.MESSAGE, head)
    const log = textOf(texts, Text.LOG, head)
    const number = head[Field.STATUS]!
    const ownMistake = number >= STATUSES.ARGUMENT_INVALID
    super(ownMistake ? log : message)
    // Whoever prints the stack, which is made when it is first read, is told of a mistake in the server's own code.
    if (ownMistake) hide(this, 'stack', this.stack ?? log)
    hide(this, 'message', message)
    hide(this, 'log', log)
    hide(this, 'issuer', textOf(texts, Text.ISSUER, head))
    this.number = number
    this.statusName = (NAMES.get(number) ?? 'UNKNOWN') as StatusName
    this.status = this.statusCode = head[Field.HTTP_STATUS]!
    this.code = textOf(texts, Text.CODE, head)
    this.challenge = textOf(texts, Text.CHALLENGE, head)
    this.problem = textOf(texts, Text.PROBLEM, head)
    this.retryAfter = head[Field.RETRY_AFTER]! >>> 0
    this.headers = {}
    if (this.challenge !== '') this.headers['WWW-Authenticate'] = this.challenge
    if (this.retryAfter > 0) this.headers['Retry-After'] = String(this.retryAfter)
  }
}
hide(AuthError.prototype, 'name', 'AuthError')

function hide(object: object, name: string, value: string): void {
  Object.defineProperty(object, name, { value, writable: true, configurable: true })
}

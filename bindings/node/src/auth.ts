import { AuthError } from './error'
import { type Handle, native, statusOf, Text, type Texts, textOf } from './native'
import { Refreshes } from './refresh'
import { type Logger, logTo, type Report } from './report'
import { type Options, STATUSES, type StatusName } from './tables'
import { json, notLatin1, notNamed, notText, utf8 } from './text'
import { Verdict } from './verdict'

/** What a token must be granted: items separated by a space, all needed; `a|b` = one of. An array is a list of items. */
export type Requirement = string | readonly string[]

export interface TryHow {
  /** What this request needs, beside `verdict.require`. */
  require?: Requirement
  /** Judge as of then (a number: seconds since 1970), by the keys that are held. For tests and audits. */
  now?: Date | number
}

export interface How extends TryHow {
  /** Ends this caller's wait for keys, not the fetch. */
  signal?: AbortSignal
}

export interface More {
  /** Gets what happens to the keys: trouble with a provider as a warning. */
  logger?: Logger
}

// The types of TypeScript's `esnext.disposable`, for programs that are compiled without it.
declare global {
  interface SymbolConstructor {
    readonly dispose: unique symbol
  }
  interface Disposable {
    [Symbol.dispose](): void
  }
}

interface Asked {
  require: string
  now: number | undefined
  signal: AbortSignal | undefined
}
const NOTHING: Asked = { require: '', now: undefined, signal: undefined }
// The keys are also refreshed while nobody waits: what happens then is told with a later call.
const TELL_EVERY_MS = 10_000
const ENVIRONMENT = Symbol('environment')

// Has no options: describes what was asked of a handle that is closed, or is none yet.
const bare = native.open()

/**
 * Accepts or refuses access tokens. One of them serves the whole process; its keys are fetched when
 * they are first needed. Every call runs on this thread and takes tens of microseconds; only a fetch
 * is waited for, and never blocks the event loop.
 */
export class Auth implements Disposable {
  /** Version of the library. */
  static readonly version: string = JSON.parse(native.tables).version
  #handle: Handle | undefined = native.open()
  readonly #refreshes = new Refreshes(() => this.#tellEvents())
  /** What it was made with. */
  readonly logger: Logger | undefined
  #lastEvent = 0
  #tellAt = 0

  /** Throws AuthError, whose `log` names the mistake and the nearest option. Loads nothing from the network. */
  constructor(options: Options, more?: More) {
    this.logger = this.#loggerOf(more)
    const handle = this.#open()
    const fromEnv = (options as unknown) === ENVIRONMENT
    this.#throwUnlessOk(fromEnv ? native.loadEnv(handle) : native.load(handle, utf8(json(options))))
    const checked = native.check(handle)
    this.#throwUnlessOk(checked)
    const warning = textOf(checked, Text.LOG)
    if (warning !== '' && this.logger) logTo(this.logger, 'warn', warning)
  }

  /** The same with the options of the environment: LIBAUTH_ISSUER, LIBAUTH_AUDIENCE, LIBAUTH_KEYS_TTL … */
  static fromEnv(more?: More): Auth {
    return new Auth(ENVIRONMENT as unknown as Options, more)
  }

  /** Verifies a token. Waits only while its issuer's keys are fetched. Rejects with AuthError. */
  async verify(token: string, how?: How): Promise<Verdict> {
    const asked = this.#asked(how)
    asked.signal?.throwIfAborted()
    try {
      return this.#verify(token, asked)
    } catch (error) {
      await this.#keys(error, asked.signal)
    }
    return this.#verify(token, asked)
  }

  /** The same without waiting: throws AuthError, KEYS_PENDING where keys have to be fetched first. */
  tryVerify(token: string, how?: TryHow): Verdict {
    return this.#verify(token, this.#asked(how))
  }

  /** Judges the value of an Authorization header; one of `headersDistinct` will do too. Waits and rejects as `verify`. */
  async authorize(header: string | readonly string[] | null | undefined, how?: How): Promise<Verdict> {
    const asked = this.#asked(how)
    asked.signal?.throwIfAborted()
    try {
      return this.#authorize(header, asked)
    } catch (error) {
      await this.#keys(error, asked.signal)
    }
    return this.#authorize(header, asked)
  }

  /** The same without waiting: see `tryVerify`. */
  tryAuthorize(header: string | readonly string[] | null | undefined, how?: TryHow): Verdict {
    return this.#authorize(header, this.#asked(how))
  }

  /** Asks accepted claims for a second requirement. Throws AuthError when they do not meet it. */
  require(claims: Verdict | object | string, requirement: Requirement): void {
    const handle = this.#open()
    const text = claims instanceof Verdict ? claims.claimsJson : typeof claims === 'string' ? claims : json(claims)
    this.#refuse('CLAIM_MALFORMED', 'the claims text', notText(text))
    this.#throwUnlessOk(native.require(handle, utf8(text), this.#requirement(requirement)))
  }

  /** The full answer for a refusal that you found yourself; `detail` goes into its log sentence alone. */
  describe(status: StatusName | number, detail = ''): AuthError {
    const number = typeof status === 'number' ? status : Object.hasOwn(STATUSES, status) ? STATUSES[status] : -1
    const text = typeof detail === 'string' ? detail : `the detail ${notText(detail)}`
    return new AuthError(native.describe(this.#handle ?? bare, utf8(text), undefined, number))
  }

  /** Fetches the keys of an issuer, or of all, and waits. Rejects with AuthError when that fails. */
  async refresh(issuer = ''): Promise<void> {
    this.#refuse('ARGUMENT_INVALID', 'the issuer', notText(issuer))
    const failed = await this.#refreshes.wait(this.#open(), issuer)
    if (failed !== undefined) throw failed
  }

  /** For a readiness probe: true once keys are there, and from then on. Starts the first fetch. */
  ready(): boolean {
    native.ready(this.#open())
    return statusOf() === STATUSES.OK
  }

  /** Counters, keys, errors, warnings and events (docs/report.md). */
  report(): Report {
    return JSON.parse(native.report(this.#open()))
  }

  /** The same for Prometheus (text format 0.0.4). */
  metrics(): string {
    return native.metrics(this.#open())
  }

  /** Lets go of the keys. Whoever still waits, and every later call, gets ARGUMENT_INVALID. */
  close(): void {
    if (this.#handle === undefined) return
    native.close(this.#handle)
    this.#handle = undefined
    this.#refreshes.end(this.#closed())
  }

  [Symbol.dispose](): void {
    this.close()
  }

  #closed(): AuthError {
    return this.describe('ARGUMENT_INVALID', 'this Auth is closed')
  }

  #open(): Handle {
    if (this.#handle === undefined) throw this.#closed()
    if (this.logger !== undefined && Date.now() > this.#tellAt) this.#tellEvents()
    return this.#handle
  }

  #verify(token: string, { require, now }: Asked): Verdict {
    const handle = this.#open()
    this.#refuse('TOKEN_MALFORMED', 'the token', notLatin1(token))
    const verdict = this.#verdict(native.verify(handle, token, undefined, now), token)
    if (require !== '') this.#throwUnlessOk(native.require(handle, utf8(verdict.claimsJson), require))
    return verdict
  }

  #authorize(header: unknown, { require, now }: Asked): Verdict {
    const handle = this.#open()
    if (Array.isArray(header)) {
      if (header.length > 1) throw this.describe('HEADER_MALFORMED', 'more than one Authorization header was sent')
      header = header[0]
    }
    const text = (header ?? '') as string
    this.#refuse('HEADER_MALFORMED', 'the Authorization header', notLatin1(text))
    return this.#verdict(native.authorize(handle, text, require, now), text)
  }

  #loggerOf(more: More | undefined): Logger | undefined {
    this.#refuse('ARGUMENT_INVALID', 'the second argument', notNamed(more, ['logger']))
    const logger = more?.logger
    const fits = logger === undefined || (typeof logger?.info === 'function' && typeof logger.warn === 'function')
    this.#refuse('ARGUMENT_INVALID', 'the logger', fits ? undefined : 'lacks the functions `info` and `warn`')
    return logger
  }

  /** Read once, before anything is waited for. */
  #asked(how: How | undefined): Asked {
    this.#refuse('ARGUMENT_INVALID', 'what is asked for', notNamed(how, ['require', 'now', 'signal']))
    if (how === undefined) return NOTHING
    const { now, signal } = how
    const fits = signal === undefined || signal instanceof AbortSignal
    this.#refuse('ARGUMENT_INVALID', '`signal`', fits ? undefined : 'must be an AbortSignal')
    const require = Object.hasOwn(how, 'require') ? this.#requirement(how.require) : ''
    return { require, now: this.#seconds(now), signal }
  }

  /** As the library reads it, but for an empty one: a variable that is not set asks for nothing. */
  #requirement(requirement: unknown): string {
    const text = (Array.isArray(requirement) ? json(requirement) : requirement) as string
    this.#refuse('REQUIREMENT_INVALID', 'the requirement', text === '' ? 'is empty' : notText(text))
    return utf8(text)
  }

  #seconds(now: Date | number | undefined): number | undefined {
    if (now === undefined) return undefined
    const seconds = now instanceof Date ? Math.floor(now.getTime() / 1000) : now
    const whole = Number.isSafeInteger(seconds)
    this.#refuse('ARGUMENT_INVALID', '`now`', whole ? undefined : 'must be a Date, or whole seconds since 1970')
    return seconds
  }

  /** Waits for the keys that a first try has not found; what else it threw is the answer. */
  async #keys(error: unknown, signal: AbortSignal | undefined): Promise<void> {
    if (!(error instanceof AuthError) || error.number !== STATUSES.KEYS_PENDING) throw error
    await this.#refreshes.wait(this.#open(), error.issuer, signal)
  }

  #refuse(status: StatusName, what: string, wrong: string | undefined): void {
    if (wrong !== undefined) throw this.describe(status, `${what} ${wrong}`)
  }

  #verdict(texts: Texts, credential: string): Verdict {
    this.#throwUnlessOk(texts)
    return new Verdict(texts, credential)
  }

  #throwUnlessOk(texts: Texts): void {
    if (statusOf() !== STATUSES.OK) throw new AuthError(texts)
  }

  /** Each event once, by its number. */
  #tellEvents(): void {
    if (this.logger === undefined || this.#handle === undefined) return
    this.#tellAt = Date.now() + TELL_EVERY_MS
    for (const event of this.report().events) {
      if (event.sequence <= this.#lastEvent) continue
      this.#lastEvent = event.sequence
      logTo(this.logger, event.kind === 'keys_changed' ? 'info' : 'warn', `${event.kind}: ${event.issuer}: ${event.detail}`)
    }
  }
}

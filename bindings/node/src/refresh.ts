import { AuthError } from './error'
import { type Handle, native, statusOf } from './native'
import { utf8 } from './text'

/** One fetch for all who wait: of each issuer at most one is under way. */
export class Refreshes {
  readonly #running = new Map<string, Promise<AuthError | undefined>>()
  readonly #ended: () => void

  /** `ended` is called after each fetch. */
  constructor(ended: () => void) {
    this.#ended = ended
  }

  /**
   * Waits until the keys of an issuer (empty: of all) were fetched; gives why not, if so. An abort
   * ends this wait and throws its reason; the fetch goes on for the others.
   */
  async wait(handle: Handle, issuer: string, signal?: AbortSignal): Promise<AuthError | undefined> {
    const running = this.#running.get(issuer) ?? this.#start(handle, issuer)
    if (signal === undefined) return running
    signal.throwIfAborted()
    let abort!: () => void
    const aborted = new Promise<never>((_, reject) => {
      abort = () => reject(signal.reason)
      signal.addEventListener('abort', abort)
    })
    return Promise.race([running, aborted]).finally(() => signal.removeEventListener('abort', abort))
  }

  #start(handle: Handle, issuer: string): Promise<AuthError | undefined> {
    const running = new Promise<AuthError | undefined>(resolve => {
      native.refresh(handle, utf8(issuer), texts => {
        this.#running.delete(issuer)
        resolve(statusOf() === 0 ? undefined : new AuthError(texts))
        this.#ended()
      })
    })
    this.#running.set(issuer, running)
    return running
  }
}

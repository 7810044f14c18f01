import { AuthError } from './error'
import { type Handle, native, statusOf } from './native'
import { utf8 } from './text'

type Answer = AuthError | undefined
interface Running {
  readonly answer: Promise<Answer>
  readonly settle: (answer: Answer) => void
  /** Of each signal one promise, which rejects when it is aborted: Node warns of many listeners. */
  readonly left: Map<AbortSignal, Promise<never>>
}

const LONGEST_MS = 0x7fff_ffff

/** One fetch for all who wait: of each issuer at most one is under way. */
export class Refreshes {
  readonly #running = new Map<string, Running>()
  readonly #ended: () => void

  /** `ended` is called after each fetch. */
  constructor(ended: () => void) {
    this.#ended = ended
  }

  /**
   * Waits until the keys of an issuer (empty: of all) were fetched; gives why not, if so. An abort
   * ends this wait and throws its reason; the fetch goes on for the others.
   */
  async wait(handle: Handle, issuer: string, signal?: AbortSignal): Promise<Answer> {
    const running = this.#running.get(issuer) ?? this.#start(handle, issuer)
    if (signal === undefined) return running.answer
    signal.throwIfAborted()
    return Promise.race([running.answer, running.left.get(signal) ?? leave(running, signal)])
  }

  /** Answers all who wait, and lets the process end. What the fetches still bring is for nobody. */
  end(why: AuthError): void {
    for (const running of this.#running.values()) running.settle(why)
  }

  #start(handle: Handle, issuer: string): Running {
    // The fetch itself keeps no process alive: who waits for it does.
    const alive = setTimeout(() => {}, LONGEST_MS)
    let resolve!: (answer: Answer) => void
    const answer = new Promise<Answer>(done => (resolve = done))
    const settle = (found: Answer): void => {
      clearTimeout(alive)
      this.#running.delete(issuer)
      resolve(found)
    }
    native.refresh(handle, utf8(issuer), texts => {
      settle(statusOf() === 0 ? undefined : new AuthError(texts))
      this.#ended()
    })
    const running = { answer, settle, left: new Map() }
    this.#running.set(issuer, running)
    return running
  }
}

function leave(running: Running, signal: AbortSignal): Promise<never> {
  const left = new Promise<never>((_, reject) => {
    const abort = (): void => reject(signal.reason)
    signal.addEventListener('abort', abort)
    void running.answer.then(() => signal.removeEventListener('abort', abort))
  })
  running.left.set(signal, left)
  return left
}

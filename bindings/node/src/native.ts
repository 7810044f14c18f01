/** The addon: which file it is, and what it has. Only strings cross; a record comes back as one. */
import { closeSync, openSync, readSync } from 'node:fs'
import { join, resolve } from 'node:path'

/** The library's `auth_config`, held by the addon. */
export type Handle = { readonly handle: unique symbol }

/** What every call answers: the texts of the record, whose places stand in `head`. */
export type Texts = string

/** Texts go in as bytes, a character each. A `number` is the time to judge by (seconds; undefined = now), or a status. */
export interface Native {
  /** `auth_tables_json`: statuses, options, version. */
  readonly tables: string
  readonly head: Int32Array
  open(): Handle
  close(handle: Handle): void
  set(handle: Handle, key: string, value: string): Texts
  load(handle: Handle, json: string): Texts
  loadEnv(handle: Handle): Texts
  check(handle: Handle): Texts
  verify(handle: Handle, token: string, unused: undefined, number: number | undefined): Texts
  authorize(handle: Handle, header: string, require: string, number: number | undefined): Texts
  require(handle: Handle, claims: string, require: string): Texts
  describe(handle: Handle, detail: string, unused: undefined, number: number): Texts
  ready(handle: Handle): Texts
  refresh(handle: Handle, issuer: string, done: (texts: Texts) => void): void
  report(handle: Handle): string
  metrics(handle: Handle): string
}

const platform = `${process.platform}-${process.arch}`

/** Of Linux, the C library that this node was linked with stands in its ELF header. */
function libc(): string {
  if (process.platform !== 'linux') return ''
  const start = Buffer.alloc(4096)
  const program = openSync(process.execPath, 'r')
  readSync(program, start)
  closeSync(program)
  return start.includes('ld-musl-') ? 'musl' : 'gnu'
}

function open(file: string): Native {
  const module = { exports: {} }
  process.dlopen(module, file)
  return module.exports as Native
}

function load(): Native {
  const name = `${libc() || 'addon'}.node`
  const own = process.env.LIBAUTH_LIBRARY
  const inPackage = `@libauth/${platform}/${name}`
  const beside = join(__dirname, '..', 'platforms', platform, name)
  const ways: [string, () => Native][] =
    own === undefined
      ? [[inPackage, () => open(require.resolve(inPackage))], [beside, () => open(beside)]]
      : [[`LIBAUTH_LIBRARY=${own}`, () => open(resolve(own))]]
  const tried = []
  for (const [way, found] of ways) {
    try {
      return found()
    } catch (why) {
      tried.push(`  ${way}: ${(why as Error).message.split('\n')[0]}`)
    }
  }
  throw new Error(missing(tried, own !== undefined))
}

function missing(tried: string[], byEnvironment: boolean): string {
  const todo = byEnvironment
    ? `LIBAUTH_LIBRARY must be the path of the Node addon (not of libauth.so); without it the one of the package is loaded`
    : `run \`npm install --include=optional\` on the machine that runs it; if there is no @libauth/${platform}, build it from the sources (README: Platforms)`
  const host = [platform, libc(), `node ${process.versions.node}`].filter(Boolean).join(', ')
  return `libauth: the addon was not loaded (${host})\n${tried.join('\n')}\nWhat to do: ${todo}.`
}

export const native = load()

/** Fields of the record, in units of `head`. */
export const Field = { STATUS: 1, HTTP_STATUS: 2, RETRY_AFTER: 3, EXPIRES_AT: 4 } as const

/** Texts of the record: where each has its offset and length. */
export const Text = {
  CODE: 6,
  MESSAGE: 8,
  LOG: 10,
  CHALLENGE: 12,
  PROBLEM: 14,
  CLAIMS: 16,
  HEADER: 18,
  ISSUER: 20,
  SUBJECT: 22,
  CLIENT_ID: 24,
  SCOPES: 26,
} as const

const { head } = native

export function textOf(texts: Texts, at: number, from: Int32Array = head): string {
  return texts.substring(from[at]!, from[at]! + from[at + 1]!)
}

/** Seconds since 1970, from the two halves of an int64. */
export function expiresAt(): number {
  return head[Field.EXPIRES_AT + 1]! * 0x1_0000_0000 + (head[Field.EXPIRES_AT]! >>> 0)
}

export const statusOf = () => head[Field.STATUS]!

/** What may cross: a text that is not exactly what the library would read is refused before. */

// Never matches in a string that is held as bytes, as those of Node's HTTP parser are: it costs nothing there.
const NOT_LATIN1 = /[^\x00-\xff]/
const LONE_SURROGATE = /\p{Surrogate}/u

/** Why a header or token cannot be handed over; undefined when it can. */
export function notLatin1(value: unknown): string | undefined {
  if (typeof value !== 'string') return `is ${kind(value)}, not a string`
  if (NOT_LATIN1.test(value)) return 'holds a character that is not Latin-1'
  if (value.includes('\0')) return 'holds a NUL'
  return undefined
}

/** Why a text cannot be handed over as UTF-8; undefined when it can. */
export function notText(value: unknown): string | undefined {
  if (typeof value !== 'string') return `is ${kind(value)}, not a string`
  if (LONE_SURROGATE.test(value)) return 'holds half of a surrogate pair'
  return undefined
}

/** Why what is handed over by name cannot be read: it may hide what was asked for. Undefined when it can. */
export function notNamed(value: unknown, names: readonly string[]): string | undefined {
  if (value === undefined) return undefined
  if (value === null || !isPlain(value as object)) return 'is not a plain object'
  const unknown = Reflect.ownKeys(value as object).find(name => !names.includes(name as string))
  return unknown && `has ${JSON.stringify(String(unknown))}; there are ${names.join(', ')}`
}

/** The bytes of UTF-8, a character each: how every text but a header and a token crosses. */
export function utf8(text: string): string {
  return Buffer.byteLength(text) === text.length ? text : Buffer.from(text).toString('latin1')
}

/** JSON of everything that was given. What has no JSON becomes null, which the library refuses. */
export function json(value: unknown): string {
  try {
    return JSON.stringify(value, (_, member) => (hasJson(member) ? member : null)) ?? 'null'
  } catch {
    return 'null' // it holds itself
  }
}

// A Map would be `{}`, as if nothing had been asked for; so would what stands at a prototype, or is not enumerable.
function hasJson(value: unknown): boolean {
  if (kind(value) !== 'Object') return ['Array', 'String', 'Number', 'Boolean'].includes(kind(value))
  return isPlain(value as object) && Reflect.ownKeys(value as object).length === Object.keys(value as object).length
}

function isPlain(value: object): boolean {
  const prototype = Object.getPrototypeOf(value)
  return prototype === Object.prototype || prototype === null
}

function kind(value: unknown): string {
  return Object.prototype.toString.call(value).slice(8, -1)
}

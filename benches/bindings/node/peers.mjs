// The libraries as they are installed beside this file; `run` makes the place, and links libauth into it.
import { readFileSync } from 'node:fs'

export function version(library) {
  const installed = new URL(`node_modules/${library}/package.json`, import.meta.url)
  return `${library} ${JSON.parse(readFileSync(installed)).version}`
}

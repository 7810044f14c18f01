// test/compile/good compiles as it stands; of test/compile/bad each line that names an error has that one, and no other has any.
import assert from 'node:assert/strict'
import { readFileSync, readdirSync } from 'node:fs'
import { basename, join } from 'node:path'
import { test } from 'node:test'
import ts from 'typescript'

const folder = join(import.meta.dirname, 'compile')
const { config } = ts.readConfigFile(join(folder, 'tsconfig.json'), ts.sys.readFile)

// Errors as `file:line TScode`, sorted.
function errorsOf(kind, more = {}) {
  const files = readdirSync(join(folder, kind)).map(name => join(folder, kind, name))
  assert.ok(files.length > 0)
  const typeRoots = [join(folder, '../../node_modules/@types')]
  const { options } = ts.convertCompilerOptionsFromJson({ ...config.compilerOptions, typeRoots, ...more }, folder)
  return ts.getPreEmitDiagnostics(ts.createProgram(files, options)).map(told => {
    assert.ok(told.file, ts.flattenDiagnosticMessageText(told.messageText, ' '))
    const line = told.file.getLineAndCharacterOfPosition(told.start).line + 1
    return `${basename(told.file.fileName)}:${line} TS${told.code}`
  }).sort()
}

function namedIn(kind) {
  return readdirSync(join(folder, kind)).flatMap(name =>
    readFileSync(join(folder, kind, name), 'utf8').split('\n').flatMap((line, place) => {
      const code = /\/\/ (TS\d+)$/.exec(line)?.[1]
      return code ? [`${name}:${place + 1} ${code}`] : []
    })).sort()
}

test('what must compile', () => {
  assert.deepEqual(errorsOf('good'), [])
})

test('with other settings of a program', () => {
  const settings = [
    { module: 'esnext', moduleResolution: 'bundler' },
    { lib: ['esnext'], target: 'esnext' },
    // The browser's AbortSignal in place of Node's.
    { lib: ['es2022', 'dom'], types: [] },
  ]
  for (const more of settings) assert.deepEqual(errorsOf('good', more), [], JSON.stringify(more))
})

test('what must not compile', () => {
  const named = namedIn('bad')
  assert.ok(named.length > 20)
  assert.deepEqual(errorsOf('bad'), named)
})

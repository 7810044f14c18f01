// The matrix of each provider that is named: kind of token, expected status, status that libauth told.
//     node matrix.mjs JUDGE NAME...      JUDGE is tests/providers/judge.c, built
// A provider's rows are in NAME/rows.mjs. They use the options of its guide in docs/, whose sentences must have been told in them.
import { readFileSync } from 'node:fs'
import { Judge, Provider } from './harness.mjs'

const [program, ...names] = process.argv.slice(2)
setTimeout(() => {
  console.error('matrix: not done after 20 minutes')
  process.exit(1)
}, 1_200_000).unref()

const guides = { 'oidc-provider': 'oidc-provider', 'spring-as': 'spring-authorization-server', keycloak: 'keycloak' }
const guideOf = name => readFileSync(new URL(`../../docs/${guides[name]}.md`, import.meta.url), 'utf8')

// What a provider's rows are written with.
class Matrix {
  constructor(name) {
    this.name = name
    this.rows = []
    this.logs = []
    this.provider = new Provider(name)
    this.judge = new Judge(program)
  }

  // The options of the guide, with the issuer that runs here.
  guideOptions() {
    const [, block] = /```ini\n([^]*?)```/.exec(guideOf(this.name))
    const options = Object.fromEntries(block.trim().split('\n').map(line => line.split(/=(.*)/s, 2)))
    if (!options.issuer || !options.audience) throw new Error(`docs/${guides[this.name]}.md: issuer and audience are missing`)
    return { ...options, issuer: this.provider.issuer }
  }

  // `token`: a token, or a function that gets one or judges by itself. `more`: handle, require, and
  // members of the verdict that must be so (a text, or an expression that must match).
  async row(kind, expected, token, { handle = 'api', require, ...wanted } = {}) {
    let told
    const faults = []
    try {
      const got = typeof token === 'function' ? await token() : token
      told = typeof got === 'string' ? await this.judge.judge(handle, got, require) : got
      if (told.status !== expected) faults.push(`expected ${expected}`)
      for (const [member, value] of Object.entries(wanted)) {
        const fine = value instanceof RegExp ? value.test(told[member]) : told[member] === value
        if (!fine) faults.push(`${member} is ${told[member]}, not ${value}`)
      }
      if (told.status !== 'OK') this.logs.push({ status: told.status, log: told.log })
      if (told.status !== 'OK' && !told.log) faults.push('no sentence for the log')
    } catch (error) {
      faults.push(`${error.message} ${error.cause?.message ?? ''}`)
    }
    const cells = { kind: require ? `${kind} (needs ${require})` : kind, expected, told: told?.status ?? '-', http: told?.http ?? '-', log: told?.log ?? '' }
    this.rows.push({ ...cells, faults })
  }

  // A property that is no verdict.
  async check(kind, test) {
    const faults = []
    try {
      const why = await test()
      if (why) faults.push(why)
    } catch (error) {
      faults.push(`${error.message} ${error.cause?.message ?? ''}`)
    }
    this.rows.push({ kind, expected: 'true', told: faults.length ? 'false' : 'true', http: '', log: '', faults })
  }

  // Rows `| what | STATUS | `sentence` |` of the guide; … stands for what differs from run to run.
  async guide() {
    const lines = guideOf(this.name).matchAll(/^\|[^|]*\| ([A-Z_]+) \| (`+) ?(.*?) ?\2 \|$/gm)
    const rows = guideOf(this.name).split('\n').filter(line => /^\|[^|]*\| [A-Z_]+ \|/.test(line)).length
    let sentences = 0
    for (const [, status, , sentence] of lines) {
      sentences += 1
      const pattern = new RegExp(`^${sentence.split('…').map(escape).join('.*')}$`, 's')
      const found = this.logs.some(row => row.status === status && pattern.test(row.log))
      await this.check(`guide: ${status}, ${sentence.slice(0, 30)}`, () => found ? '' : 'no row told this sentence')
    }
    await this.check('guide: it has sentences', () => sentences > 4 && sentences === rows ? '' : `${sentences} of ${rows} rows`)
  }

  // What the guide shows is what the provider was set up with: files of its folder.
  async guideShows(...files) {
    for (const file of files) {
      const text = readFileSync(new URL(`./${this.name}/${file}`, import.meta.url), 'utf8').trim()
      await this.check(`guide: shows ${file}`, () => guideOf(this.name).includes(text) ? '' : 'another text')
    }
  }

  print() {
    const columns = ['kind', 'expected', 'told', 'http']
    const wide = columns.map(column => Math.max(column.length, ...this.rows.map(row => `${row[column]}`.length)))
    const line = cells => `| ${cells.map((cell, place) => `${cell}`.padEnd(wide[place])).join(' | ')} |`
    console.log(`\n== ${this.name}, started in ${this.provider.boots.map(s => `${s.toFixed(1)} s`).join(', ')}`)
    console.log(`${line(columns)}\n${line(wide.map(width => '-'.repeat(width)))}`)
    for (const row of this.rows) {
      console.log(`${line(columns.map(column => row[column]))}${row.faults.length ? ` FAILED: ${row.faults.join('; ')}` : ''}`)
      if (process.env.LOGS && row.log) console.log(`      ${row.log}`)
    }
  }
}

const escape = text => text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')

let passed = 0
let failed = 0
for (const name of names) {
  const matrix = new Matrix(name)
  try {
    const { rows } = await import(`./${name}/rows.mjs`)
    await matrix.provider.start()
    await rows(matrix)
    await matrix.guide()
    await matrix.provider.stop()
  } catch (error) {
    await matrix.check('the rows run to their end', () => `${error.stack}`)
  }
  matrix.print()
  passed += matrix.rows.filter(row => !row.faults.length).length
  failed += matrix.rows.filter(row => row.faults.length).length
}
console.log(`\n${passed} passed, ${failed} failed`)
process.exit(failed || !passed ? 1 : 0)

/** What `Auth.report()` gives: docs/report.md has every member. Members and words may be added. */
export interface Report {
  version: string
  ready: boolean
  warnings: string[]
  decisions: { issuer: string | null; status: ReportedStatus; count: number }[]
  issuers: ReportedIssuer[]
  events: ReportedEvent[]
}

export interface ReportedStatus {
  number: number
  name: string
  code: string
}

export interface ReportedIssuer {
  issuer: string
  source: string
  state: string
  keys: { kid: string | null; algorithms: string[] }[]
  key_count: number
  skipped: { kid: string | null; why: string }[]
  age_s: number | null
  refresh_in_s: number | null
  usable_for_s: number | null
  retry_in_s: number | null
  fetching: boolean
  fetches: Record<string, number>
  last_error: { status: ReportedStatus; log: string; ago_s: number } | null
  clock_offset_s: number | null
  warnings: string[]
}

export interface ReportedEvent {
  sequence: number
  at_s: number
  issuer: string
  kind: string
  detail: string
}

/** Where events go: console, pino, winston and NestJS' Logger (by `log`) are near to it. */
export interface Logger {
  info(message: string): void
  warn(message: string): void
}

/** Tells a line. A logger that throws, or rejects, ends no request and no process. */
export function logTo(logger: Logger, level: keyof Logger, line: string): void {
  void (async () => logger[level](line))().catch(() => {})
}

// What must compile: every call, as one would write it.
import { Auth, AuthError, type Claims, type Logger, type Report, type Requirement, STATUSES, type StatusName, Verdict } from 'libauth'

async function calls(auth: Auth, header: string | undefined, headers: string[] | undefined) {
  const verdict: Verdict = await auth.verify('token', { require: 'a b', now: new Date(), signal: new AbortController().signal })
  const others: Verdict[] = [auth.tryVerify('token'), auth.tryAuthorize(header, { require: ['a', 'b|c'], now: 1_700_000_000 })]
  await auth.authorize(header)
  await auth.authorize(headers, { require: ['a'] as const })
  const claims: Claims = verdict.claims
  const subject: string | undefined = claims.sub
  const tenant: unknown = claims.tenant
  const scopes: string[] = verdict.scopes
  const seconds: number = verdict.expiresAt
  auth.require(verdict, 'a')
  auth.require(claims, ['a'])
  auth.require(verdict.claimsJson, 'a')
  await auth.refresh()
  await auth.refresh('https://id.example')
  const ready: boolean = auth.ready()
  const report: Report = auth.report()
  const age: number | null | undefined = report.issuers[0]?.age_s
  const metrics: string = auth.metrics()
  auth.close()
  return [others, subject, tenant, scopes, seconds, ready, age, metrics]
}

function errors(auth: Auth, error: unknown) {
  if (!(error instanceof AuthError)) throw error
  const status: number = error.status + error.statusCode + error.number + error.retryAfter
  const texts: string[] = [error.message, error.log, error.challenge, error.problem, error.code]
  const headers: Record<string, string> = error.headers
  const name: StatusName | 'UNKNOWN' = error.statusName
  return [status, texts, headers, name, auth.describe('CHECK_REFUSED', 'why'), auth.describe(STATUSES.TOKEN_EXPIRED)]
}

const logger: Logger = console
const needed: Requirement = ['orders:read']
export { Auth, calls, errors, logger, needed }

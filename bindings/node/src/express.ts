// Middleware for Express 4 and 5, by the names of express-oauth2-jwt-bearer.
import type { ErrorRequestHandler, NextFunction, Request, RequestHandler, Response } from 'express'

import { Auth } from './auth'
import { AuthError } from './error'
import { claimItems, scopeItems, translate } from './express_names'
import { Guard, authFrom, requirementFrom, sendProblem, tell } from './middleware'
import type { Requirement } from './auth'
import type { BearerOptions } from './express_names'
import type { MiddlewareOptions } from './middleware'
import type { Options } from './tables'
import type { Claims, Verdict } from './verdict'

export { Auth, AuthError }
export type { BearerOptions, Verdict }

declare global {
  // eslint-disable-next-line @typescript-eslint/no-namespace
  namespace Express {
    interface Request {
      /**
       * Who calls. Not typed as optional, for behind auth() it is there; undefined before auth(),
       * and where `optional`, `exclude` or a preflight passes without a token: `req.auth?.` there.
       */
      auth: Verdict
    }
  }
}

type Answer = [req: Request, res: Response, next: NextFunction]
export type ExpressOptions = MiddlewareOptions<Request, Answer>
type ExpressGuard = Guard<Request, Answer>

export type AuthOptions = Partial<Options> & BearerOptions

// What auth() found, beside `req.auth`: nobody else writes it.
interface Found {
  guard: ExpressGuard
  verdict: Verdict | undefined
}
const found = Symbol('libauth')
type Seen = Request & { [found]?: Found }

/**
 * Lets requests pass that have a good token, with `req.auth`. Others go to `next(err)` as an
 * AuthError, whose status and headers Express answers with. Without options: those of the
 * environment, LIBAUTH_… or else ISSUER_BASE_URL and AUDIENCE. Throws for options that are wrong.
 */
export function auth(from?: AuthOptions | Auth, options: ExpressOptions = {}): RequestHandler {
  const { handle, optional } = handleFrom(from)
  const guard: ExpressGuard = new Guard(handle, options)
  guard.options.optional ??= optional
  return (req: Seen, res, next) => {
    const state: Found = { guard, verdict: undefined }
    req[found] = state
    req.auth = undefined as unknown as Verdict
    if (guard.passes(req, () => req.baseUrl + req.path)) return next()
    const pass = (verdict: Verdict | undefined): void => {
      state.verdict = verdict
      req.auth = verdict as Verdict
      next()
    }
    let verdict
    try {
      verdict = guard.judgeNow(req)
    } catch (error) {
      return void refuse(guard, error, req, res, next).catch(next)
    }
    if (verdict !== 'later') return pass(verdict)
    guard.judge(req, req).then(pass, error => refuse(guard, error, req, res, next)).catch(next)
  }
}

function handleFrom(from: AuthOptions | Auth | undefined): { handle: Auth; optional: boolean } {
  if (from instanceof Auth) return { handle: from, optional: false }
  // Not that which says where the addon is.
  const isOption = (name: string): boolean => /^LIBAUTH_(?!LIBRARY$)/.test(name)
  if (from === undefined && Object.keys(process.env).some(isOption))
    return { handle: Auth.fromEnv({ logger: console }), optional: false }
  const { options, optional } = translate(from)
  return { handle: authFrom(options, console).auth, optional }
}

async function refuse(guard: ExpressGuard, error: unknown, ...answer: Answer): Promise<void> {
  const [, , next] = answer
  if (!(error instanceof AuthError)) return next(error)
  tell(guard.auth.logger ?? console, error)
  const { onError } = guard.options
  if (onError === undefined) return next(error)
  await onError(error, ...answer)
}

/** Asks more of a caller that auth() let pass; `a|b` is one of two. */
export function requires(requirement: Requirement): RequestHandler {
  return granted('requires', requirement)
}

/** All of these scopes are granted. */
export function requiredScopes(scopes: string | readonly string[]): RequestHandler {
  return granted('requiredScopes', scopeItems('requiredScopes', scopes))
}

/** One of these scopes is granted. */
export function scopeIncludesAny(scopes: string | readonly string[]): RequestHandler {
  return granted('scopeIncludesAny', [scopeItems('scopeIncludesAny', scopes).join('|')])
}

/** The claim is this value, or an array that holds it. */
export function claimEquals(claim: string, expected: string | number | boolean): RequestHandler {
  return granted('claimEquals', claimItems('claimEquals', claim, [expected]))
}

/** The claim is an array that holds all of these values. */
export function claimIncludes(
  claim: string,
  ...expected: (string | number | boolean)[]
): RequestHandler {
  return granted('claimIncludes', claimItems('claimIncludes', claim, expected))
}

/** The application's own check: anything but true is refused, with `reason` in the log. */
export function claimCheck(
  check: (claims: Claims) => boolean | Promise<boolean>,
  reason?: string,
): RequestHandler {
  if (typeof check !== 'function') throw new TypeError('claimCheck(): a function')
  return ask('claimCheck', async (guard, verdict) => {
    if (verdict === undefined) throw guard.auth.describe('HEADER_MISSING')
    if ((await check(verdict.claims)) !== true) throw guard.refused(reason)
  })
}

function granted(name: string, items: Requirement): RequestHandler {
  const requirement = requirementFrom(`${name}()`, items)
  return ask(name, (guard, verdict) => guard.require(verdict, requirement))
}

function ask(
  name: string,
  question: (guard: ExpressGuard, verdict: Verdict | undefined) => void | Promise<void>,
): RequestHandler {
  return (req: Seen, res, next) => {
    const state = req[found]
    if (state === undefined) {
      const error = new Error(`${name}() stands before auth(), or on a route without it`)
      return next(Object.assign(error, { status: 500, statusCode: 500 }))
    }
    const { guard, verdict } = state
    new Promise<void>(done => done(question(guard, verdict)))
      .then(
        () => next(),
        error => refuse(guard, error, req, res, next),
      )
      .catch(next)
  }
}

/** Answers an AuthError with its problem document (RFC 9457): `app.use(problem)`, or `onError`. */
export const problem: ErrorRequestHandler = (error, _req, res, next) => {
  if (!(error instanceof AuthError) || res.headersSent) return next(error)
  sendProblem(res, error)
}

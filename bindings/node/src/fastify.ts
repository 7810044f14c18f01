// A plugin for Fastify 5.
import type { FastifyPluginAsync, FastifyReply, FastifyRequest } from 'fastify'

import { Auth } from './auth'
import { AuthError } from './error'
import { Guard, authFrom, requirementFrom, tell } from './middleware'
import type { Requirement } from './auth'
import type { MiddlewareOptions } from './middleware'
import type { Options } from './tables'
import type { Verdict } from './verdict'

export { Auth, AuthError }
export type { Verdict }

declare module 'fastify' {
  interface FastifyRequest {
    /**
     * Who calls. Not typed as optional, for behind the plugin it is there; null where `optional`,
     * `exclude` or a preflight passes without a token: `request.auth?.` there.
     */
    auth: Verdict
  }
  interface FastifyInstance {
    /**
     * A hook (onRequest or preHandler) that asks more of the caller: `orders:read`, `role:admin`.
     * Throws for a requirement that cannot be read.
     */
    requires(
      requirement: Requirement,
    ): (request: FastifyRequest, reply: FastifyReply) => Promise<unknown>
  }
}

type Answer = [request: FastifyRequest, reply: FastifyReply]
export type FastifyOptions = MiddlewareOptions<FastifyRequest, Answer>
type FastifyGuard = Guard<FastifyRequest, Answer>

interface Found {
  guard: FastifyGuard
  verdict: Verdict | undefined
}
const found = Symbol('libauth')
type Seen = FastifyRequest & { [found]?: Found }

/**
 * A plugin that lets requests pass that have a good token, with `request.auth`: all those of the
 * instance that it is registered with. Others are thrown as an AuthError, whose status and headers
 * Fastify answers with. Throws for options that are wrong when it is registered.
 */
export function auth(from: Options | Auth, options: FastifyOptions = {}): FastifyPluginAsync {
  const plugin: FastifyPluginAsync = async app => {
    const { auth: handle, own } = authFrom(from, app.log)
    if (own) app.addHook('onClose', async () => handle.close())
    const guard: FastifyGuard = new Guard(handle, options)

    if (!app.hasRequestDecorator('auth')) app.decorateRequest('auth', null as unknown as Verdict)
    app.decorate('requires', asked => {
      const requirement = requirementFrom('app.requires()', asked)
      return (request, reply) => ask(requirement, request, reply)
    })
    app.addHook('onRequest', (request: Seen, reply) => protect(guard, request, reply))
  }
  return Object.assign(plugin, {
    // For the instance that registers it, not for a new one below it; as fastify-plugin does.
    [Symbol.for('skip-override')]: true,
    [Symbol.for('fastify.display-name')]: 'libauth',
    [Symbol.for('plugin-meta')]: { name: 'libauth', fastify: '5.x' },
  })
}

async function protect(
  guard: FastifyGuard,
  request: Seen,
  reply: FastifyReply,
): Promise<unknown> {
  const state: Found = { guard, verdict: undefined }
  request[found] = state
  request.auth = null as unknown as Verdict // whoever set it, it was not this plugin
  const { method, headers, raw } = request
  const message = { method, headers, rawHeaders: raw.rawHeaders }
  // What find-my-way goes by, rewritten by `rewriteUrl`; it ends a path at the question mark.
  if (guard.passes(message, () => request.url.split('?', 1)[0] as string)) return undefined
  try {
    state.verdict = await guard.judge(request, message)
    request.auth = (state.verdict ?? null) as Verdict
    return undefined
  } catch (error) {
    return refuse(guard, error, request, reply)
  }
}

async function ask(
  requirement: Requirement,
  request: Seen,
  reply: FastifyReply,
): Promise<unknown> {
  const state = request[found]
  if (state === undefined) throw new Error('app.requires() on a route without the libauth plugin')
  try {
    state.guard.require(state.verdict, requirement)
    return undefined
  } catch (error) {
    return refuse(state.guard, error, request, reply)
  }
}

async function refuse(
  guard: FastifyGuard,
  error: unknown,
  request: FastifyRequest,
  reply: FastifyReply,
): Promise<unknown> {
  if (!(error instanceof AuthError)) throw error
  tell(request.log, error)
  const { onError } = guard.options
  if (onError === undefined) throw error
  await onError(error, request, reply)
  if (!reply.sent) throw error // else nobody would answer
  return reply
}

/** Answers an AuthError with its problem document (RFC 9457): `onError`, or an error handler. */
export function problem(error: unknown, _request: FastifyRequest, reply: FastifyReply): void {
  if (!(error instanceof AuthError)) throw error
  reply.code(error.status).headers(error.headers).type('application/problem+json')
  reply.send(Buffer.from(error.problem)) // a string gets a charset, which JSON has not
}

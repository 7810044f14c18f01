// A module and a guard for NestJS 11, on Express or Fastify: HTTP, GraphQL and WebSockets.
import { HttpException, Inject, Logger, Module, SetMetadata } from '@nestjs/common'
import { Catch, createParamDecorator } from '@nestjs/common'
import { APP_GUARD, Reflector } from '@nestjs/core'
import type { ArgumentsHost, CanActivate, CustomDecorator, DynamicModule } from '@nestjs/common'
import type { ExceptionFilter, ExecutionContext, FactoryProvider, Provider } from '@nestjs/common'
import type { ModuleMetadata } from '@nestjs/common'

import { Auth } from './auth'
import { AuthError } from './error'
import { Guard, authFrom, requirementFrom, tell } from './middleware'
import { Verdict } from './verdict'
import type { Requirement } from './auth'
import type { Message, MiddlewareOptions } from './middleware'
import type { Logger as Told } from './report'
import type { Options } from './tables'

export { Auth, AuthError }
export { type Verdict }

/** `token` gets the request: of Express, of Fastify, or the client of a WebSocket. */
export type NestOptions = MiddlewareOptions<any, Answer>
type Answer = [context: ExecutionContext]

/** Where the options come from, as in `forRootAsync` of other modules. */
export interface AsyncOptions extends Pick<ModuleMetadata, 'imports'> {
  inject?: FactoryProvider['inject']
  useFactory: (...injected: any[]) => Options | Auth | Promise<Options | Auth>
}

// ---------------------------------------------------------------- decorators

const PUBLIC = 'libauth:public'
const REQUIRE = 'libauth:require'
const reflector = new Reflector()

/** The handler, or every handler of the class, needs no token. `@Require()` at a handler wins. */
export const Public = (): CustomDecorator => SetMetadata(PUBLIC, true)

/** What a caller needs: `@Require('orders:read')`. Of several, and of the class, all are needed. */
export function Require(requirement: Requirement): ClassDecorator & MethodDecorator {
  const known = requirementFrom('@Require()', requirement)
  return (target: object, _name?: unknown, descriptor?: PropertyDescriptor) => {
    const place: Function = descriptor?.value ?? target
    SetMetadata(REQUIRE, [...requirementsOf(place), known])(place)
  }
}

// Those of a class that it extends are among them.
function requirementsOf(place: Function): Requirement[] {
  return reflector.get<Requirement[] | undefined>(REQUIRE, place) ?? []
}

/** A parameter: the Verdict of who calls. Undefined where a call passes without a token. */
export const Caller = createParamDecorator<unknown, Verdict | undefined>(
  (_data: unknown, context: ExecutionContext) =>
    context.getType() === 'http'
      ? callers.get(context.switchToHttp().getRequest())
      : context.getArgs().find(value => value instanceof Verdict),
)

// ---------------------------------------------------------------- exceptions

/** What a refused request throws: an HttpException with the AuthError as its `cause`. */
export class AuthException extends HttpException {
  /** For GraphQL. */
  readonly extensions: { code: string }

  constructor(override readonly cause: AuthError) {
    const { status: statusCode, code, message } = cause
    super({ statusCode, code, message }, statusCode)
    Object.defineProperty(this, 'cause', { value: cause, enumerable: false })
    this.extensions = { code }
  }
}

/** Answers with the problem document (RFC 9457): `app.useGlobalFilters(new ProblemFilter())`. */
export class ProblemFilter implements ExceptionFilter<AuthException> {
  catch(exception: AuthException, host: ArgumentsHost): void {
    if (host.getType<string>() !== 'http') throw exception
    const { cause } = exception
    const response = host.switchToHttp().getResponse()
    if (response.headersSent || response.sent) return // by `onError`
    response.status(cause.status)
    response.header('Content-Type', 'application/problem+json').send(Buffer.from(cause.problem))
  }
}
Catch(AuthException)(ProblemFilter)

// ---------------------------------------------------------------- guard

// What carries the headers.
type Carrier = Record<string, any>
// Who was found to send a request of HTTP.
const callers = new WeakMap<Carrier, Verdict>()

// Many calls of GraphQL, and messages of a WebSocket, share a request: the verdict goes with the
// arguments of the one that it is for. The last argument of a WebSocket stays its pattern.
function keep(verdict: Verdict, carrier: Carrier, context: ExecutionContext): void {
  const args = context.getArgs()
  if (context.getType() === 'ws') args.splice(-1, 0, verdict)
  else if (context.getType() === 'http') {
    carrier.auth = verdict
    callers.set(carrier, verdict)
  } else args.push(verdict)
}

// The request, that of GraphQL's context, or the handshake of a WebSocket: else the client itself.
function carrierOf(context: ExecutionContext): Carrier | undefined {
  switch (context.getType<string>()) {
    case 'http':
      return context.switchToHttp().getRequest<Carrier>()
    case 'graphql': {
      const graphql = context.getArgByIndex<Carrier>(2)
      return graphql.req ?? graphql.request ?? graphql.reply?.request ?? graphql
    }
    case 'ws': {
      const client = context.switchToWs().getClient<Carrier>()
      return client.request ?? client
    }
    default:
      return undefined
  }
}

// Express routes by `url` without its query, below `baseUrl`; Fastify by `url` alone.
function pathOf({ baseUrl = '', path, url }: Carrier): string {
  return typeof path === 'string' ? `${baseUrl}${path}` : String(url).split('?', 1)[0] as string
}

/**
 * Lets calls pass that have a good token. `AuthModule` sets it before every handler of HTTP and
 * GraphQL. Two have to ask for it, else `@Require()` asks nothing there: a gateway, by
 * `@UseGuards(AuthGuard)`, and field resolvers, by `fieldResolverEnhancers: ['guards']`.
 */
export class AuthGuard implements CanActivate {
  constructor(private readonly settings: Settings) {}

  async canActivate(context: ExecutionContext): Promise<boolean> {
    const places = [context.getHandler(), context.getClass()] as const
    // Whoever set it, it was not this guard.
    if (context.getType() === 'http') carrierOf(context)!.auth = undefined
    if (this.isPublic(places)) return true
    try {
      await this.judge(context, places)
      return true
    } catch (error) {
      if (!(error instanceof AuthError)) throw error
      tell(this.settings.logger, error)
      await this.settings.guard.options.onError?.(error, context)
      throw await exceptionFor(error, context)
    }
  }

  private async judge(context: ExecutionContext, places: Places): Promise<void> {
    const { guard } = this.settings
    const carrier = carrierOf(context)
    if (carrier === undefined)
      throw new Error(`AuthGuard knows no context of the type "${context.getType()}"`)
    const { method, headers, raw, rawHeaders = raw?.rawHeaders } = carrier
    if (headers === undefined && guard.options.token === undefined)
      throw new Error('the client has no request with headers; AuthModule needs the option token')

    const message: Message = { method, headers, rawHeaders }
    const requirements = places.flatMap(requirementsOf)
    // Whoever requires something of callers does not want them unseen.
    const mayPass = context.getType() === 'http' && requirements.length === 0
    if (mayPass && guard.passes(message, () => pathOf(carrier))) return
    // socket.io keeps what a browser can send, `auth`, at the client.
    const source = context.getType() === 'ws' ? context.switchToWs().getClient() : carrier
    const verdict = await guard.judge(source, message)
    for (const requirement of requirements) guard.require(verdict, requirement)
    if (verdict !== undefined) keep(verdict, carrier, context)
  }

  // The nearest word counts; of two at the same place, @Require().
  private isPublic(places: Places): boolean {
    for (const place of places) {
      if (requirementsOf(place).length > 0) return false
      if (reflector.get(PUBLIC, place) === true) return true
    }
    return false
  }
}
type Places = readonly [handler: Function, of: Function]

async function exceptionFor(error: AuthError, context: ExecutionContext): Promise<Error> {
  const exception = new AuthException(error)
  if (context.getType() === 'ws') {
    const { WsException } = await import('@nestjs/websockets')
    return new WsException(exception.getResponse())
  }
  if (context.getType() === 'http') {
    const response = context.switchToHttp().getResponse()
    if (response.headersSent || response.sent) return exception // by onError
    for (const [name, value] of Object.entries(error.headers)) response.header(name, value)
  }
  return exception
}

// ---------------------------------------------------------------- module

const made = new WeakSet<Auth>()

/** What the guard works by. */
class Settings {
  readonly logger: Told
  readonly guard: Guard<any, Answer>

  constructor(
    readonly auth: Auth,
    options: NestOptions,
  ) {
    this.logger = nestLogger()
    this.guard = new Guard(auth, options)
  }

  /** After the last request. */
  onApplicationShutdown(): void {
    if (made.has(this.auth)) this.auth.close()
  }
}

function nestLogger(): Told {
  const logger = new Logger('libauth')
  return { info: line => logger.log(line), warn: line => logger.warn(line) }
}

/** Protects every handler of HTTP and GraphQL that is not `@Public()`, and provides `Auth`. */
export class AuthModule {
  static forRoot(from: Options | Auth, options: NestOptions = {}): DynamicModule {
    return AuthModule.forRootAsync({ useFactory: () => from }, options)
  }

  static forRootAsync(source: AsyncOptions, options: NestOptions = {}): DynamicModule {
    const { imports = [], inject = [], useFactory } = source
    const providers: Provider[] = [
      {
        provide: Auth,
        inject,
        useFactory: async (...injected: unknown[]) => {
          const { auth, own } = authFrom(await useFactory(...injected), nestLogger())
          if (own) made.add(auth)
          return auth
        },
      },
      { provide: Settings, inject: [Auth], useFactory: (auth: Auth) => new Settings(auth, options) },
      AuthGuard,
      { provide: APP_GUARD, useExisting: AuthGuard },
    ]
    return { module: AuthModule, global: true, imports, providers, exports: [Auth, Settings, AuthGuard] }
  }
}

// What decorators would write, for users of every compiler setting.
Inject(Settings)(AuthGuard, undefined, 0)
Module({})(AuthModule)

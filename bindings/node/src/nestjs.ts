// A module and a guard for NestJS 11, on Express or Fastify: HTTP, GraphQL and WebSockets.
import { HttpException, Inject, Logger, Module, SetMetadata } from '@nestjs/common'
import { Catch, createParamDecorator } from '@nestjs/common'
import { APP_GUARD, Reflector } from '@nestjs/core'
import type { ArgumentsHost, CanActivate, CustomDecorator, DynamicModule } from '@nestjs/common'
import type { ExceptionFilter, ExecutionContext, FactoryProvider, Provider } from '@nestjs/common'
import type { ModuleMetadata } from '@nestjs/common'

import { Auth } from './auth'
import { AuthError } from './error'
import { Guard, assertRequirement, authFrom, tell } from './middleware'
import type { Requirement } from './auth'
import type { Message, MiddlewareOptions } from './middleware'
import type { Logger as Told } from './report'
import type { Options } from './tables'
import type { Verdict } from './verdict'

export { Auth, AuthError }
export type { Verdict }

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

/** The handler, or every handler of the class, needs no token. `@Require()` at a handler wins. */
export const Public = (): CustomDecorator => SetMetadata(PUBLIC, true)

/** What a caller needs: `@Require('orders:read')`. That of the class is needed as well. */
export function Require(requirement: Requirement): CustomDecorator {
  assertRequirement('@Require()', requirement)
  return SetMetadata(REQUIRE, requirement)
}

/** A parameter: the Verdict of who calls. Undefined where a request passes without a token. */
export const Caller = createParamDecorator<unknown, Verdict | undefined>(
  (_data: unknown, context: ExecutionContext) => {
    const carrier = carrierOf(context)
    return carrier && callers.get(carrier)
  },
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
    const response = host.switchToHttp().getResponse().status(cause.status)
    response.header('Content-Type', 'application/problem+json').send(Buffer.from(cause.problem))
  }
}
Catch(AuthException)(ProblemFilter)

// ---------------------------------------------------------------- guard

// What carries the headers, and who was found to send them.
type Carrier = Record<string, any>
const callers = new WeakMap<Carrier, Verdict>()

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
 * GraphQL; a gateway names it itself, `@UseGuards(AuthGuard)`, and judges each message anew.
 */
export class AuthGuard implements CanActivate {
  private readonly reflector = new Reflector()

  constructor(private readonly settings: Settings) {}

  async canActivate(context: ExecutionContext): Promise<boolean> {
    const places = [context.getHandler(), context.getClass()] as const
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
    if (context.getType() === 'http' && guard.passes(message, pathOf(carrier))) return
    // socket.io keeps what a browser can send, `auth`, at the client.
    const source = context.getType() === 'ws' ? context.switchToWs().getClient() : carrier
    const verdict = await guard.judge(source, message)
    for (const place of places) {
      const requirement = this.reflector.get<Requirement | undefined>(REQUIRE, place)
      if (requirement !== undefined) guard.require(verdict, requirement)
    }
    // Last: the messages of a WebSocket and the fields of a query share it, and are judged at once.
    carrier.auth = verdict
    if (verdict !== undefined) callers.set(carrier, verdict)
    else callers.delete(carrier)
  }

  // The nearest word counts; of two at the same place, @Require().
  private isPublic(places: Places): boolean {
    for (const place of places) {
      if (this.reflector.get(REQUIRE, place) !== undefined) return false
      if (this.reflector.get(PUBLIC, place) === true) return true
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

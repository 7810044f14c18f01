// A protected API on NestJS. Options come from the environment: LIBAUTH_ISSUER, LIBAUTH_AUDIENCE, …
//     npx tsc && node server.js PORT
import 'reflect-metadata'
import { Controller, Get, Header, Module, Post, ServiceUnavailableException } from '@nestjs/common'
import { NestFactory } from '@nestjs/core'
import { Auth, AuthModule, Caller, ProblemFilter, Public, Require, type Verdict } from 'libauth/nestjs'

@Controller()
class Orders {
  @Get('orders')
  @Require('read:orders')
  list() {
    return { orders: ['book', 'lamp'] }
  }

  @Post('orders')
  @Require('write:orders')
  add(@Caller() caller: Verdict) {
    return { added: 'lamp', by: caller.subject }
  }

  @Get('me')
  me(@Caller() caller: Verdict) {
    return caller.claims
  }
}

@Public()
@Controller()
class Probes {
  constructor(private readonly auth: Auth) {}

  // Liveness asks nothing of anybody: a provider that is down is no reason to restart a server.
  @Get('healthz')
  alive() {
    return { status: 'alive' }
  }

  // Readiness starts the first fetch of the keys, and is 503 until they are here.
  @Get('readyz')
  ready() {
    if (!this.auth.ready()) throw new ServiceUnavailableException('waiting for keys')
    return { status: 'ready' }
  }

  // It names the issuers: for a port the world does not reach.
  @Get('metrics')
  @Header('Content-Type', 'text/plain; version=0.0.4')
  metrics() {
    return this.auth.metrics()
  }
}

@Module({
  imports: [AuthModule.forRootAsync({ useFactory: () => Auth.fromEnv({ logger: console }) })],
  controllers: [Orders, Probes],
})
class App {}

async function main(): Promise<void> {
  const app = await NestFactory.create(App, { logger: ['log', 'warn', 'error'] })
  app.useGlobalFilters(new ProblemFilter()) // refused requests get a problem document (RFC 9457)
  app.enableShutdownHooks()
  await app.listen(Number(process.argv[2] ?? 0), '127.0.0.1')
  console.log(`listening on ${await app.getUrl()}`)
}
void main()

// Compiles: what an application writes. `@ts-expect-error` marks what must not compile.
import 'reflect-metadata'
import { Controller, Get, Injectable, Module, UseGuards } from '@nestjs/common'
import { SubscribeMessage, WebSocketGateway } from '@nestjs/websockets'
import { Auth, AuthException, AuthGuard, AuthModule, Caller, ProblemFilter, Public, Require, type Verdict } from 'libauth/nestjs'

@Injectable()
class Settings {
  readonly audience = 'https://api.example'
}

@Controller()
@Require('role:clerk')
export class Orders {
  constructor(private readonly auth: Auth) {}

  @Get('orders')
  @Require(['orders:read', 'role:order manager'])
  list(@Caller() caller: Verdict): string {
    return caller.subject
  }

  @Get('healthz')
  @Public()
  ready(): boolean {
    return this.auth.ready()
  }
}

@WebSocketGateway()
@UseGuards(AuthGuard)
export class Chat {
  @SubscribeMessage('say')
  say(@Caller() caller: Verdict): string {
    return caller.subject
  }
}

@Module({
  imports: [
    AuthModule.forRoot({ issuer: 'https://id.example', audience: 'https://api.example' }, { optional: true }),
    AuthModule.forRootAsync({
      inject: [Settings],
      useFactory: async ({ audience }: Settings) => ({ issuer: 'https://id.example', audience }),
    }),
  ],
  controllers: [Orders],
  providers: [Settings, Chat],
})
export class App {}

export const code = (exception: AuthException): string => exception.cause.code
export const filter = new ProblemFilter()

// @ts-expect-error no options
AuthModule.forRoot()
// @ts-expect-error a middleware option that is none
AuthModule.forRoot({ issuer: 'x', audience: 'y' }, { excluded: [] })
// @ts-expect-error no requirement
Require()

// The API of hosts.mjs on NestJS. What a compiler does with decorators is done by hand.
import 'reflect-metadata'
import { All, Controller, Get, Module, Post } from '@nestjs/common'
import { NestFactory } from '@nestjs/core'
import { FastifyAdapter } from '@nestjs/platform-fastify'
import { AuthModule, Caller, ProblemFilter, Public, Require } from 'libauth/nestjs'

/** The decorators of a class, of its methods, and of their parameters in order. */
export function decorate(type, classDecorators, members = {}) {
  for (const [member, [decorators, ...parameters]] of Object.entries(members)) {
    const descriptor = Object.getOwnPropertyDescriptor(type.prototype, member)
    for (const decorator of [...decorators].reverse()) decorator(type.prototype, member, descriptor)
    parameters.forEach((parameter, place) => parameter(type.prototype, member, place))
  }
  for (const decorator of [...classDecorators].reverse()) decorator(type)
  return type
}

const orders = { orders: ['book', 'lamp'] }
class Api {
  list() {
    return orders
  }
  add() {
    return orders
  }
  me(caller) {
    return caller?.claims ?? {}
  }
  alive() {
    return { status: 'alive' }
  }
  open() {
    return { open: true }
  }
  secret() {
    return { secret: 'lamp' }
  }
  restricted() {
    return { secret: 'lamp' }
  }
  any() {
    return { any: true }
  }
}
decorate(Api, [Controller()], {
  list: [[Get('orders'), Require('read:orders')]],
  add: [[Post('orders'), Require('write:orders')]],
  me: [[Get('me')], Caller()],
  alive: [[Get('healthz')]],
  open: [[Get('public/:name')]],
  secret: [[Get(['secret', 'secret/*'])]],
  restricted: [[All('restricted'), Require('restricted')]],
  any: [[All('any')]],
})

/** A logger of Nest that keeps what it is told, as `level message`. */
export function nestLogger(lines) {
  const level = name => message => lines.push(`${name} ${message}`)
  return { log: level('info'), warn: level('warn'), error: level('error'), fatal: level('error'), debug() {}, verbose() {} }
}

/** An application of these classes on `platform`, listening on a free port. */
export async function nestApp(platform, metadata, prepare = () => {}) {
  const lines = []
  const root = decorate(class Root {}, [Module(metadata)])
  const adapter = platform === 'fastify' ? [new FastifyAdapter({ forceCloseConnections: true })] : []
  const app = await NestFactory.create(root, ...adapter, { logger: nestLogger(lines), forceCloseConnections: true, abortOnError: false })
  prepare(app)
  await app.listen(0, '127.0.0.1')
  return { app, url: new URL(await app.getUrl()), lines, close: () => app.close() }
}

/** `answer` is for the host, the rest for the middleware; what is no plain object is all for that. */
export function split(given) {
  if (given?.answer === undefined) return { options: given }
  const { answer, ...options } = given
  return { answer, options }
}

export async function nestHost(platform, from, given) {
  const { answer, options } = split(given)
  const metadata = { imports: [AuthModule.forRoot(from, options)], controllers: [Api] }
  return nestApp(platform, metadata, app => answer === 'problem' && app.useGlobalFilters(new ProblemFilter()))
}

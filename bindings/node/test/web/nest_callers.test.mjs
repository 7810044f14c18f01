// @Caller() of NestJS: who sent this very message, also where several are under way at once.
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { UseGuards } from '@nestjs/common'
import { GraphQLModule, Mutation, Query, Resolver } from '@nestjs/graphql'
import { MercuriusDriver } from '@nestjs/mercurius'
import { Ack, MessageBody, SubscribeMessage, WebSocketGateway } from '@nestjs/websockets'
import { Manager } from 'socket.io-client'
import { AuthGuard, AuthModule, Caller, Public, Require } from 'libauth/nestjs'
import { mint, options } from 'libauth/testing'
import { decorate, nestApp } from './nest_host.mjs'

// A guard after ours that holds the message `slow` until the test lets it go.
function gate() {
  const held = {}
  let count = 0
  held.arrived = new Promise(resolve => (held.arrive = resolve))
  held.second = new Promise(resolve => (held.again = resolve))
  held.open = new Promise(resolve => (held.letGo = resolve))
  class Gate {
    async canActivate(context) {
      if (context.switchToWs().getData() !== 'slow') return true
      held.client = context.switchToWs().getClient()
      if (count++ === 0) held.arrive()
      else held.again()
      await held.open
      return true
    }
  }
  return { held, Gate }
}

function chat(namespace, Gate) {
  class Chat {
    say(text, caller) {
      return `${text} ${caller?.subject}`
    }
    open(caller) {
      return `${caller?.subject}`
    }
    shut() {
      return 'in'
    }
    acknowledged(text, ack, caller) {
      ack(`${text} ${caller.subject}`)
    }
  }
  return decorate(Chat, [WebSocketGateway({ namespace }), UseGuards(AuthGuard, Gate)], {
    say: [[SubscribeMessage('say'), Require('read')], MessageBody(), Caller()],
    open: [[SubscribeMessage('open'), Public()], Caller()],
    shut: [[SubscribeMessage('shut'), Require('role:admin')]],
    acknowledged: [[SubscribeMessage('acknowledged')], MessageBody(), Ack(), Caller()],
  })
}

// The answer to one message.
const emit = (socket, event, data) => new Promise(resolve => socket.emit(event, data, resolve))

async function withChats(namespaces, body) {
  const { held, Gate } = gate()
  const token = client => client.handshake.auth.token
  const providers = namespaces.map(namespace => chat(namespace, Gate))
  const host = await nestApp('express', { imports: [AuthModule.forRoot(options, { token })], providers })
  // One connection, as a browser has it.
  const manager = new Manager(host.url.href, { transports: ['websocket'], reconnection: false })
  const join = (namespace, sub) => manager.socket(namespace, { auth: { token: mint({ sub, scope: 'read' }) } })
  try {
    await body({ held, join })
  } finally {
    manager._close()
    held.letGo()
    await host.close()
  }
}

describe('WebSockets', () => {
  test('two namespaces of one connection, each its own caller', () =>
    withChats(['/a', '/b'], async ({ held, join }) => {
      const alice = join('/a', 'alice')
      const bob = join('/b', 'bob')
      const slow = emit(alice, 'say', 'slow')
      await held.arrived
      assert.equal(await emit(bob, 'say', 'hi'), 'hi bob')
      held.letGo()
      assert.equal(await slow, 'slow alice')
    }))
  test('a refused message takes nothing from another', () =>
    withChats(['/a'], async ({ held, join }) => {
      const alice = join('/a', 'alice')
      const slow = emit(alice, 'say', 'slow')
      await held.arrived
      alice.emit('shut')
      assert.equal((await new Promise(resolve => alice.once('exception', resolve))).code, 'auth.role_missing')
      held.letGo()
      assert.equal(await slow, 'slow alice')
    }))
  test('the same words of one client, with another token meanwhile', () =>
    withChats(['/a'], async ({ held, join }) => {
      const alice = join('/a', 'alice')
      const slow = emit(alice, 'say', 'slow')
      await held.arrived
      held.client.handshake.auth.token = mint({ sub: 'bob', scope: 'read' })
      const again = emit(alice, 'say', 'slow')
      await held.second
      held.letGo()
      assert.deepEqual(await Promise.all([slow, again]), ['slow alice', 'slow bob'])
    }))
  test('@Public() has none, also after one that was judged', () =>
    withChats(['/a'], async ({ join }) => {
      const alice = join('/a', 'alice')
      assert.equal(await emit(alice, 'open'), 'undefined')
      assert.equal(await emit(alice, 'say', 'hi'), 'hi alice')
      assert.equal(await emit(alice, 'open'), 'undefined')
    }))
  test('beside an acknowledgement', () =>
    withChats(['/a'], async ({ join }) => assert.equal(await emit(join('/a', 'alice'), 'acknowledged', 'hi'), 'hi alice')))
})

test('GraphQL: each resolver its own, in whatever order', async () => {
  // Fields of a mutation are resolved one after the other.
  const names = Field => {
    class Names {
      mine(caller) {
        return `${caller?.subject}`
      }
      open(caller) {
        return `${caller?.subject}`
      }
    }
    return decorate(Names, [Resolver()], {
      mine: [[Field(() => String)], Caller()],
      open: [[Field(() => String), Public()], Caller()],
    })
  }
  const imports = [AuthModule.forRoot(options), GraphQLModule.forRoot({ driver: MercuriusDriver, autoSchemaFile: true })]
  const host = await nestApp('fastify', { imports, providers: [names(Query), names(Mutation)] })
  try {
    for (const query of ['{ mine open }', '{ open mine }', 'mutation { mine open }']) {
      const headers = { 'content-type': 'application/json', authorization: `Bearer ${mint({ sub: 'alice' })}` }
      const answer = await fetch(new URL('/graphql', host.url), { method: 'POST', headers, body: JSON.stringify({ query }) })
      assert.deepEqual((await answer.json()).data, { mine: 'alice', open: 'undefined' })
    }
  } finally {
    await host.close()
  }
})

// The same small API on each framework, as an application would write it: what cases.mjs asks.
//     GET /orders needs read:orders, POST /orders write:orders; GET /me any token
//     /restricted needs restricted, by every method
//     GET /healthz and GET /public/NAME are for `exclude`; GET /secret/… is never open
import express from 'express'
import express4 from 'express4'
import Fastify from 'fastify'
import { HttpException } from '@nestjs/common'
import { createServer } from 'node:http'
import { Auth } from 'libauth'
import * as web from 'libauth/express'
import * as fast from 'libauth/fastify'
import { nestHost, split } from './nest_host.mjs'

const orders = { orders: ['book', 'lamp'] }
const secret = { secret: 'lamp' }
const maxHeaderSize = 2 << 20 // beyond the 16 KiB of Node's default the library decides

async function expressHost(framework, from, given) {
  const { answer, options } = split(given)
  const lines = []
  const logger = { info: line => lines.push(`info ${line}`), warn: line => lines.push(`warn ${line}`) }
  const app = framework()
  app.set('env', 'test') // else Express prints every error
  app.use(web.auth(from instanceof Auth ? from : new Auth(from, { logger }), options))
  app.get('/orders', web.requiredScopes('read:orders'), (req, res) => res.json(orders))
  app.post('/orders', web.requires('write:orders'), (req, res) => res.status(201).json(orders))
  app.get('/me', (req, res) => res.json(req.auth?.claims ?? {}))
  app.get('/healthz', (req, res) => res.json({ status: 'alive' }))
  app.get('/public/:name', (req, res) => res.json({ open: req.params.name }))
  app.use('/secret', (req, res) => res.json(secret))
  app.all('/restricted', web.requires('restricted'), (req, res) => res.json(secret))
  app.all('/any', (req, res) => res.json({ method: req.method }))
  if (answer === 'problem') app.use(web.problem)
  const server = createServer({ maxHeaderSize }, app)
  await new Promise(done => server.listen(0, '127.0.0.1', done))
  const close = () => {
    server.closeAllConnections()
    return new Promise(done => server.close(done))
  }
  return { url: new URL(`http://127.0.0.1:${server.address().port}`), lines, close }
}

// What pino writes, as `level message`.
function pino(lines) {
  const levels = { 30: 'info', 40: 'warn', 50: 'error' }
  const write = text => {
    const { level, msg } = JSON.parse(text)
    lines.push(`${levels[level]} ${msg}`)
  }
  return { level: 'info', stream: { write } }
}

async function fastifyHost(from, given) {
  const { answer, options } = split(given)
  const lines = []
  const app = Fastify({ logger: pino(lines), http: { maxHeaderSize }, forceCloseConnections: true })
  if (answer === 'problem') app.setErrorHandler(fast.problem)
  await app.register(fast.auth(from, options))
  app.get('/orders', { preHandler: app.requires('read:orders') }, async () => orders)
  app.post('/orders', { onRequest: app.requires('write:orders') }, async (request, reply) => reply.code(201).send(orders))
  app.get('/me', async request => request.auth?.claims ?? {})
  app.get('/healthz', async () => ({ status: 'alive' }))
  app.get('/public/:name', async request => ({ open: request.params.name }))
  app.get('/secret', async () => secret)
  app.get('/secret/*', async () => secret)
  app.all('/restricted', { preHandler: app.requires('restricted') }, async () => secret)
  app.all('/any', async request => ({ method: request.method }))
  const url = new URL(await app.listen({ port: 0, host: '127.0.0.1' }))
  return { url, lines, close: () => app.close() }
}

// Answers of its own.
const expressTeapot = (error, req, res) => res.status(418).json({ code: error.code })
const fastifyTeapot = (error, request, reply) => reply.code(418).send({ code: error.code })
const nestTeapot = error => {
  throw new HttpException({ code: error.code }, 418)
}

const onExpress = framework => ({ start: (from, options = {}) => expressHost(framework, from, options), teapot: expressTeapot })
// `nodeLimit`: of 16 KiB for the headers, which NestJS has no option for.
const onNest = platform => ({ start: (from, options = {}) => nestHost(platform, from, options), teapot: nestTeapot, nodeLimit: true })

/** `start(from, options)` gives the URL, what is logged, and how to end it. */
export const hosts = {
  'Express 4': onExpress(express4),
  'Express 5': onExpress(express),
  'Fastify 5': { start: (from, options = {}) => fastifyHost(from, options), teapot: fastifyTeapot },
  'NestJS 11 on Express': onNest('express'),
  'NestJS 11 on Fastify': onNest('fastify'),
}

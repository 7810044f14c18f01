// Preloaded before a program of a page: it listens on a free port of loopback, and tells which.
import { Server } from 'node:net'

const { listen } = Server.prototype
Server.prototype.listen = function (...args) {
  this.once('listening', () => process.send({ port: this.address().port }))
  return listen.call(this, 0, '127.0.0.1', ...args.filter(arg => typeof arg === 'function'))
}

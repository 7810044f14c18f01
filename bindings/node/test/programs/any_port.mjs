// Loaded before a server: it listens on a free port of loopback, and its address is told.
import { Server } from 'node:net'

const { listen } = Server.prototype
Server.prototype.listen = function () {
  this.once('listening', () => console.log(`listening on http://127.0.0.1:${this.address().port}`))
  return listen.call(this, 0, '127.0.0.1')
}

// A provider with switches: a JWKS endpoint that counts, can be slow, and goes down and up again on its port. And the tokens.
import crypto from 'node:crypto';
import http from 'node:http';

export const ISSUER = 'https://id.example';
export const AUDIENCE = 'https://api.example';

function rsaKey(kid) {
  const { publicKey, privateKey } = crypto.generateKeyPairSync('rsa', { modulusLength: 2048 });
  return { kid, privateKey, jwk: { ...publicKey.export({ format: 'jwk' }), kid, alg: 'RS256', use: 'sig' } };
}
const encoded = value => Buffer.from(JSON.stringify(value)).toString('base64url');

function mint(key, claims = {}) {
  const header = { alg: 'RS256', typ: 'JWT', kid: key.kid };
  const payload = {
    iss: ISSUER, aud: AUDIENCE, sub: 'user-1', client_id: 'web', scope: 'orders:read orders:write',
    jti: crypto.randomUUID(), iat: 1790000000, exp: 4102444800, ...claims,
  };
  const signed = `${encoded(header)}.${encoded(payload)}`;
  return `${signed}.${crypto.sign('sha256', signed, key.privateKey).toString('base64url')}`;
}

export const oldKey = rsaKey('old');
const newKey = rsaKey('new');
const strangerKey = rsaKey('stranger');

const many = (count, make) => Array.from({ length: count }, make);
/** No two alike: a library that remembers tokens gains nothing. */
export const VALID = many(128, () => mint(oldKey));
export const ROTATED = many(256, () => mint(newKey));
export const UNKNOWN = many(1000, () => mint({ ...strangerKey, kid: crypto.randomUUID() }));
/** What every verifier has to refuse. */
export const BAD = [
  mint({ ...strangerKey, kid: oldKey.kid }), mint(oldKey, { aud: 'https://other.example' }),
  mint(oldKey, { iss: 'https://other.example' }), mint(oldKey, { exp: 1790000001, iat: 1700000000 }),
];

// Below the range that the system takes ports of outgoing connections from: nobody gets the port of one that is down.
let nextPort = 20000 + Math.floor(Math.random() * 8000);

export class Provider {
  keys = [oldKey.jwk];
  delayMs = 0;
  fetches = 0;
  #server;
  #port;

  async up() {
    this.#server = http.createServer((request, response) => {
      this.fetches += 1;
      const body = JSON.stringify({ keys: this.keys });
      setTimeout(() => response.setHeader('Content-Type', 'application/json').end(body), this.delayMs);
    });
    // One that is down goes up on the port that it had.
    for (this.#port ??= nextPort++; !(await this.#listens());) this.#port = nextPort++;
  }

  #listens() {
    return new Promise((resolve, reject) => {
      this.#server.once('error', error => error.code === 'EADDRINUSE' ? resolve(false) : reject(error));
      this.#server.listen({ port: this.#port, host: '127.0.0.1', backlog: 1024 }, () => resolve(true));
    });
  }

  down() {
    this.#server.close();
    this.#server.closeAllConnections();
  }

  get jwksUri() {
    return `http://127.0.0.1:${this.#port}/jwks`;
  }

  rotate() {
    this.keys = [oldKey.jwk, newKey.jwk];
  }
}

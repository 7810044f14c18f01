// The driver protocol for a verifier in Node: a line `ID TOKEN` in, a line `ID ok|refused MICROSECONDS` out, in any order.
import { readFileSync } from 'node:fs';
import { createInterface } from 'node:readline';

export const [issuer, audience, jwksUri, ttl] = process.argv.slice(2);
export const ttlSeconds = Number(ttl);

export function serve(library, verify) {
  const installed = new URL(`node_modules/${library}/package.json`, import.meta.url);
  console.log(`ready ${library} ${JSON.parse(readFileSync(installed)).version}`);
  createInterface({ input: process.stdin }).on('line', async line => {
    const [id, token] = line.split(' ');
    const began = performance.now();
    const answer = await verify(token).then(() => 'ok', () => 'refused');
    console.log(`${id} ${answer} ${Math.round((performance.now() - began) * 1000)}`);
  });
}

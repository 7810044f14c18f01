// What happens to a provider and its keys, each time to a fresh verifier; README.md says what each cell means.
import crypto from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { AUDIENCE, BAD, ISSUER, oldKey, Provider, ROTATED, UNKNOWN, VALID } from './provider.mjs';
import { Verifier } from './verifier.mjs';

const PATIENCE_S = 40;
const TTL_S = 2;
const FLOOD_MS = 10_000;

/** Runs `play` with a provider and a verifier that nobody used before. */
async function stage(contestant, { ttl = 0, options = [], before = () => {} }, play) {
  const provider = new Provider();
  await provider.up();
  let verifier;
  try {
    before(provider);
    const words = [ISSUER, AUDIENCE, provider.jwksUri, String(ttl), ...options];
    verifier = await Verifier.start([...contestant.command, ...words]);
    return await play(provider, verifier);
  } finally {
    verifier?.end();
    provider.down();
  }
}

let turn = 0;
const next = tokens => tokens[turn++ % tokens.length];
const valid = verifier => verifier.verify(next(VALID));
const seconds = began => (performance.now() - began) / 1000;

async function warm(verifier, count = 1) {
  for (let n = 0; n < count; n++) {
    if (!(await valid(verifier)).ok) throw new Error('a valid token is refused while all is well');
  }
}

/** `count` calls, one every `everyMs`, whether those before have been answered or not. */
async function pace(count, everyMs, call) {
  const began = performance.now();
  const answers = [];
  for (let n = 0; n < count; n++) {
    const early = began + n * everyMs - performance.now();
    if (early > 0) await sleep(early);
    answers.push(call(n));
  }
  return Promise.all(answers);
}

/** Seconds until a token of these is accepted, asked for every 0.2 s. */
async function accepted(verifier, tokens) {
  for (const began = performance.now(); seconds(began) < PATIENCE_S;) {
    if ((await verifier.verify(next(tokens))).ok) return seconds(began).toFixed(1);
    await sleep(200);
  }
  return `> ${PATIENCE_S}`;
}

const count = answers => `${answers.filter(answer => answer.ok).length}/${answers.length}`;

function quantile(answers, part) {
  const sorted = answers.map(answer => answer.ms).sort((a, b) => a - b);
  return sorted[Math.ceil(sorted.length * part) - 1];
}

function duration(ms) {
  if (ms >= 1000) return `${(ms / 1000).toFixed(1)} s`;
  return ms >= 1 ? `${ms.toFixed(ms < 10 ? 1 : 0)} ms` : `${Math.round(ms * 1000)} µs`;
}

/** One valid token each 0.1 s; with unknown key ids between them, 1000 in 10 s. */
const trickle = verifier => pace(FLOOD_MS / 100, 100, () => valid(verifier));

async function flooded(verifier) {
  const good = [];
  const unknown = await pace(UNKNOWN.length, FLOOD_MS / UNKNOWN.length, n => {
    if (n % 10 === 0) good.push(valid(verifier));
    return verifier.verify(UNKNOWN[n]);
  });
  if (unknown.some(answer => answer.ok)) throw new Error('a token of an unknown key is accepted');
  return Promise.all(good);
}

function stampede(contestant) {
  const slow = provider => { provider.delayMs = 100; };
  return stage(contestant, { before: slow }, async (provider, verifier) => {
    const answers = await Promise.all(VALID.slice(0, 100).map(token => verifier.verify(token)));
    return `${provider.fetches} (${count(answers)})`;
  });
}

function flood(contestant) {
  return stage(contestant, {}, async (provider, verifier) => {
    // A JVM compiles what it runs often.
    await warm(verifier, 3000);
    const calm = await trickle(verifier);
    const before = provider.fetches;
    const good = await flooded(verifier);
    const p99 = [calm, good].map(answers => duration(quantile(answers, 0.99)));
    return [String(provider.fetches - before), count(good), p99.join(' → ')];
  });
}

function rotation(contestant) {
  return stage(contestant, {}, async (provider, verifier) => {
    await warm(verifier);
    await sleep(1000);
    provider.rotate();
    return accepted(verifier, ROTATED);
  });
}

function floodRotation(contestant, atS = 2) {
  return stage(contestant, {}, async (provider, verifier) => {
    await warm(verifier);
    const flooding = flooded(verifier);
    const probing = sleep(atS * 1000).then(() => {
      provider.rotate();
      return accepted(verifier, ROTATED);
    });
    const [after] = await Promise.all([probing, flooding]);
    return after;
  });
}

function coldOutage(contestant, downS = 3) {
  return stage(contestant, { before: provider => provider.down() }, async (provider, verifier) => {
    const probing = accepted(verifier, VALID);
    await sleep(downS * 1000);
    await provider.up();
    const after = Number(await probing) - downS;
    return Number.isNaN(after) ? `> ${PATIENCE_S - downS}` : Math.max(after, 0).toFixed(1);
  });
}

function outage(contestant) {
  return stage(contestant, { ttl: TTL_S }, async (provider, verifier) => {
    await warm(verifier);
    provider.down();
    await sleep(TTL_S * 1000 + 200);
    return count(await pace(30, 200, () => valid(verifier)));
  });
}

function slowRefresh(contestant) {
  return stage(contestant, { ttl: TTL_S }, async (provider, verifier) => {
    await warm(verifier, 20);
    provider.delayMs = 5000;
    await sleep(TTL_S * 1000 + 200);
    const answers = await pace(30, 400, () => valid(verifier));
    return `${count(answers)}, ${duration(quantile(answers, 0.5))}, ${duration(quantile(answers, 1))}`;
  });
}

/** Before anything is measured: what a verifier accepts counts only if it refuses what it should. */
export function inspect(contestant) {
  return stage(contestant, {}, async (provider, verifier) => {
    await warm(verifier);
    const bad = await Promise.all(BAD.map(token => verifier.verify(token)));
    if (bad.some(answer => answer.ok)) throw new Error('a bad token is accepted');
    return verifier.label;
  });
}

/** `alone`: milliseconds are measured, so nothing else runs meanwhile. */
export const SCENARIOS = {
  stampede: { columns: ['stampede: fetches'], play: stampede },
  flood: {
    columns: ['flood: fetches', 'flood: valid ok', 'valid p99: calm → flood'], play: flood, alone: true,
  },
  rotation: { columns: ['rotated key, s'], play: rotation },
  'flood-rotation': { columns: ['rotated key in the flood, s'], play: floodRotation },
  'cold-outage': { columns: ['cold outage, s'], play: coldOutage },
  outage: { columns: ['down past ttl'], play: outage, needsTtl: true },
  'slow-refresh': { columns: ['slow refresh: ok, p50, max'], play: slowRefresh, needsTtl: true },
};

// ---------------------------------------------------------------- libauth alone

const EACH_SECOND = [1, 2, 3, 4, 5, 6, 7, 8, 9];
// Whole seconds and a cooldown of whole seconds meet at the same few places.
const BETWEEN = [1.1, 2.2, 3.3, 4.4, 5.5, 6.6, 7.7, 8.8];
const worst = of => `worst ${of.reduce((a, b) => (Number(a) >= Number(b) || a.startsWith('>') ? a : b))} s of ${of.join(' ')}`;

/** A rhythm of its own could suit the one moment of the table, so here are many, each with a verifier. */
export async function rotationAtEachSecond(libauth) {
  const said = [];
  for (const moments of [EACH_SECOND, BETWEEN]) {
    const each = await Promise.all(moments.map(at => floodRotation(libauth, at)));
    said.push(`at second ${moments.slice(0, 2).join(', ')} … ${moments.at(-1)}: ${worst(each)}`);
  }
  return `rotated key in the flood, published ${said.join('; ')}`;
}

export async function outageOfEachLength(libauth) {
  const each = await Promise.all(BETWEEN.map(length => coldOutage(libauth, length)));
  return `cold outage of ${BETWEEN.slice(0, 2).join(', ')} … ${BETWEEN.at(-1)} s: ${worst(each)}`;
}

export async function idleThreads(libauth) {
  return stage(libauth, {}, async (provider, verifier) => {
    const before = verifier.threads;
    await warm(verifier, 10);
    await sleep(2000);
    return `threads 2 s after the last call: ${verifier.threads - before} more than before the first`;
  });
}

const SET_SIZE = 10_000;
const curve = crypto.createECDH('prime256v1');
const randomKeys = {
  // Not by generateKeyPairSync and export, which hang after some thousand times (Node 20.20).
  'EC P-256'() {
    const point = curve.generateKeys();
    const [x, y] = [point.subarray(1, 33), point.subarray(33)].map(part => part.toString('base64url'));
    return { kty: 'EC', crv: 'P-256', x, y, alg: 'ES256' };
  },
  /** No primes behind it: nothing but its size counts here. */
  'RSA 2048'() {
    const modulus = crypto.randomBytes(256);
    modulus[0] |= 0x80;
    modulus[255] |= 1;
    return { kty: 'RSA', n: modulus.toString('base64url'), e: 'AQAB', alg: 'RS256' };
  },
};

export async function memory(libauth) {
  const said = [];
  for (const [kind, make] of Object.entries(randomKeys)) {
    const others = Array.from({ length: SET_SIZE - 1 }, (_, n) => ({ ...make(), kid: `key-${n}`, use: 'sig' }));
    const large = provider => { provider.keys = [...others, oldKey.jwk]; };
    said.push(await stage(libauth, { options: ['keys.max_bytes=16m'], before: large }, async (_, verifier) => {
      const before = verifier.residentMb;
      await warm(verifier);
      await sleep(2000);
      return `${kind} ${(verifier.residentMb - before).toFixed(1)} MB`;
    }));
  }
  return `memory that a set of ${SET_SIZE} keys takes: ${said.join(', ')}`;
}

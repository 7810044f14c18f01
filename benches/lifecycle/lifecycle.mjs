// Plays every scenario to every contestant and prints one table: `node lifecycle.mjs BUILT CONTESTANT…`; `run` builds them.
import {
  idleThreads, inspect, memory, outageOfEachLength, rotationAtEachSecond, SCENARIOS,
} from './scenarios.mjs';

const [built, ...names] = process.argv.slice(2);
const spring = ['java', '-Xmx512m', '-cp', `${built}/java:${built}/java/lib/*`, 'Verifier'];
const CONTESTANTS = {
  libauth: { command: [`${built}/libauth`], ttl: true },
  jose: { command: ['node', `${built}/node/jose.mjs`], ttl: true },
  'aws-jwt-verify': { command: ['node', `${built}/node/aws.mjs`] },
  keyfunc: { command: [`${built}/go`, 'keyfunc'], ttl: true },
  'go-oidc': { command: [`${built}/go`, 'go-oidc'] },
  spring: { command: spring, ttl: true },
  pyjwt: { command: [`${built}/python/bin/python`, `${import.meta.dirname}/python/verifier.py`], ttl: true },
};
const wanted = process.env.SCENARIOS?.split(' ') ?? Object.keys(SCENARIOS);
const unknown = wanted.filter(name => !(name in SCENARIOS));
if (unknown.length > 0) {
  console.error(`no scenario ${unknown}; there are: ${Object.keys(SCENARIOS).join(' ')}`);
  process.exit(2);
}
const errors = [];
const progress = text => process.stderr.write(`[${Math.round(performance.now() / 1000)} s] ${text}\n`);

/** What it gives; an error is a cell that says so and a line below the table. */
async function attempt(name, what, play) {
  try {
    return await play();
  } catch (error) {
    errors.push(`${name}, ${what}: ${error.message}`);
    return undefined;
  }
}

async function playTo(contestant, name) {
  const { columns, play, needsTtl } = SCENARIOS[name];
  const cells = [await attempt(contestant.name, name, () => play(contestant))].flat();
  const remark = needsTtl && !contestant.ttl ? ' (has no ttl)' : '';
  return columns.map((_, place) => cells[0] === undefined ? 'error' : cells[place] + remark);
}

const contestants = [];
for (const name of names) {
  const contestant = { name, ...CONTESTANTS[name] };
  contestant.label = await attempt(name, 'inspection', () => inspect(contestant));
  if (contestant.label) contestants.push(contestant);
}

const rows = contestants.map(contestant => [contestant.label]);
const columns = ['library'];
for (const name of wanted) {
  progress(name);
  columns.push(...SCENARIOS[name].columns);
  const playing = [];
  for (const contestant of contestants) {
    playing.push(playTo(contestant, name));
    if (SCENARIOS[name].alone) await playing.at(-1);
  }
  (await Promise.all(playing)).forEach((cells, place) => rows[place].push(...cells));
}

const line = cells => `| ${cells.join(' | ')} |`;
console.log([line(columns), line(columns.map(() => '---')), ...rows.map(line)].join('\n'));

const libauth = contestants.find(contestant => contestant.name === 'libauth');
if (libauth && !process.env.SCENARIOS) {
  console.log('\nlibauth alone:\n');
  for (const measure of [rotationAtEachSecond, outageOfEachLength, idleThreads, memory]) {
    progress(measure.name);
    const said = await attempt('libauth', measure.name, () => measure(libauth));
    if (said) console.log(`- ${said}`);
  }
}

progress('done');
if (errors.length > 0) console.log(`\nErrors:\n\n${errors.map(error => `- ${error}`).join('\n')}`);
process.exit(errors.length > 0 ? 1 : 0);

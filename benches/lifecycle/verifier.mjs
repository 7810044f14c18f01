// A contestant as a process: tokens in, answers out. A death or a silence is an error, never a result.
import { spawn } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { createInterface } from 'node:readline';

const SILENCE_MS = 60_000;

export class Verifier {
  #child;
  #waiting = new Map();
  #sent = 0;
  #failure;
  #stderr = '';
  /** Name and version, as the process says them. */
  label;

  /** Ready when its verifier object is made. */
  static async start(command) {
    const verifier = new Verifier();
    await verifier.#run(command);
    return verifier;
  }

  #run([program, ...words]) {
    this.#child = spawn(program, words);
    this.#child.on('error', error => this.#fail(error.message));
    this.#child.on('exit', code => this.#fail(`ended with ${code}: ${this.#stderr.trim().slice(-300)}`));
    this.#child.stdin.on('error', () => {});
    this.#child.stderr.on('data', text => { this.#stderr = (this.#stderr + text).slice(-3000); });
    const ready = this.#answer('ready');
    createInterface({ input: this.#child.stdout }).on('line', line => {
      const [id, ...rest] = line.split(' ');
      this.#waiting.get(id)?.resolve(rest);
    });
    return ready.then(words => { this.label = words.join(' '); });
  }

  async #answer(id) {
    if (this.#failure) throw this.#failure;
    let silence;
    try {
      return await new Promise((resolve, reject) => {
        this.#waiting.set(id, { resolve, reject });
        silence = setTimeout(() => reject(new Error(`no answer in ${SILENCE_MS / 1000} s`)), SILENCE_MS);
      });
    } finally {
      clearTimeout(silence);
      this.#waiting.delete(id);
    }
  }

  #fail(reason) {
    this.#failure = new Error(reason);
    for (const { reject } of this.#waiting.values()) reject(this.#failure);
  }

  async verify(token) {
    const id = String(this.#sent++);
    const answer = this.#answer(id);
    this.#child.stdin.write(`${id} ${token}\n`);
    const [verdict, microseconds] = await answer;
    return { ok: verdict === 'ok', ms: Number(microseconds) / 1000 };
  }

  get threads() {
    return readdirSync(`/proc/${this.#child.pid}/task`).length;
  }

  get residentMb() {
    const status = readFileSync(`/proc/${this.#child.pid}/status`, 'utf8');
    return Number(/VmRSS:\s*(\d+)/.exec(status)[1]) / 1024;
  }

  end() {
    this.#child.kill('SIGKILL');
  }
}

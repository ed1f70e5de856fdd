// The embedded deployment as a person starts it: the built binary, on a free port, in a directory of its own.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { accessSync, constants } from 'node:fs';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

const repository = resolve(import.meta.dirname, '../..');
const vendor = join(repository, 'infra/vendor');
const binary = resolve(process.env.SELLTHROUGH_BINARY ?? join(repository, 'target/debug/local'));

/** Typesetting in an unoptimised build takes seconds. */
const PATIENCE = 20_000;

/** `path`, if it can be run; a test that lacks its tools fails, and says what to do. */
export function runnable(path, remedy) {
  try {
    accessSync(path, constants.X_OK);
    return path;
  } catch {
    throw new Error(`${path} is missing or cannot be run: ${remedy}`);
  }
}

export class Deployment {
  #process;
  #data;
  #quotes = 0;

  static async start() {
    const deployment = new Deployment();
    runnable(binary, 'build it with `cargo build`, or name another one in SELLTHROUGH_BINARY.');
    deployment.#data = await mkdtemp(join(tmpdir(), 'sellthrough-'));
    const { STRIPE_WEBHOOK_SECRET, AWS_ENDPOINT_URL_DYNAMODB, ...environment } = process.env;
    deployment.#process = spawn(binary, ['--listen', '127.0.0.1:0', '--data', deployment.#data, '--vendor', vendor], {
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { ...environment, RUST_LOG: 'warn' },
    });
    let said = '';
    deployment.url = await new Promise((found, failed) => {
      const collect = (chunk) => {
        said += chunk;
        const url = said.match(/Sellthrough is at (http:\/\/[\d.:]+)/)?.[1];
        if (url) found(url);
      };
      deployment.#process.stdout.on('data', collect);
      deployment.#process.stderr.on('data', collect);
      deployment.#process.once('error', failed);
      deployment.#process.once('exit', (code) => failed(new Error(`the deployment ended with ${code}:\n${said}`)));
    });
    return deployment;
  }

  async stop() {
    if (this.#process.exitCode === null && this.#process.signalCode === null) {
      const ended = once(this.#process, 'exit');
      this.#process.kill('SIGTERM');
      await ended;
    }
    await rm(this.#data, { recursive: true });
  }

  /** The example request, changed by `change`, as an issued quote with `readers` of its own: whom its letters go to. */
  async quote(change = () => {}) {
    const request = JSON.parse(await readFile(join(vendor, 'examples/quote.json'), 'utf8'));
    const each = ++this.#quotes;
    const readers = { reseller: `rita-${each}@reseller.example`, technical: `tina-${each}@customer.example` };
    request.reseller.contact.email = readers.reseller;
    request.customer.technical_contact.email = readers.technical;
    change(request);
    const headers = { 'content-type': 'application/json' };
    const answer = await fetch(`${this.url}/v1/quotes`, { method: 'POST', headers, body: JSON.stringify(request) });
    assert.equal(answer.status, 201, await answer.clone().text());
    return { ...(await answer.json()), readers };
  }

  /** What the quote has become. */
  async now(quote) {
    return (await fetch(quote.links.self)).json();
  }

  /** A person at the vendor's desk looks at the order, and says no. */
  async reject(order, reason) {
    const identity = { email: 'dana@vendor.example', groups: ['vendor-staff'] };
    const headers = { 'content-type': 'application/json' };
    const token = await fetch(`${this.url}/local/tokens`, { method: 'POST', headers, body: JSON.stringify(identity) });
    headers.authorization = `Bearer ${(await token.json()).access_token}`;
    const body = JSON.stringify({ reason, revision: order.revision });
    const answer = await fetch(`${this.url}/v1/desk/quotes/${order.number}/reject`, { method: 'POST', headers, body });
    assert.equal(answer.status, 200, await answer.text());
  }

  /** The letters of a quote, once there are `count` of them, oldest first. */
  async letters(quote, count) {
    const readers = Object.values(quote.readers);
    const deadline = Date.now() + PATIENCE;
    for (;;) {
      const inbox = await fetch(`${this.url}/local/inbox?limit=1000`, { headers: { accept: 'application/json' } });
      const letters = (await inbox.json()).messages.filter(({ to }) => readers.includes(to));
      if (letters.length >= count) return letters;
      assert.ok(Date.now() < deadline, `of ${quote.number}'s letters ${letters.length} came, and ${count} were due`);
      await sleep(100);
    }
  }

  /** Puts a letter from any sender into the mail directory. */
  async deliver(id, message) {
    await writeFile(join(this.#data, 'mail', `${id}.eml`), message.replaceAll('\n', '\r\n'));
  }

  /** Stands the clock still at `now`, or lets it follow the machine's again with `null`. */
  async clock(now) {
    const answer = await fetch(`${this.url}/local/clock`, { method: 'PUT', body: JSON.stringify({ now }) });
    assert.equal(answer.status, 200, await answer.text());
  }
}

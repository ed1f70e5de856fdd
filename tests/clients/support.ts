// What a story needs beside its client: the local deployment signs people in, and has a practice form for payments.

import assert from 'node:assert/strict';
import { setTimeout as sleep } from 'node:timers/promises';

export const url = process.env.SELLTHROUGH_URL ?? assert.fail('SELLTHROUGH_URL names the deployment');

/** The header with which a person of this identity signs in. */
export async function signedIn(identity: object): Promise<{ authorization: string }> {
  const headers = { 'content-type': 'application/json' };
  const answer = await fetch(`${url}/local/tokens`, { method: 'POST', headers, body: JSON.stringify(identity) });
  assert.equal(answer.status, 200);
  const { access_token: token } = (await answer.json()) as { access_token: string };
  return { authorization: `Bearer ${token}` };
}

/** Presses the button of the practice form. */
export async function pay(link: string | undefined): Promise<void> {
  assert.ok(link, 'a quote that can be paid has a link for it');
  const body = new URLSearchParams({ outcome: 'paid' });
  const answer = await fetch(link, { method: 'POST', body, redirect: 'manual' });
  assert.equal(answer.status, 303);
}

/** The secret of a link. */
export function secretOf(link: string): string {
  return new URL(link).searchParams.get('secret') ?? assert.fail('a link contains its secret');
}

/** The first value that is found, tried ten times a second. */
export async function until<T>(find: () => Promise<T | undefined>): Promise<T> {
  const deadline = Date.now() + 30_000;
  for (;;) {
    const found = await find();
    if (found !== undefined) return found;
    assert.ok(Date.now() < deadline, 'it did not happen within half a minute');
    await sleep(100);
  }
}

/** The day in this many days. */
export function dayIn(days: number): string {
  return new Date(Date.now() + days * 86_400_000).toISOString().slice(0, 10);
}

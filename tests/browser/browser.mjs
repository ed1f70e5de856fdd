// Chromium, watched: what a page does that it should not is noted, and fails the test that opened it.

import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';

import { chromium } from 'playwright-core';

import { runnable } from './deployment.mjs';

const axe = await readFile(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');

export const DESK = { width: 1100, height: 900 };
export const NARROW = { width: 360, height: 740 };

/** One Chromium for all tests. It resolves no name at all, so nothing that a page asks for can leave the machine. */
export function launch() {
  const executablePath = runnable('/usr/bin/chromium', 'install it (on Debian: `apt-get install chromium`), or use tests/browser/run.');
  return chromium.launch({
    executablePath,
    args: ['--no-sandbox', '--no-proxy-server', '--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1'],
  });
}

/** A fresh window and the `faults` of every page opened in it. Requests may go to `deployment` alone. */
export async function watched(browser, deployment, options) {
  const context = await browser.newContext({ viewport: DESK, locale: 'en-GB', ...options });
  context.setDefaultTimeout(10_000);
  const faults = [];
  context.on('console', (message) => faults.push(`console ${message.type()}: ${message.text()}`));
  context.on('weberror', (error) => faults.push(`error: ${error.error()}`));
  context.on('dialog', (dialog) => {
    faults.push(`dialog: ${dialog.message()}`);
    return dialog.dismiss();
  });
  context.on('request', (request) => {
    if (!request.url().startsWith(`${deployment.url}/`)) faults.push(`request: ${request.url()}`);
  });
  return { context, faults };
}

/** What axe finds in a page against WCAG 2.2 A and AA. Frames without scripts cannot be asked: open what is in them. */
export async function barriers(page) {
  await page.evaluate(axe);
  const { violations } = await page.evaluate(() =>
    window.axe.run(document, {
      runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa'],
      iframes: false,
      resultTypes: ['violations'],
    }),
  );
  return violations.map(({ id, help, nodes }) => `${id}: ${help}: ${nodes.map(({ html }) => html).join(' ')}`);
}

/** By how many pixels the page is wider than its window. */
export function overhang(page) {
  return page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
}

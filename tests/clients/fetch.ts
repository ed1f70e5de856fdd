// The whole story by the client of `openapi-typescript` and `openapi-fetch`.

import assert from 'node:assert/strict';
import createClient from 'openapi-fetch';
import type { components, paths } from './generated/fetch.js';
import { dayIn, pay, secretOf, signedIn, until, url } from './support.js';

type Order = components['schemas']['Order'];

const api = createClient<paths>({ baseUrl: url });

/** The data of an answer that must have some. */
function ok<T>({ data, error }: { data?: T; error?: unknown }): T {
  assert.ok(data !== undefined, JSON.stringify(error));
  return data;
}

// The texts to accept.
const terms = ok(await api.GET('/v1/terms'));
const accept = Object.fromEntries(terms.texts.map(({ text, version }) => [text, version])) as Order['accept'];
assert.deepEqual(terms.texts.map(({ language }) => language), ['en', 'en']);

const order: Order = {
  purchasing_for: 'customer',
  currency: 'USD',
  reseller: {
    company: 'Example Reseller GmbH',
    contact: { name: 'Rita Seller', email: 'rita@reseller.example' },
    address: { street: 'Beispielweg 1', city: 'Berlin', postal_code: '10115', country: 'DE' },
  },
  customer: {
    company: 'Example Customer Inc.',
    contact: { name: 'Carl Customer', email: 'carl@customer.example' },
    address: { street: '2 Sample Avenue', city: 'San Francisco', region: 'US-CA', postal_code: '94105', country: 'US' },
    technical_contact: { name: 'Tina Admin', email: 'tina@customer.example' },
  },
  lines: [
    { kind: 'new', product: 'tracker-data-center', users: 500, term_months: 12 },
    { kind: 'new', product: 'tracker-server', users: 20, term_months: null },
  ],
  po_number: null,
  accept,
};

// A refusal lists what would be accepted, as data.
const refused = await api.POST('/v1/quotes', { body: { ...order, currency: 'XAF' } });
assert.equal(refused.response.status, 422);
assert.equal(refused.error?.code, 'currency_not_offered');
assert.ok(refused.error?.errors?.[0]?.allowed?.includes('USD'));

// A quote, paid and delivered.
const quote = ok(await api.POST('/v1/quotes', { params: { header: { 'Idempotency-Key': 'fetch-1' } }, body: order }));
const link = { path: { number: quote.number }, query: { secret: secretOf(quote.links.self) } };
const pdf = await api.GET('/v1/quotes/{number}/document.pdf', { params: link, parseAs: 'arrayBuffer' });
assert.equal(pdf.response.headers.get('content-type'), 'application/pdf');
await pay(quote.links.pay);
const paid = await until(async () => {
  const now = ok(await api.GET('/v1/quotes/{number}', { params: link }));
  return now.invoice ? now : undefined;
});
assert.equal(paid.status, 'paid');
assert.deepEqual(paid.history.map(({ event }) => event), ['issued', 'paid', 'delivered']);

// The technical contact reads the key.
const tina = await signedIn({ email: 'tina@customer.example' });
const sen = paid.licenses[0]?.sen ?? assert.fail('a licence was delivered');
const license = ok(await api.GET('/v1/licenses/{sen}', { params: { path: { sen } }, headers: tina }));
assert.equal(license.tier, 500);
const revealed = ok(await api.POST('/v1/licenses/{sen}/reveal', { params: { path: { sen } }, headers: tina }));
const keys = ok(await api.GET('/.well-known/license-keys.json'));
assert.ok(keys.keys.some(({ kid }) => kid === revealed.key_id));

// Staff enrol the reseller, and import what another system has sold.
const staff = await signedIn({ email: 'dana@vendor.example', groups: ['vendor-staff'] });
const memberships = [{ programme: 'partner', tier: 'gold', from: '2026-01-01' }];
const organization = 'example-reseller';
const partner = { params: { path: { organization } }, headers: staff, body: { name: 'Example Reseller GmbH', memberships } };
assert.equal(ok(await api.PUT('/v1/desk/partners/{organization}', partner)).version, 1);
const imported = 'SEN-4MRX7-PQ2HVW';
ok(
  await api.PUT('/v1/desk/entitlements/{sen}', {
    params: { path: { sen: imported } },
    headers: staff,
    body: {
      product: 'tracker-data-center',
      tier: 500,
      licensee: 'Example Customer Inc.',
      purchased: '2026-01-01',
      end: dayIn(60),
      technical_contact: { name: 'Tina Admin', email: 'tina@customer.example' },
      purchaser: {
        company: 'Example Reseller GmbH',
        organization,
        contact: { name: 'Rita Seller', email: 'rita@reseller.example' },
      },
    },
  }),
);

// The partner looks the licence up, and renews it with a discount.
const rita = await signedIn({ email: 'rita@reseller.example', organization });
const asked = { sen: imported, email: 'tina@customer.example', currency: 'USD' };
const found = ok(await api.POST('/v1/entitlements/lookup', { headers: rita, body: asked }));
const target = found.entitlements[0]?.targets.find(({ kind, available }) => kind === 'renewal' && available);
assert.ok(target?.amount);
const renewal: Order = { ...order, lines: [{ kind: 'renewal', sen: imported, term_months: 12 }] };
const renewed = ok(await api.POST('/v1/quotes', { headers: rita, body: renewal }));
assert.equal(renewed.net, target.amount);

// An order that staff review: found page by page, and approved.
const noted = ok(await api.POST('/v1/quotes', { body: { ...order, notes: 'Please make it a co-term.' } }));
assert.equal(noted.status, 'in_review');
const waiting = await until(async () => {
  const page = ok(await api.GET('/v1/desk/reviews', { params: { query: { limit: 1 } }, headers: staff }));
  return page.quotes[0];
});
assert.equal(waiting.number, noted.number);
const decision = { reason: 'Looked at.', revision: waiting.revision };
const number = { path: { number: noted.number } };
ok(await api.POST('/v1/desk/quotes/{number}/approve', { params: number, headers: staff, body: decision }));
const audit = { path: { kind: 'entitlements' as const, id: imported }, query: { limit: 1 } };
assert.equal(ok(await api.GET('/v1/desk/audit/{kind}/{id}', { params: audit, headers: staff })).entries[0]?.action, 'record');

// A policy is checked before it is published.
const { version } = ok(await api.GET('/v1/desk/policy', { headers: staff }));
const { files } = ok(await api.GET('/v1/desk/policy/{version}', { params: { path: { version } }, headers: staff }));
const changed = { ...files, 'vendor.toml': files['vendor.toml']?.replace('validity_days = 30', 'validity_days = 45') ?? '' };
const check = ok(await api.PUT('/v1/desk/policy', { params: { query: { check: true } }, headers: staff, body: { files: changed } }));
assert.ok('changes' in check && check.changes.length === 1);

// What nothing reads is refused.
const unknown = await fetch(`${url}/v1/pricing?currency=EUR`);
assert.equal(unknown.status, 400);
console.log('openapi-fetch: the whole story');

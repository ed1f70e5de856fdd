// The whole story by the client of `@hey-api/openapi-ts`.

import assert from 'node:assert/strict';
import { createClient } from './generated/hey/client/index.js';
import * as api from './generated/hey/index.js';
import { dayIn, pay, secretOf, signedIn, until, url } from './support.js';

const client = createClient({ baseUrl: url });

/** The data of an answer that must have some. */
function ok<T>({ data, error }: { data?: T; error?: unknown }): T {
  assert.ok(data !== undefined, JSON.stringify(error));
  return data;
}

// The texts to accept.
const terms = ok(await api.getTerms({ client }));
const accept = Object.fromEntries(terms.texts.map(({ text, version }) => [text, version])) as api.Acceptance;

const order: api.Order = {
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
  lines: [{ kind: 'new', product: 'tracker-data-center', users: 500, term_months: 12 }],
  notes: null,
  accept,
};

// A refusal lists what would be accepted, as data.
const refused = await api.createQuote({ client, body: { ...order, currency: 'XAF' } });
assert.equal(refused.response?.status, 422);
assert.equal(refused.error?.code, 'currency_not_offered');
assert.ok(refused.error?.errors?.[0]?.allowed?.includes('USD'));

// A quote, paid and delivered.
const quote = ok(await api.createQuote({ client, headers: { 'Idempotency-Key': 'hey-1' }, body: order }));
const link = { client, path: { number: quote.number }, query: { secret: secretOf(quote.links.self) } };
const pdf = ok(await api.getQuoteDocument({ ...link, parseAs: 'blob' }));
assert.equal((pdf as Blob).type, 'application/pdf');
await pay(quote.links.pay);
const paid = await until(async () => {
  const now = ok(await api.getQuote(link));
  return now.invoice ? now : undefined;
});
assert.equal(paid.status, 'paid');

// The technical contact reads the key.
const tina = await signedIn({ email: 'tina@customer.example' });
const sen = paid.licenses[0]?.sen ?? assert.fail('a licence was delivered');
const license = ok(await api.getLicense({ client, path: { sen }, headers: tina }));
assert.equal(license.tier, 500);
const revealed = ok(await api.revealLicense({ client, path: { sen }, headers: tina }));
const keys = ok(await api.getLicenseKeys({ client }));
assert.ok(keys.keys.some(({ kid }) => kid === revealed.key_id));

// Staff enrol the reseller, and import what another system has sold.
const headers = await signedIn({ email: 'dana@vendor.example', groups: ['vendor-staff'] });
const organization = 'example-reseller';
const memberships = [{ programme: 'partner', tier: 'gold', from: '2026-01-01' }];
ok(await api.putPartner({ client, headers, path: { organization }, body: { name: 'Example Reseller GmbH', memberships } }));
const contact = { name: 'Rita Seller', email: 'rita@reseller.example' };
const record: api.EntitlementRecord = {
  product: 'tracker-data-center',
  tier: 500,
  licensee: 'Example Customer Inc.',
  purchased: '2026-01-01',
  end: dayIn(60),
  technical_contact: { name: 'Tina Admin', email: 'tina@customer.example' },
  purchaser: { company: 'Example Reseller GmbH', organization, contact },
};
const imported = 'SEN-4MRX7-PQ2HVW';
ok(await api.putEntitlement({ client, headers, path: { sen: imported }, body: record }));

// The partner looks the licence up, and renews it with a discount.
const rita = await signedIn({ email: 'rita@reseller.example', organization });
const asked = { sen: imported, email: 'tina@customer.example', currency: 'USD' };
const found = ok(await api.lookUpEntitlements({ client, headers: rita, body: asked }));
const target = found.entitlements[0]?.targets.find(({ kind, available }) => kind === 'renewal' && available);
assert.ok(target?.amount);
const renewal: api.Order = { ...order, lines: [{ kind: 'renewal', sen: imported, term_months: 12 }] };
assert.equal(ok(await api.createQuote({ client, headers: rita, body: renewal })).net, target.amount);

// An order that staff review: found page by page, and approved.
const noted = ok(await api.createQuote({ client, body: { ...order, notes: 'Please make it a co-term.' } }));
const waiting = await until(async () => ok(await api.listReviews({ client, headers, query: { limit: 1 } })).quotes[0]);
assert.equal(waiting.number, noted.number);
const decision = { reason: 'Looked at.', revision: waiting.revision };
ok(await api.approveQuote({ client, headers, path: { number: noted.number }, body: decision }));
const audit = ok(await api.getAudit({ client, headers, path: { kind: 'entitlements', id: imported }, query: { limit: 1 } }));
assert.equal(audit.entries[0]?.action, 'record');

// A policy is checked before it is published.
const { version } = ok(await api.getPolicy({ client, headers }));
const { files } = ok(await api.getPolicyFiles({ client, headers, path: { version } }));
const changed = { ...files, 'vendor.toml': files['vendor.toml']?.replace('validity_days = 30', 'validity_days = 45') ?? '' };
const check = ok(await api.putPolicy({ client, headers, query: { check: true }, body: { files: changed } }));
assert.ok('changes' in check && check.changes.length === 1);
console.log('@hey-api/openapi-ts: the whole story');

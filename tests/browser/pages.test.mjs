// The pages of the embedded deployment, as a person meets them: the inbox, a letter, the payment form (R63).

import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';

import { barriers, launch, NARROW, overhang, watched } from './browser.mjs';
import { Deployment } from './deployment.mjs';

const HOSTILE = '<img src=x onerror=alert(1)>';

let deployment;
let browser;

before(async () => {
  deployment = await Deployment.start();
  browser = await launch();
});
after(async () => {
  await browser?.close();
  await deployment?.stop();
});

/** Whether a fault is the expected one: in these words, or of this form where the browser words it. */
const says = (fault, expected) => (expected instanceof RegExp ? expected.test(fault) : fault === expected);

/** A story in one window. The story fails if its pages report faults other than those that it `expects`, sorted. */
function story(name, run, { expects = [], ...options } = {}) {
  test(name, { timeout: 60_000 }, async () => {
    const { context, faults } = await watched(browser, deployment, options);
    try {
      await run(await context.newPage());
      const unexpected = faults.sort().filter((fault, i) => !says(fault, expects[i]));
      assert.deepEqual([unexpected, faults.length], [[], expects.length]);
    } finally {
      await context.close();
    }
  });
}

const inbox = () => `${deployment.url}/local/inbox`;
const payButton = (page) => page.getByRole('button', { name: /^Pay / });
const status = (page) => page.getByRole('status');

/** Opens the page of the quote's letter to its requester, and answers the frame with its HTML part. */
async function openLetter(page, quote) {
  const [letter] = await deployment.letters(quote, 1);
  await page.goto(`${inbox()}/${letter.id}`);
  return page.frameLocator('iframe');
}

/** What axe finds in the HTML parts of the quote's letters. */
async function barriersOfLetters(page, quote, count) {
  const found = [];
  for (const { html } of await deployment.letters(quote, count)) {
    await page.goto('about:blank');
    await page.setContent(html);
    found.push(...(await barriers(page)));
  }
  return found;
}

async function paysNothing(page) {
  assert.equal(await page.locator('form, button, input').count(), 0, 'there is no payment control');
}

function inYen(request) {
  request.currency = 'JPY';
  request.lines = request.lines.filter(({ product }) => product !== 'tracker-server');
}

describe('the watch', () => {
  story(
    'notes what a page does that it should not, and the inbox loads nothing from elsewhere',
    async (page) => {
      await page.goto(inbox());
      await page.evaluate(async () => {
        const picture = new Image();
        const refused = new Promise((settle) => picture.addEventListener('error', settle));
        picture.src = 'http://elsewhere.example/picture.png';
        document.body.append(picture);
        await refused;
        alert('noted');
      });
    },
    {
      expects: [
        /^console error: .*elsewhere\.example\/picture\.png.*Content Security Policy.*"img-src data:"/s,
        'dialog: noted',
        'request: http://elsewhere.example/picture.png',
      ],
    },
  );
});

describe('axe', () => {
  story('finds a field without a name', async (page) => {
    await page.setContent('<!doctype html><html lang="en"><title>A page</title><input></html>');
    assert.match((await barriers(page)).join(), /^label: /);
  });
});

describe('a quote by letter', () => {
  story('the empty inbox says what to do', async (page) => {
    await page.goto(inbox());
    await page.getByText('No letters yet').waitFor();
    assert.deepEqual(await barriers(page), []);
  });

  story('from the inbox to the payment form, to two more letters', async (page) => {
    const quote = await deployment.quote();
    const [{ subject }] = await deployment.letters(quote, 1);

    await page.goto(inbox());
    assert.deepEqual(await barriers(page), []);
    await page.getByRole('link', { name: subject }).click();
    assert.deepEqual(await barriers(page), []);

    const letter = page.frameLocator('iframe');
    await letter.getByText('Dear Rita Seller,').waitFor();
    const link = letter.getByRole('link', { name: 'View and pay' });
    assert.equal(await link.getAttribute('href'), quote.links.pay);
    const [form] = await Promise.all([page.waitForEvent('popup'), link.click()]);
    await form.waitForLoadState();
    assert.equal(form.url(), quote.links.pay);
    assert.ok(page.url().startsWith(`${inbox()}/`), 'the letter stays open');

    // R63: amount, currency, reference.
    await form.getByText('Amount due').waitFor();
    await form.getByText('USD 71,935.50', { exact: true }).waitFor();
    assert.equal(await form.getByText(quote.number, { exact: true }).count(), 1);
    assert.deepEqual(await barriers(form), []);

    await form.getByRole('button', { name: 'Let it fail' }).click();
    await form.getByText('The last attempt failed: card declined.').waitFor();
    assert.equal((await deployment.now(quote)).status, 'issued');
    assert.deepEqual(await barriers(form), []);

    await payButton(form).click();
    await form.getByText('This quote is paid').waitFor();
    assert.equal(await form.getByText('Amount due').count(), 0);
    await paysNothing(form);
    assert.deepEqual(await barriers(form), []);
    const letters = await deployment.letters(quote, 3);
    const paid = await deployment.now(quote);

    await form.reload();
    await form.getByText('This quote is paid').waitFor();
    assert.deepEqual(await deployment.now(quote), paid, 'a reload does not pay again');

    await page.getByRole('link', { name: 'Inbox' }).click();
    for (const letter of letters) await page.getByRole('link', { name: letter.subject }).first().waitFor();
    const { reseller, technical } = quote.readers;
    assert.deepEqual(letters.map(({ to }) => to).sort(), [reseller, reseller, technical]);
    assert.deepEqual(await barriersOfLetters(page, quote, 3), []);
  });

  story('a letter in Japanese says so, and shows yen without decimals', async (page) => {
    const quote = await deployment.quote((request) => {
      inYen(request);
      request.locale = 'ja';
    });
    const letter = await openLetter(page, quote);
    await letter.getByText('Rita Seller 様').waitFor();
    assert.equal(await letter.locator('html').getAttribute('lang'), 'ja');
    assert.match(await letter.locator(`a[href="${quote.links.pay}"]`).innerText(), /\p{Script=Han}/u);
    await page.goto(quote.links.pay);
    await page.getByText(`JPY ${quote.total.toLocaleString('en')}`, { exact: true }).waitFor();
    assert.deepEqual(await barriersOfLetters(page, quote, 1), []);
  });

  story('the attached PDF is downloaded', async (page) => {
    const quote = await deployment.quote();
    await openLetter(page, quote);
    const [download] = await Promise.all([
      page.waitForEvent('download'),
      page.getByRole('link', { name: `${quote.number}.pdf` }).click(),
    ]);
    assert.equal(download.suggestedFilename(), `${quote.number}.pdf`);
    assert.equal(await download.failure(), null);
  });
});

describe('the payment form', () => {
  story('is reached by Tab, and Enter pays', async (page) => {
    const quote = await deployment.quote();
    await page.goto(quote.links.pay);
    await page.keyboard.press('Tab');
    assert.match(await page.locator(':focus').innerText(), /^Pay USD 71,935\.50 by card$/);
    await page.keyboard.press('Enter');
    await page.getByText('This quote is paid').waitFor();
    assert.equal((await deployment.now(quote)).status, 'paid');
  });

  story(
    'does not exist for a wrong secret, or for no such quote',
    async (page) => {
      const quote = await deployment.quote();
      const other = await deployment.quote();
      const [mine, theirs] = [quote, other].map(({ links }) => new URL(links.pay));
      const bodies = [];
      for (const address of [
        `${mine.origin}${mine.pathname}`,
        `${mine.origin}${mine.pathname}?secret=wrong`,
        `${mine.origin}${mine.pathname}${theirs.search}`,
        `${mine.origin}/pay/nonsense${mine.search}`,
      ]) {
        const answer = await page.goto(address);
        assert.equal(answer.status(), 404, address);
        await page.getByText('does not lead to a quote').waitFor();
        await paysNothing(page);
        bodies.push(await answer.text());
      }
      assert.equal(new Set(bodies).size, 1, 'the pages do not reveal which quotes exist');
      assert.deepEqual(await barriers(page), []);
    },
    { expects: Array(4).fill('console error: Failed to load resource: the server responded with a status of 404 (Not Found)') },
  );

  story('offers nothing for an expired quote', async (page) => {
    const quote = await deployment.quote();
    await page.goto(quote.links.pay);
    await payButton(page).waitFor();
    await deployment.clock('2099-01-01T00:00:00Z');
    try {
      // Who left the form open does not pay either.
      await payButton(page).click();
      await page.getByText('This quote has expired').waitFor();
      await paysNothing(page);
      assert.equal((await deployment.now(quote)).status, 'expired');
      assert.deepEqual(await barriers(page), []);
    } finally {
      await deployment.clock(null);
    }
  });

  story('says that an order is looked at first, and then why it was rejected (R32, R34)', async (page) => {
    const reason = 'We do not sell <b>that</b> much at once.';
    const order = await deployment.quote((request) => {
      request.lines = Array.from({ length: 100 }, () => ({ ...request.lines[0], users: 2000, term_months: 12 }));
    });
    assert.equal(order.status, 'in_review');
    const form = `${deployment.url}/pay/${order.number}${new URL(order.links.self).search}`;
    const shown = async (text) => {
      await page.goto(form);
      await status(page).getByText(text).waitFor();
      assert.doesNotMatch(await page.locator('main').innerText(), /Valid through|first page/);
      await paysNothing(page);
      assert.deepEqual(await barriers(page), []);
    };
    await shown(`You will receive our answer by ${order.review_due}.`);
    await deployment.reject(order, reason);
    await shown(reason);
  });

  story('takes PayPal and no card for Australian dollars (R69)', async (page) => {
    const quote = await deployment.quote((request) => {
      request.currency = 'AUD';
      request.lines = [request.lines[0]];
    });
    await page.goto(quote.links.pay);
    assert.match(await payButton(page).innerText(), /^Pay AUD [\d,.]+ by PayPal$/);
    assert.doesNotMatch(await page.locator('main').innerText(), /card/i);
    await payButton(page).click();
    await page.getByText('This quote is paid').waitFor();
  });
});

describe('foreign matter', () => {
  const hostile = (request) => {
    for (const party of [request.reseller, request.customer]) party.company = HOSTILE;
    request.customer.contact.name = HOSTILE;
    request.customer.technical_contact.name = HOSTILE;
    request.reseller.contact.name = HOSTILE;
  };

  story('a hostile name is shown as it is written, everywhere', async (page) => {
    const quote = await deployment.quote(hostile);
    await page.goto(quote.links.pay);
    assert.equal(await page.getByText(HOSTILE, { exact: true }).count(), 3, 'bill-to, licensee and the receiver of the keys');
    // A quote that is paid before its letter is sent gets no copy that asks for payment.
    await deployment.letters(quote, 1);
    await payButton(page).click();
    await page.getByText('This quote is paid').waitFor();

    for (const { id } of await deployment.letters(quote, 3)) {
      await page.goto(`${inbox()}/${id}`);
      // The preheader, which only lists of letters show, may come first.
      await page.frameLocator('iframe').getByText(HOSTILE).filter({ visible: true }).first().waitFor();
      await page.locator('pre').getByText(HOSTILE).first().waitFor();
      for (const frame of page.frames()) assert.equal(await frame.locator('img').count(), 0);
    }
    await page.goto(inbox());
    assert.equal(await page.locator('img').count(), 0);
  });

  test("a stranger's letter runs nothing, loads nothing and leads nowhere", { timeout: 60_000 }, async () => {
    const elsewhere = 'http://elsewhere.example';
    await deployment.deliver(
      '99999999-bad',
      `Delivered-To: rita@reseller.example
From: stranger@elsewhere.example
Subject: ${HOSTILE}
Content-Type: text/html

<meta http-equiv="refresh" content="0;url=${elsewhere}/refresh">
<link rel="stylesheet" href="${elsewhere}/style.css">
<script>alert('script')</script>
<img src="${elsewhere}/picture.png" onerror="alert('picture')">
<p><a href="javascript:alert('link')">script</a> <a href="${elsewhere}/top" target="_top">top</a>
<a href="${elsewhere}/self" target="_self">self</a></p>
<form action="${elsewhere}/form" target="_self"><button>send</button></form>
`,
    );
    const { context, faults } = await watched(browser, deployment);
    const asked = [];
    try {
      // What the page's policy or the sandbox stops does not come as far as here.
      await context.route(`${elsewhere}/**`, (route) => {
        asked.push(route.request().url());
        return route.fulfill({ body: '' });
      });
      const page = await context.newPage();
      await page.goto(inbox());
      await page.getByRole('link', { name: HOSTILE }).click();
      const address = page.url();
      const letter = page.frameLocator('iframe');
      for (const control of ['script', 'top', 'self', 'send']) {
        await letter.getByText(control, { exact: true }).click();
        await page.waitForTimeout(200); // What must not happen has no event to wait for.
        assert.equal(page.url(), address);
        await page.reload();
      }
      assert.deepEqual(asked, []);
      assert.deepEqual(faults.filter((fault) => /^(dialog|error):/.test(fault)), []);
      assert.ok(faults.length > 0, 'refused resources are reported in the console');
    } finally {
      await context.close();
    }
  });
});

describe('a narrow window', () => {
  story(
    'scrolls up and down only',
    async (page) => {
      const quote = await deployment.quote((request) => {
        request.reseller.company = 'Donaudampfschifffahrtselektrizitätenhauptbetriebswerkbauunterbeamtengesellschaft';
      });
      await openLetter(page, quote);
      assert.equal(await overhang(page), 0, "a letter's page");
      await openLetter(page, await deployment.quote());
      for (const frame of page.frames()) assert.equal(await overhang(frame), 0, 'a letter');
      await page.goto(inbox());
      assert.equal(await overhang(page), 0, 'the inbox');
      await page.goto(quote.links.pay);
      assert.equal(await overhang(page), 0, 'the payment form');
      await page.getByRole('button', { name: 'Let it fail' }).click();
      await status(page).waitFor();
      assert.equal(await overhang(page), 0, 'the payment form after a failure');
      await payButton(page).click();
      await page.getByText('This quote is paid').waitFor();
      assert.equal(await overhang(page), 0, 'the paid payment form');
    },
    { viewport: NARROW },
  );
});

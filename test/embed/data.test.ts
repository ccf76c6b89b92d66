import { describe, expect, test } from 'vitest';
import type { OpenTrainBudgetNotice } from '../../embed/opentrain-budget-notice.js';
import { low, newBudget, newContract } from './budgets.ts';
import { setUpNoticePages } from './set-up.ts';

const open = setUpNoticePages();

describe('hostile data', () => {
  const attack = `</script><img src=x onerror="document.title='taken'"><b>"'`;

  test('markup stays text wherever it comes in', async () => {
    const { page, notice, give, part } = await open();
    await give({
      ...low,
      text: attack,
      contracts: [
        { ...newContract(), title: attack },
        { ...newContract(), title: null, contractId: attack },
      ],
    });
    await notice.evaluate((element, text) => {
      (element as OpenTrainBudgetNotice).labels = { lowTitle: text, topUp: text, hours: text, newTab: text };
    }, attack);
    expect(await part('text').innerText()).toBe(attack);
    expect(await part('title').innerText()).toBe(attack);
    expect(await part('contract-title').first().innerText()).toBe(attack);
    expect(await notice.locator('img, b, script').count()).toBe(0);
    expect(await page.title()).toBe('A platform');
  });

  test.each([
    'javascript:alert(1)',
    ' JaVaScRiPt:alert(1)',
    'java\nscript:alert(1)',
    'data:text/html,<script>alert(1)</script>',
    'vbscript:x',
    'file:///etc/passwd',
    '//evil.example',
    '/top-up',
    'not an address',
    '',
    7,
    { href: 'https://x' },
  ])('%j becomes no link', async (url) => {
    const { give, part } = await open();
    await give({ ...low, url });
    expect(await part('title').count()).toBe(1);
    expect(await part('link').count()).toBe(0);
  });

  test.each(['https://app.opentrain.example/top-up?c=1', 'http://localhost:8787/top-up'])('%s does', async (url) => {
    const { give, part } = await open();
    await give(newBudget({ url }));
    expect(await part('link').getAttribute('href')).toBe(url);
    expect(await part('link').getAttribute('rel')).toContain('noopener');
  });
});

describe('odd data', () => {
  test.each([
    undefined,
    0,
    'LOW',
    [],
    {},
    { state: 'low' },
    { state: 'EXPLODED' },
    { state: ['LOW'] },
    { error: 'Not found' },
  ])('%j shows nothing, also after a warning', async (budget) => {
    const { give, notice } = await open();
    await give(low);
    await give(budget);
    expect((await notice.boundingBox())?.height ?? 0).toBe(0);
    expect(await notice.evaluate((element) => element.shadowRoot?.textContent)).toBe('');
  });

  test.each([
    { state: 'LOW' },
    { state: 'LOW', text: {}, url: [], contracts: 'many' },
    { state: 'LOW', contracts: [null, 7, 'x', [], { consumedFraction: 'half', consumedVolume: -1, fundedVolume: {} }] },
    {
      state: 'LOW',
      contracts: [
        { consumedFraction: -3, unit: 'constructor' },
        { consumedFraction: 1e308, title: 5 },
      ],
    },
  ])('%j shows the warning and leaves out the rest', async (budget) => {
    const { give, notice, part } = await open();
    await give(budget);
    expect(await part('title').innerText()).toBe('Funding is running low');
    expect(await notice.evaluate((element) => element.shadowRoot?.textContent)).not.toMatch(
      /NaN|undefined|null|\[object|-3/,
    );
  });

  test.each([null, 7, 'Hello', { lowTitle: null, hours: 7, topUp: {} }])(
    'labels that are %j do no harm',
    async (odd) => {
      const { give, notice, part } = await open();
      await give(low);
      await notice.evaluate((element, labels) => {
        (element as OpenTrainBudgetNotice).labels = labels as object;
      }, odd);
      expect(await part('title').innerText()).toBe('Funding is running low');
      expect(await part('link').innerText()).toContain('Top up on OpenTrain');
    },
  );
});

describe('the ways in', () => {
  const child = (json: string) =>
    `<opentrain-budget-notice>You need scripts. <script type="application/json">${json}</script></opentrain-budget-notice>`;

  test('a JSON script inside is shown, and whatever else is inside is not', async () => {
    const { page, part } = await open({ body: child(JSON.stringify(low)) });
    expect(await part('title').innerText()).toBe('Funding is running low');
    expect(await page.locator('body').innerText()).not.toContain('You need scripts');
  });

  test('a change of the JSON is seen', async () => {
    const { notice, part } = await open({ body: child(JSON.stringify(low)) });
    const write = (json: string) =>
      notice.locator('script').evaluate((script, text) => {
        if (script.firstChild) script.firstChild.nodeValue = text;
      }, json);
    await write('null');
    expect(await part('title').count()).toBe(0);
    await write('{"state":"DEPLETED"}');
    expect(await part('title').innerText()).toContain('exhausted');
  });

  test('JSON that is none shows nothing', async () => {
    const { part } = await open({ body: child('{"state":"LOW"') });
    expect(await part('title').count()).toBe(0);
  });

  test('data that was given before the module had loaded is not lost', async () => {
    const { page, part } = await open({ body: '' });
    await page.evaluate((budget) => {
      // An element of a document without scripts is not upgraded yet, as one that the parser made before the module ran.
      const early = document.implementation.createHTMLDocument().createElement('opentrain-budget-notice');
      Object.assign(early, { budget, labels: { lowTitle: 'Early words' } });
      document.body.append(early);
    }, low);
    expect(await part('title').innerText()).toBe('Early words');
  });

  test('a notice that is moved keeps what it shows', async () => {
    const { notice, part } = await open({ body: '<opentrain-budget-notice></opentrain-budget-notice><main></main>' });
    await notice.evaluate((element, budget) => {
      (element as OpenTrainBudgetNotice).budget = budget;
      document.querySelector('main')?.append(element);
    }, low);
    expect(await part('title').innerText()).toBe('Funding is running low');
  });
});

import { describe, expect, test } from 'vitest';
import type { OpenTrainBudgetNotice } from '../../embed/opentrain-budget-notice.js';
import { depleted, low, newBudget, newContract } from './budgets.ts';
import type { NoticePage } from './notice-page.ts';
import { setUpNoticePages } from './set-up.ts';

const open = setUpNoticePages();

describe('what a screen reader gets', () => {
  test('LOW is a status, with the bar and the link by their names', async () => {
    const { page, give } = await open();
    await give(low);
    expect(await page.locator('body').ariaSnapshot()).toBe(
      [
        '- status:',
        '  - strong: Funding is running low',
        '  - paragraph: 85% of the funded work is used.',
        '- alert',
        '- list:',
        '  - listitem:',
        '    - text: Street sign annotator 34 of 40 hours · 85%',
        '    - progressbar "Street sign annotator"',
        '- link "Top up on OpenTrain (opens in a new tab)":',
        '  - /url: https://app.opentrain.example/top-up/1',
      ].join('\n'),
    );
    expect(await page.getByRole('progressbar').evaluate((bar) => (bar as HTMLProgressElement).position)).toBe(0.85);
  });

  test('DEPLETED is an alert', async () => {
    const { page, give } = await open();
    await give(depleted);
    expect(await page.getByRole('alert').innerText()).toBe('Funded work is exhausted until re-funded');
    expect(await page.getByRole('status').innerText()).toBe('');
  });

  test('both live regions are there before there is anything to say', async () => {
    const { page } = await open();
    expect(await page.getByRole('status').count()).toBe(1);
    expect(await page.getByRole('alert').count()).toBe(1);
  });
});

describe('announcements', () => {
  /** Counts from now on what changes in the live regions, which is what is read out. */
  async function listen({ notice }: NoticePage): Promise<() => Promise<number>> {
    const changes = await notice.evaluateHandle((element) => {
      const seen: MutationRecord[] = [];
      const observer = new MutationObserver((records) => seen.push(...records));
      for (const region of element.shadowRoot?.querySelectorAll('[role=status], [role=alert]') ?? [])
        observer.observe(region, { childList: true, characterData: true, subtree: true, attributes: true });
      return seen;
    });
    return () => changes.evaluate((seen) => seen.length);
  }

  test('the same data again is not read out again', async () => {
    const opened = await open();
    await opened.give(low);
    const changes = await listen(opened);
    await opened.give(structuredClone(low));
    await opened.give({ ...low, updatedAt: '2026-10-01T13:00:00Z' });
    expect(await changes()).toBe(0);
  });

  test('numbers that the words do not name move the bar only', async () => {
    const opened = await open();
    const withHours = (consumedVolume: number) => newBudget({ contracts: [newContract({ consumedVolume })] });
    await opened.give(withHours(34));
    const changes = await listen(opened);
    await opened.give(withHours(34.3));
    expect(await opened.part('numbers').innerText()).toContain('34.3 of 40 hours');
    expect(await changes()).toBe(0);
  });

  test('what is new is read out: other words, and the step to DEPLETED', async () => {
    const opened = await open();
    await opened.give(low);
    const changes = await listen(opened);
    await opened.give({ ...low, text: 'Two hours are left.' });
    const afterWords = await changes();
    expect(afterWords).toBeGreaterThan(0);
    await opened.give(depleted);
    expect(await changes()).toBeGreaterThan(afterWords);
  });
});

describe('with the keyboard', () => {
  test('the link is reached by Tab, visibly', async () => {
    const { page, give, part } = await open();
    await give(low);
    await page.keyboard.press('Tab');
    const link = part('link');
    expect(await link.evaluate((element) => element.matches(':focus-visible'))).toBe(true);
    expect(await link.evaluate((element) => getComputedStyle(element).outlineWidth)).toBe('2px');
    const box = await link.boundingBox();
    expect(box?.height, 'WCAG 2.2, target size').toBeGreaterThanOrEqual(24);
  });

  test('focus stays on the link when the data changes', async () => {
    const { page, give, part } = await open();
    await give(low);
    await page.keyboard.press('Tab');
    await give(depleted);
    expect(await part('link').evaluate((element) => element.matches(':focus'))).toBe(true);
  });

  test('it opens a new tab that cannot reach back', async () => {
    const { page, context, platform, give } = await open();
    await give({ ...low, url: `${platform.url}/?topped-up` });
    await page.keyboard.press('Tab');
    const [tab] = await Promise.all([context.waitForEvent('page'), page.keyboard.press('Enter')]);
    await tab.waitForLoadState();
    expect(tab.url()).toBe(`${platform.url}/?topped-up`);
    expect(await tab.evaluate(() => window.opener)).toBeNull();
  });
});

describe('in another language', () => {
  const german = {
    lowTitle: 'Das Budget wird knapp',
    lowText: '{share} der bezahlten Arbeit sind getan.',
    hours: '{used} von {funded} Stunden',
    topUp: 'Bei OpenTrain aufladen',
  };
  const contracts = [newContract({ consumedVolume: 1034.5, fundedVolume: 1200 })];

  test.each(['property', 'attribute'])('the words come by %s, the numbers by the language around', async (by) => {
    const body = '<div lang="de"><opentrain-budget-notice></opentrain-budget-notice></div>';
    const { notice, give, part } = await open({ body });
    await give(newBudget({ contracts }));
    await notice.evaluate(
      (element, [labels, way]) => {
        if (way === 'property') (element as OpenTrainBudgetNotice).labels = labels;
        else element.setAttribute('labels', JSON.stringify(labels));
      },
      [german, by] as const,
    );
    expect(await part('title').innerText()).toBe('Das Budget wird knapp');
    expect(await part('text').innerText()).toBe('85\u00a0% der bezahlten Arbeit sind getan.');
    expect(await part('numbers').innerText()).toBe('1.034,5 von 1.200 Stunden · 85\u00a0%');
    expect(await part('link').innerText()).toContain('Bei OpenTrain aufladen');
  });

  test('a language that does not exist is no reason to fail', async () => {
    const body = '<div lang="en_US?!"><opentrain-budget-notice></opentrain-budget-notice></div>';
    const { give, part } = await open({ body });
    await give(low);
    expect(await part('text').innerText()).toContain('85');
  });
});

test('budget-state-change is dispatched once a change, and bubbles', async () => {
  const { page, give } = await open();
  const heard = await page.evaluateHandle(() => {
    const details: unknown[] = [];
    document.addEventListener('budget-state-change', (event) => details.push((event as CustomEvent).detail));
    return details;
  });
  for (const budget of [null, low, { ...low, text: 'Other words.' }, depleted, newBudget({ state: 'OK' }), null])
    await give(budget);
  expect(await heard.jsonValue()).toEqual([
    { state: 'LOW', previousState: 'OK' },
    { state: 'DEPLETED', previousState: 'LOW' },
    { state: 'OK', previousState: 'DEPLETED' },
  ]);
});

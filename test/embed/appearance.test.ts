import { describe, expect, test } from 'vitest';
import { depleted, low, newBudget, newContract, severalContracts } from './budgets.ts';
import { AA, contrastOf, photograph } from './colours.ts';
import { setUpNoticePages } from './set-up.ts';

const open = setUpNoticePages();

describe('with nothing to say', () => {
  test.each([
    ['no data', undefined],
    ['null', null],
    ['OK', newBudget({ state: 'OK' })],
  ])('%s takes no space, and no gap among its neighbours', async (_, budget) => {
    const { page, give, notice } = await open({
      body: `<main class="stack"><p>Above</p><opentrain-budget-notice></opentrain-budget-notice><p>Below</p></main>`,
    });
    await page.locator('main').evaluate((main) => {
      main.style.display = 'grid';
      main.style.gap = '40px';
    });
    const height = async () => (await page.locator('main').boundingBox())?.height;
    await notice.evaluate((element) => element.remove());
    const without = await height();
    await page
      .locator('p')
      .first()
      .evaluate((above) => above.after(document.createElement('opentrain-budget-notice')));
    await give(budget);
    expect(await height()).toBe(without);
    await give(low);
    expect(await height()).toBeGreaterThan((without ?? 0) + 40);
    await give(budget);
    expect(await height()).toBe(without);
  });
});

describe.each(['light', 'dark'] as const)('in %s', (colorScheme) => {
  test.each([
    ['low', low],
    ['depleted', depleted],
    ['several-contracts', severalContracts],
  ])('%s is readable by its real pixels', async (name, budget) => {
    const { give, notice, part } = await open({ colorScheme });
    await give(budget);
    const picture = await photograph(notice, `notice-${name}-${colorScheme}`);
    expect(picture.contrast).toBeGreaterThanOrEqual(AA.text);
    const isLight = contrastOf(picture.ground, [0, 0, 0]) > contrastOf(picture.ground, [255, 255, 255]);
    expect(isLight).toBe(colorScheme === 'light');

    const bar = await photograph(part('bar').first(), `bar-${name}-${colorScheme}`);
    expect(bar.contrast, 'the used part of the bar against the rest').toBeGreaterThanOrEqual(
      budget === low ? AA.graphic : 1,
    );
  });
});

test('LOW and DEPLETED differ by more than their colour: words and the shape of the icon', async () => {
  const { give, notice, part } = await open();
  await give(low);
  const first = [await part('title').innerText(), await notice.locator('path').getAttribute('d')];
  await give(depleted);
  const second = [await part('title').innerText(), await notice.locator('path').getAttribute('d')];
  expect(first[0]).toBe('Funding is running low');
  expect(second[0]).toBe('Funded work is exhausted until re-funded');
  expect(first[1]).not.toBe(second[1]);
});

describe('what is said', () => {
  test('LOW tells the share, the volume and where to top up', async () => {
    const { give, part } = await open();
    await give(low);
    expect(await part('text').innerText()).toBe('85% of the funded work is used.');
    expect(await part('contract').innerText()).toMatch(/Street sign annotator\s+34 of 40 hours · 85%/);
    expect(await part('link').innerText()).toContain('Top up on OpenTrain');
  });

  test('the text of the connector comes before our own', async () => {
    const { give, part } = await open();
    await give(newBudget({ text: 'Six hours are left.' }));
    expect(await part('text').innerText()).toBe('Six hours are left.');
  });

  test('several contracts are told apart, the worst first', async () => {
    const { give, part } = await open();
    await give(severalContracts);
    const titles = await part('contract-title').allInnerTexts();
    expect(titles).toEqual(['Street sign annotator', 'Lane marker', 'Lidar reviewer']);
    expect(await part('numbers').allInnerTexts()).toEqual([
      '41.6 of 40 hours · 104%',
      '34 of 40 labels · 91%',
      '34 of 40 hours · 20%',
    ]);
  });

  test('of many contracts five are shown, and how many more there are', async () => {
    const { give, part } = await open();
    await give(newBudget({ contracts: Array.from({ length: 42 }, () => newContract()) }));
    expect(await part('contract').count()).toBe(6);
    expect(await part('contract').last().innerText()).toBe('and 37 more');
  });

  test.each([
    [0.8, '80%'],
    [0.29, '29%'],
    [0.996, '99%'],
    [1, '100%'],
  ])('%d of the funds is %s: never rounded up to all of them', async (consumedFraction, shown) => {
    const { give, part } = await open();
    await give(newBudget({ contracts: [newContract({ consumedFraction })] }));
    expect(await part('text').innerText()).toBe(`${shown} of the funded work is used.`);
  });

  test('what is not known is left out', async () => {
    const { give, part } = await open();
    const unknown = { title: null, consumedFraction: null, fundedVolume: null, consumedVolume: null, unit: null };
    await give(newBudget({ url: null, contracts: [newContract(unknown)] }));
    for (const name of ['text', 'numbers', 'bar', 'link']) expect(await part(name).count(), name).toBe(0);
    expect(await part('contract-title').innerText()).toBe('Contract c-1');
  });
});

describe('where there is little room, or another direction of writing', () => {
  test('on a narrow screen nothing sticks out, however long the words are', async () => {
    const { page, give, notice } = await open({ viewport: { width: 320, height: 640 } });
    await give({ ...severalContracts, text: `${severalContracts.text} ${'https://'.padEnd(120, 'x')}` });
    await photograph(notice, 'notice-narrow');
    expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBe(320);
  });

  test('from right to left the icon, the bar and the link change sides', async () => {
    const { page, give, notice, part } = await open({
      body: '<div dir="rtl"><opentrain-budget-notice></opentrain-budget-notice></div>',
    });
    await give(low);
    const left = async (name: string) => (await part(name).boundingBox())?.x ?? 0;
    expect(await left('icon')).toBeGreaterThan(await left('title'));
    expect(await left('link')).toBeLessThan(await left('text'));
    await photograph(notice, 'notice-rtl');

    await page.locator('[dir=rtl]').evaluate((element) => element.removeAttribute('dir'));
    expect(await left('icon')).toBeLessThan(await left('title'));
    expect(await left('link')).toBeGreaterThan(await left('text'));
  });

  test('with forced colours the bar still shows how much is used', async () => {
    const { give, part } = await open({ forcedColors: 'active' });
    await give(low);
    expect((await photograph(part('bar'), 'bar-forced-colours')).contrast).toBeGreaterThanOrEqual(AA.graphic);
  });

  test('nothing moves', async () => {
    const { give, notice } = await open();
    await give(low);
    expect(await notice.evaluate((element) => element.getAnimations({ subtree: true }).length)).toBe(0);
  });
});

describe('a theme', () => {
  test('custom properties change colours and corners, parts whatever else', async () => {
    const { page, give, notice, part } = await open();
    await page.evaluate(() => {
      const theme = new CSSStyleSheet();
      theme.replaceSync(`opentrain-budget-notice { --opentrain-low-background: rgb(1, 2, 3); --opentrain-notice-radius: 0 }
        opentrain-budget-notice::part(link) { text-transform: uppercase }
        opentrain-budget-notice::part(depleted) { opacity: 0.5 }`);
      document.adoptedStyleSheets = [theme];
    });
    await give(low);
    const style = (name: string) =>
      part(name).evaluate((element) => {
        const { backgroundColor, borderRadius, textTransform, opacity } = getComputedStyle(element);
        return { backgroundColor, borderRadius, textTransform, opacity };
      });
    expect(await style('notice')).toMatchObject({ backgroundColor: 'rgb(1, 2, 3)', borderRadius: '0px', opacity: '1' });
    expect(await style('link')).toMatchObject({ textTransform: 'uppercase' });
    expect((await photograph(notice, 'notice-themed')).ground).toEqual([1, 2, 3]);
    await give(depleted);
    expect(await style('notice')).toMatchObject({ opacity: '0.5' });
  });

  test('a page that is only light keeps it light, whatever the system prefers', async () => {
    const { page, give, notice } = await open({ colorScheme: 'dark' });
    await page.evaluate(() => {
      document.documentElement.style.colorScheme = 'light';
    });
    await give(low);
    expect((await photograph(notice, 'notice-light-page')).ground).toEqual([255, 245, 220]);
  });
});

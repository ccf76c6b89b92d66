import { describe, expect, test } from 'vitest';
import { depleted, low, newBudget } from './budgets.ts';
import type { NoticePage } from './notice-page.ts';
import { json, silence, status } from './platform.ts';
import { setUpNoticePages } from './set-up.ts';

const openPage = setUpNoticePages();
let opened: NoticePage;

/** A page whose clock only moves by `pass`, with a notice whose `src` is answered LOW. */
async function open(attributes = ''): Promise<NoticePage> {
  opened = await openPage({ clockStands: true });
  opened.platform.answer = json(low);
  await opened.notice.evaluate((element, html) => {
    for (const [, name = '', value = ''] of html.matchAll(/(\w+)="([^"]*)"/g)) element.setAttribute(name, value);
  }, `${attributes} src="/budget"`);
  await expect.poll(() => opened.platform.asked).toBe(1);
  // Only with the answer does the wait for the next request begin.
  await title().waitFor();
  return opened;
}

const title = () => opened.part('title');

/** @returns after which of the given waits, in seconds and one after the other, the platform was asked */
async function askedAfter(...waits: number[]): Promise<boolean[]> {
  const asked: boolean[] = [];
  for (const seconds of waits) {
    await settle();
    const before = opened.platform.asked;
    await opened.page.clock.runFor(seconds * 1000);
    await settle();
    asked.push(opened.platform.asked > before);
  }
  return asked;
}

/** Real time for requests that are on their way: the page's own clock stands. */
async function settle(): Promise<void> {
  await new Promise((resolve) => setTimeout(resolve, 100));
}

describe('src', () => {
  test('is asked at once, then every five minutes', async () => {
    await open();
    await title().waitFor();
    expect(await askedAfter(299, 1, 299, 1)).toEqual([false, true, false, true]);
  });

  test('is asked as often as refresh says, but not more often than every 30 seconds', async () => {
    await open('refresh="60"');
    expect(await askedAfter(59, 1)).toEqual([false, true]);
    await opened.notice.evaluate((element) => element.setAttribute('refresh', '1'));
    expect(await askedAfter(29, 1)).toEqual([false, true]);
  });

  test.each(['often', '-5', '', '1e12', 'Infinity'])('refresh="%s" is never a loop', async (refresh) => {
    await open(`refresh="${refresh}"`);
    expect(await askedAfter(29)).toEqual([false]);
  });

  test('is asked with the cookies of the page, for JSON', async () => {
    await open();
    const { context, platform } = opened;
    await context.addCookies([{ name: 'session', value: 'abc', url: platform.url }]);
    const heard = new Promise((resolve) => {
      platform.answer = ({ headers }, response) => {
        resolve([headers.cookie, headers.accept]);
        response.end('null');
      };
    });
    await askedAfter(300);
    expect(await heard).toEqual(['session=abc', 'application/json']);
  });

  test('funding takes the notice away: null, OK and 204 alike', async () => {
    await open('refresh="30"');
    const { platform } = opened;
    for (const funded of [json(null), json(newBudget({ state: 'OK' })), status(204)]) {
      platform.answer = json(low);
      await askedAfter(30);
      expect(await title().count()).toBe(1);
      platform.answer = funded;
      await askedAfter(30);
      expect(await title().count()).toBe(0);
    }
  });
});

describe('when the platform does not answer well', () => {
  test.each([
    ['500', status(500)],
    ['404', status(404)],
    ['a page for signing in', status(200)],
    ['a broken connection', (request: { destroy(): void }) => request.destroy()],
  ])('%s: what is shown stays, and it is asked ever more seldom, until it is well again', async (_, trouble) => {
    await open('refresh="60"');
    const { platform } = opened;
    await title().waitFor();
    platform.answer = trouble;
    expect(await askedAfter(60, 60, 60, 120, 120)).toEqual([true, false, true, false, true]);
    expect(await title().innerText()).toBe('Funding is running low');
    platform.answer = json(depleted);
    expect(await askedAfter(240, 240)).toEqual([false, true]);
    expect(await title().innerText()).toContain('exhausted');
    expect(await askedAfter(60)).toEqual([true]);
  });

  test('an hour is the longest that it waits', async () => {
    await open();
    opened.platform.answer = status(503);
    await askedAfter(300, 600, 1200, 2400);
    expect(await askedAfter(3599, 1, 3599, 1)).toEqual([false, true, false, true]);
  });

  test('silence is given up after 30 seconds', async () => {
    await open('refresh="30"');
    opened.platform.answer = silence;
    await askedAfter(30);
    await opened.page.clock.runFor(30_000);
    opened.platform.answer = json(depleted);
    expect(await askedAfter(59, 1)).toEqual([false, true]);
    expect(await title().innerText()).toContain('exhausted');
  });
});

describe('out of the document', () => {
  test('the request is cut off and no other made; back in it, it is asked at once', async () => {
    await open('refresh="30"');
    const { page, platform } = opened;
    let isCutOff = false;
    platform.answer = (_, response) => {
      response.on('close', () => {
        isCutOff = true;
      });
    };
    await page.clock.runFor(30_000);
    await expect.poll(() => platform.asked).toBe(2);
    const kept = await opened.notice.evaluateHandle((element) => {
      element.remove();
      return element;
    });
    await expect.poll(() => isCutOff).toBe(true);
    expect(await askedAfter(3600)).toEqual([false]);

    platform.answer = json(depleted);
    await kept.evaluate((element) => document.body.append(element));
    await expect.poll(() => platform.asked).toBe(3);
    await expect.poll(() => title().innerText()).toContain('exhausted');
  });

  test('an answer for another project that comes too late is not shown', async () => {
    await open();
    await title().waitFor();
    const { platform, notice } = opened;
    const late: (() => void)[] = [];
    platform.answer = (request, response) => {
      if (request.url?.endsWith('first')) late.push(() => json(depleted)(request, response));
      else json(null)(request, response);
    };
    await notice.evaluate((element) => element.setAttribute('src', '/budget?first'));
    await expect.poll(() => late.length).toBe(1);
    await notice.evaluate((element) => element.setAttribute('src', '/budget?second'));
    await expect.poll(() => title().count()).toBe(0);
    for (const answer of late) answer();
    await settle();
    expect(await title().count()).toBe(0);
  });
});

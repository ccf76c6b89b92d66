import type { Browser } from 'playwright-core';
import { afterAll, afterEach, beforeAll, expect } from 'vitest';
import { launchChromium } from './chromium.ts';
import { type NoticePage, type NoticePageOptions, openNoticePage } from './notice-page.ts';

/** Starts one Chromium for all tests of a file. @returns what gives it to a test */
export function setUpChromium(): () => Browser {
  let browser: Browser;
  beforeAll(async () => {
    browser = await launchChromium();
  });
  afterAll(() => browser.close());
  return () => browser;
}

/** The same, with pages for the tests: each is closed after its test, and must have had no error. @returns what opens one */
export function setUpNoticePages(): (options?: NoticePageOptions) => Promise<NoticePage> {
  const browser = setUpChromium();
  let opened: NoticePage | undefined;
  afterEach(async () => {
    const { errors = [] } = opened ?? {};
    await opened?.close();
    opened = undefined;
    expect(errors, 'of the page and of its strict policy').toEqual([]);
  });
  return async (options) => {
    opened = await openNoticePage(browser(), options);
    return opened;
  };
}

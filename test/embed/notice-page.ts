import type { Browser, BrowserContext, BrowserContextOptions, Locator, Page } from 'playwright-core';
import type { OpenTrainBudgetNotice } from '../../embed/opentrain-budget-notice.js';
import type { ProjectBudget } from '../../shared/budget/project-budget.ts';
import { type Platform, startPlatform } from './platform.ts';

export interface NoticePageOptions extends BrowserContextOptions {
  /** The body of the page. @default one notice without data */
  readonly body?: string;
  /** Whether the page's clock stands still until a test moves it. @default false */
  readonly clockStands?: boolean;
}

/** A platform's page with the component in it, open in the browser. */
export interface NoticePage {
  readonly page: Page;
  readonly context: BrowserContext;
  readonly platform: Platform;
  readonly notice: Locator;
  /** Errors of the page and breaches of its policy: there must be none. */
  readonly errors: string[];
  /** Gives the notice its data by property, be it as odd as it likes. */
  give(budget: unknown): Promise<void>;
  part(name: string): Locator;
  close(): Promise<void>;
}

export async function openNoticePage(browser: Browser, options: NoticePageOptions = {}): Promise<NoticePage> {
  const { body, clockStands = false, ...contextOptions } = options;
  const platform = await startPlatform();
  if (body !== undefined) platform.body = body;
  const context = await browser.newContext({ viewport: { width: 720, height: 480 }, ...contextOptions });
  const page = await context.newPage();
  const errors: string[] = [];
  page.on('pageerror', (error) => errors.push(error.message));
  page.on('console', (line) => {
    // A request that the test lets fail is not the page's mistake.
    if (line.type() === 'error' && !line.text().startsWith('Failed to load resource')) errors.push(line.text());
  });
  if (clockStands) {
    await page.clock.install({ time: '2026-10-01T12:00:00Z' });
    await page.clock.pauseAt('2026-10-01T12:00:01Z');
  }
  await page.goto(platform.url);
  const notice = page.locator('opentrain-budget-notice').first();
  return {
    page,
    context,
    platform,
    notice,
    errors,
    give: (budget) =>
      notice.evaluate((element, data) => {
        (element as OpenTrainBudgetNotice).budget = data as ProjectBudget;
      }, budget),
    part: (name) => notice.locator(`[part~="${name}"]`),
    async close() {
      await context.close();
      await platform.close();
    },
  };
}

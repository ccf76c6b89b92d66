import type { Locator, Page } from 'playwright-core';
import { afterEach, beforeEach, describe, expect, onTestFinished, test } from 'vitest';
import { startSystem } from '../../local/system.ts';
import { type DemoWorkspace, startDemoWorkspace } from '../../local/workspace/demo-workspace.ts';
import type { ConnectionId } from '../../shared/ids.ts';
import { silentLogger } from '../../shared/logging.ts';
import { AA, photograph, type Rgb } from './colours.ts';
import { setUpChromium } from './set-up.ts';

const browser = setUpChromium();
let demo: DemoWorkspace;
let page: Page;
let errors: string[];

beforeEach(async () => {
  demo = await startDemoWorkspace();
  demo.addProject('signs', 'Street signs');
  demo.addMemberByHand('signs', { workEmail: 'maria@opentrain.work', displayName: 'Maria S.' });
  demo.addProject('faces', 'Faces');
  await open();
});
afterEach(async () => {
  await page.context().close();
  await demo.close();
  expect(errors, 'of the page and of its policy').toEqual([]);
});

async function open({ url = demo.url, ...options }: OpenOptions = {}) {
  await page?.context().close();
  const context = await browser().newContext({ viewport: { width: 1100, height: 800 }, ...options });
  page = await context.newPage();
  errors = [];
  page.on('pageerror', (error) => errors.push(error.message));
  page.on('console', (line) => line.type() === 'error' && errors.push(line.text()));
  await page.goto(url);
}

interface OpenOptions {
  /** @default the demo workspace's that the test began with */
  readonly url?: string;
  readonly colorScheme?: 'dark';
  readonly javaScriptEnabled?: boolean;
}

const url = 'https://app.opentrain.example/top-up/1';
const low = { state: 'LOW', text: '85 % of the funded hours of “Sign annotator” are used: 34 of 40.', url };
const depleted = { state: 'DEPLETED', text: 'All 40 funded hours of “Sign annotator” are used.', url };

async function putNotice(notice: object): Promise<void> {
  const headers = { authorization: `Bearer ${demo.token}`, 'content-type': 'application/json' };
  const request = { method: 'PUT', headers, body: JSON.stringify(notice) };
  expect((await fetch(`${demo.url}/projects/signs/notice`, request)).status).toBe(204);
}

async function deleteNotice(): Promise<void> {
  const headers = { authorization: `Bearer ${demo.token}` };
  expect((await fetch(`${demo.url}/projects/signs/notice`, { method: 'DELETE', headers })).status).toBe(204);
}

const card = (): Locator => page.locator('.card', { hasText: 'Street signs' }).first();
const notice = (): Locator => card().locator('[part~=notice]');

/** The grounds of the two notices, in light and in dark. */
const LOW: Rgb[] = [
  [255, 245, 220],
  [51, 42, 18],
];
const DEPLETED: Rgb[] = [
  [253, 234, 234],
  [58, 29, 32],
];

describe.each([
  ['light', 0],
  ['dark', 1],
] as const)('in %s', (scheme, which) => {
  test('LOW appears, becomes DEPLETED, and is gone after funding', async () => {
    if (scheme === 'dark') await open({ colorScheme: 'dark' });
    const before = await card().boundingBox();

    await putNotice(low);
    await notice().getByText('Funding is running low').waitFor();
    const lowPicture = await photograph(notice(), `demo-low-${scheme}`);
    expect(lowPicture.ground).toEqual(LOW[which]);
    expect(lowPicture.contrast).toBeGreaterThanOrEqual(AA.text);
    expect(await notice().innerText()).toContain('34 of 40');
    expect(await notice().getByRole('link').getAttribute('href')).toBe(url);

    await putNotice(depleted);
    await notice().getByText('exhausted until re-funded').waitFor();
    const depletedPicture = await photograph(notice(), `demo-depleted-${scheme}`);
    expect(depletedPicture.ground).toEqual(DEPLETED[which]);
    expect(depletedPicture.contrast).toBeGreaterThanOrEqual(AA.text);
    await photograph(page.locator('body'), `demo-page-${scheme}`);

    await deleteNotice();
    await notice().waitFor({ state: 'detached' });
    expect(await card().boundingBox(), 'as it was before').toEqual(before);
    const after = await photograph(card(), `demo-funded-${scheme}`);
    for (const ground of [...LOW, ...DEPLETED]) expect(after.has(ground)).toBe(false);
  });
});

test('with the whole system behind it: work shows LOW, more work DEPLETED, and funding takes the notice away', async () => {
  const system = await startSystem({ logger: silentLogger });
  onTestFinished(() => system.close());
  const { opentrain, workspace, connector } = system;
  const { installId, token, organizationId } = opentrain.consent();
  await connector.connect('acme' as ConnectionId, token);
  const { id: jobId } = opentrain.postJob({ organizationId, title: 'Sign annotator' });
  opentrain.linkProject(installId, { jobId, externalProjectId: 'Street signs' });
  const contract = opentrain.hire({ jobId, trainer: 'Maria Silva' });
  opentrain.fundMilestone(contract.id, { volume: 10 });
  await system.idle();
  await open({ url: workspace.url });
  expect(await notice().count()).toBe(0);

  // As a visitor does it.
  await card().getByLabel('Hours that Maria S. works').fill('8.5');
  await card().getByRole('button', { name: 'Work' }).click();
  await page.getByText('Maria S. worked 8.5 h').waitFor();
  await connector.reportUsage();
  await notice().getByText('Funding is running low').waitFor();
  expect(await notice().innerText()).toContain('8.5 of 10 h');
  expect(await notice().getByRole('link').getAttribute('href')).toBe(`${opentrain.url}/`);
  const low = await photograph(notice(), 'system-low');
  expect(low.ground).toEqual(LOW[0]);
  expect(low.contrast).toBeGreaterThanOrEqual(AA.text);
  await photograph(page.locator('body'), 'system-low-page');

  const sitting = { trainer: contract.trainer?.opentrainUserId ?? '', project: 'Street signs', seconds: 2 * 3600 };
  workspace.recordWork({ ...sitting, at: opentrain.clock.now() });
  await opentrain.advance(2 * 3_600_000);
  await connector.reportUsage();
  await notice().getByText('exhausted until re-funded').waitFor();
  expect(await notice().innerText()).toContain('10.5 of 10 h');
  const depleted = await photograph(notice(), 'system-depleted');
  expect(depleted.ground).toEqual(DEPLETED[0]);
  expect(depleted.contrast).toBeGreaterThanOrEqual(AA.text);
  await photograph(page.locator('body'), 'system-depleted-page');

  opentrain.fundMilestone(contract.id, { volume: 20 });
  await system.idle();
  await notice().waitFor({ state: 'detached' });
  const funded = await photograph(card(), 'system-funded');
  for (const ground of [...LOW, ...DEPLETED]) expect(funded.has(ground)).toBe(false);
});

test('the notice lies within its project’s card, between the heading and the members, and in no other card', async () => {
  await putNotice(low);
  await notice().waitFor();
  const box = async (shown: Locator) => (await shown.boundingBox()) ?? { x: 0, y: 0, width: 0, height: 0 };
  const [outer, inner, heading, table] = await Promise.all(
    [card(), notice(), card().locator('h2'), card().locator('table')].map(box),
  );
  expect(inner?.x).toBeGreaterThan(outer?.x ?? 0);
  expect((inner?.x ?? 0) + (inner?.width ?? 0)).toBeLessThan((outer?.x ?? 0) + (outer?.width ?? 0));
  expect(inner?.y).toBeGreaterThanOrEqual((heading?.y ?? 0) + (heading?.height ?? 0));
  expect((inner?.y ?? 0) + (inner?.height ?? 0)).toBeLessThanOrEqual(table?.y ?? 0);
  expect(await page.locator('[part~=notice]').count()).toBe(1);
});

test('while the page refreshes itself the notice is not read out again and keeps the focus', async () => {
  await putNotice(low);
  await notice().waitFor();
  const region = await card().getByRole('status').elementHandle();
  const link = notice().getByRole('link');
  await link.focus();
  demo.addMemberByHand('signs', { workEmail: 'jonas@opentrain.work', displayName: 'Jonas K.' });
  await card().getByText('Jonas K.').waitFor();
  expect(await region?.evaluate((element) => element.isConnected)).toBe(true);
  expect(await link.evaluate((element) => element.matches(':focus'))).toBe(true);
});

test('a hostile notice stays text', async () => {
  const attack = `</script><img src=x onerror="document.title='taken'">`;
  await putNotice({ state: 'LOW', text: attack, url: 'javascript:alert(1)' });
  await notice().waitFor();
  expect(await notice().innerText()).toContain(attack);
  expect(await notice().getByRole('link').count()).toBe(0);
  expect(await page.title()).toBe('Demo workspace');
});

test('without scripts the notice is there too', async () => {
  await putNotice(low);
  await open({ javaScriptEnabled: false });
  expect(await card().innerText()).toContain('34 of 40');
  expect(await card().getByRole('link').getAttribute('href')).toBe(url);
});

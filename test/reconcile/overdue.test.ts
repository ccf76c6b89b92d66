import { afterAll, beforeAll, expect, test } from 'vitest';
import { NeedsPersonError } from '../../shared/workspace/errors.ts';
import { type ReconcileFaults, runReconcile } from '../support/reconcile.ts';
import { type Story, startStory } from '../support/story.ts';

const HOUR = 3600_000;

let story: Story;

beforeAll(async () => {
  story = await startStory();
});
afterAll(() => story.close());

const refuse = async (): Promise<never> => {
  throw new NeedsPersonError('Somebody must help.', { steps: ['Help.'] });
};
const stuck: ReconcileFaults = { workspace: { ensureAccess: refuse, revokeAccess: refuse } };

/** `overdue` of the line that a run ends with. */
async function overdueIn(...args: Parameters<typeof runReconcile>): Promise<unknown> {
  const { lines } = await runReconcile(...args);
  return lines.find(({ event }) => event === 'reconcile.connection-done')?.overdue;
}

test('who cannot be let in without a person is overdue after a day, however often it is tried, until they helped', async () => {
  const { customer, project, workEmail } = await story.newHire();
  expect(await overdueIn(story, customer.id, stuck)).toBe(0);
  await story.opentrain.clock.advance(23 * HOUR);
  expect(await overdueIn(story, customer.id, stuck)).toBe(0);
  await story.opentrain.clock.advance(2 * HOUR);
  expect(await overdueIn(story, customer.id, stuck)).toBe(1);
  expect(await overdueIn(story, customer.id, stuck)).toBe(1);

  expect(await overdueIn(story, customer.id)).toBe(0);
  expect(story.membersOf(project)).toEqual([workEmail]);
});

test('who cannot be taken out without a person is overdue a day after the end, and no longer once they are out', async () => {
  const { customer, contract, project } = await story.newHire();
  await runReconcile(story, customer.id);
  await story.opentrain.clock.advance(48 * HOUR);
  story.opentrain.endContract(contract.id);
  expect(await overdueIn(story, customer.id, stuck)).toBe(0);
  await story.opentrain.clock.advance(25 * HOUR);
  expect(await overdueIn(story, customer.id, stuck)).toBe(1);

  expect(await overdueIn(story, customer.id)).toBe(0);
  expect(story.membersOf(project)).toEqual([]);
});

test('who was taken out by hand and cannot be let in again without a person is told once, and then waits like a newcomer', async () => {
  const { customer, contract, link, project, trainer, workEmail } = await story.newHire();
  await runReconcile(story, customer.id);
  story.workspace.removeMemberByHand(project, trainer.opentrainUserId);
  const first = await runReconcile(story, customer.id, stuck);
  expect(first).toMatchObject({ kind: 'done', waiting: 1, failed: 0 });
  expect(first.events.filter((event) => event === 'reconcile.needs-person')).toHaveLength(1);
  const parked = await customer.grant(contract, link);
  expect(parked).toMatchObject({ state: 'parked', reason: 'action_required', steps: ['Help.'], workEmail });

  const second = await runReconcile(story, customer.id, stuck);
  expect(second).toMatchObject({ waiting: 1, failed: 0 });
  expect(second.repaired).toEqual({});
  expect(second.events).not.toContain('reconcile.needs-person');
  expect(await customer.grant(contract, link)).toEqual(parked);
  await story.opentrain.clock.advance(25 * HOUR);
  expect(await overdueIn(story, customer.id, stuck)).toBe(1);

  expect(await overdueIn(story, customer.id)).toBe(0);
  expect(story.membersOf(project)).toEqual([workEmail]);
  expect((await customer.grant(contract, link))?.state).toBe('open');
});

test('nobody is forgotten while the workspace is away', async () => {
  const { customer, jobId } = await story.newHire();
  // More than are tried before it is known.
  for (let more = 0; more < 9; more += 1) customer.hire(jobId);
  await runReconcile(story, customer.id, stuck);
  await story.opentrain.clock.advance(25 * HOUR);
  story.workspace.rateLimit({ calls: 0, perSeconds: 5 });
  expect(await overdueIn(story, customer.id)).toBe(10);
  story.workspace.rateLimit(null);
});

test('who waits for consent waits for the customer, and is not counted', async () => {
  const { customer } = await story.newHire({ piiConsent: false });
  await runReconcile(story, customer.id);
  await story.opentrain.clock.advance(25 * HOUR);
  expect(await overdueIn(story, customer.id)).toBe(0);
});

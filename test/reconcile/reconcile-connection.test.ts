import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Story, startStory } from '../support/story.ts';

const HOUR = 3_600_000;

let story: Story;

beforeAll(async () => {
  story = await startStory();
});
afterAll(() => story.close());

describe('what no delivery told', () => {
  test('a link and its hires are found, and those whose contracts ended are out', async () => {
    const { customer, jobId, contract, project, workEmail } = await story.newHire();
    const second = customer.hire(jobId);
    await story.connector.reconcile();
    expect(story.membersOf(project)).toEqual([workEmail, second.trainer?.workEmail].sort());

    story.opentrain.endContract(contract.id);
    await story.connector.reconcile();
    expect(story.membersOf(project)).toEqual([second.trainer?.workEmail]);
  });

  test('a link that was removed ends what was granted by it', async () => {
    const { customer, link, project } = await story.newHire();
    await story.connector.reconcile();
    expect(story.membersOf(project)).toHaveLength(1);
    story.opentrain.unlinkProject(customer.installId, link.id);
    await story.connector.reconcile();
    expect(story.membersOf(project)).toEqual([]);
  });
});

describe('drift in the workspace', () => {
  test('who was taken out by hand is in again, who should be out is out, and nobody else is touched', async () => {
    const { customer, contract, trainer, project, workEmail, jobId } = await story.newHire();
    await story.connector.reconcile();
    story.workspace.removeMemberByHand(project, trainer.opentrainUserId);
    story.workspace.addMemberByHand(project, { workEmail: 'somebody@opentrain.work', displayName: 'Somebody' });
    await story.connector.reconcile();
    expect(story.membersOf(project)).toEqual([workEmail, 'somebody@opentrain.work'].sort());

    customer.hire(jobId);
    story.opentrain.endContract(contract.id);
    await story.connector.reconcile();
    story.workspace.addMemberByHand(project, {
      opentrainUserId: trainer.opentrainUserId,
      workEmail,
      displayName: 'Back by hand',
    });
    await story.connector.reconcile();
    expect(story.membersOf(project)).not.toContain(workEmail);
    expect(story.membersOf(project)).toContain('somebody@opentrain.work');
  });
});

describe('a connection that was revoked', () => {
  test('keeps its trainers’ access for the grace period, loses it then, and has it back after a reconnect', async () => {
    const { customer, project, workEmail } = await story.newHire({ delivered: true });
    await story.idle();
    expect(story.membersOf(project)).toEqual([workEmail]);
    story.opentrain.revoke(customer.installId);
    await story.idle();
    await story.connector.reconcile();
    expect(story.membersOf(project)).toEqual([workEmail]);
    await story.opentrain.clock.advance(24 * HOUR);
    await story.connector.reconcile();
    expect(story.membersOf(project)).toEqual([]);
  });
});

import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { ContractId, LinkId, ProjectId, TrainerId, WorkEmail } from '../../shared/ids.ts';
import { DEFAULT_WORKSPACE } from '../../shared/store/connections.ts';
import { without } from '../support/opentrain-event.ts';
import { type Story, startStory } from '../support/story.ts';

let story: Story;

beforeAll(async () => {
  story = await startStory();
});
afterAll(() => story.close());

type HiredContract = { readonly id: string; readonly trainer: { readonly workEmail: string } | null };
const workEmails = (contracts: readonly HiredContract[]) => contracts.map(({ trainer }) => trainer?.workEmail).sort();

describe('project_link.created', () => {
  test('out of OpenTrain itself: contracts that began earlier are picked up', async () => {
    const customer = await story.newCustomer({ delivered: true });
    const jobId = customer.postJob();
    const contracts = [customer.hire(jobId), customer.hire(jobId), customer.hire(jobId)];
    story.opentrain.endContract(contracts[2]?.id ?? '');
    await story.idle();
    expect(await customer.outcomes(), 'a job without a link is not told of').toEqual([]);

    const { project } = customer.link(jobId);
    await story.idle();
    expect(story.membersOf(project)).toEqual(workEmails(contracts.slice(0, 2)));
    expect(await customer.outcomes()).toEqual(['project_link.created: done: provisioned']);
  });

  test.each([
    ['its link', ['data.projectLink']],
    ['the external id of its project', ['data.projectLink.externalProjectId']],
    ['the mode of its link', ['data.projectLink.provisioningMode']],
    ['its resourceId', ['resourceId']],
    ['all data', ['data', 'jobId']],
  ] as const)('that lacks %s: what is missing is looked up', async (_, paths) => {
    const customer = await story.newCustomer();
    const jobId = customer.postJob();
    const contract = customer.hire(jobId);
    const { project } = customer.link(jobId);
    expect(await customer.deliver(without(customer.event('project_link.created'), ...paths))).toBe('done: provisioned');
    expect(story.membersOf(project)).toEqual(workEmails([contract]));
  });

  test('is recorded', async () => {
    const customer = await story.newCustomer();
    const { id, project } = customer.link(customer.postJob());
    expect(await customer.deliver(customer.event('project_link.created'))).toBe('done: nobody_concerned');
    expect(await story.store.links.get(customer.id, id)).toMatchObject({
      projectId: project,
      provisioningMode: 'PARTNER_WEBHOOK',
    });
  });

  test('twice, and beside the contract’s own event, lets everybody in once', async () => {
    const { customer, project, workEmail } = await story.newHire();
    for (const type of ['project_link.created', 'contract.started', 'project_link.created'] as const) {
      expect(await customer.deliver(customer.event(type))).toBe('done: provisioned');
    }
    expect(story.membersOf(project)).toEqual([workEmail]);
    expect(await customer.grants()).toHaveLength(1);
  });

  test('one contract’s trouble does not keep the others waiting', async () => {
    const customer = await story.newCustomer();
    const jobId = customer.postJob();
    const contracts = [customer.hire(jobId), customer.hire(jobId), customer.hire(jobId)];
    const { project } = customer.link(jobId);
    story.workspace.respondNext(503);
    const before = story.workspace.requests.count;
    expect(await customer.deliver(customer.event('project_link.created'))).toBe('done: provisioned');
    expect(story.membersOf(project)).toEqual(workEmails(contracts));
    // The first attempt: one refused, two let in. The second: the one that was refused.
    expect(story.workspace.requests.count - before).toBe(4);
  });

  test('without consent everybody is parked, each visibly', async () => {
    const customer = await story.newCustomer({ piiConsent: false });
    const jobId = customer.postJob();
    customer.hire(jobId);
    customer.hire(jobId);
    customer.link(jobId);
    const created = customer.event('project_link.created');
    expect(await customer.deliver(created)).toBe('parked: waiting_for_consent');
    expect((await customer.grants()).map(({ state, reason }) => `${state}: ${reason}`)).toEqual(
      Array(2).fill('parked: waiting_for_consent'),
    );
    story.opentrain.setPiiConsent(customer.installId, true);
    expect(await customer.deliver(created)).toBe('done: provisioned');
    expect((await customer.grants()).map(({ state }) => state)).toEqual(['open', 'open']);
  });

  test('whose link is gone at OpenTrain by now ends there, without an error: its removal is on the way', async () => {
    const { customer, link, project } = await story.newHire();
    const created = customer.event('project_link.created');
    story.opentrain.unlinkProject(customer.installId, link.id);
    const before = story.lines.length;
    expect(await customer.deliver(created)).toBe('done: link_gone');
    expect(story.opentrain.calls.at(-1)).toEqual({ operationId: 'listContracts', status: 404 });
    expect(story.lines.slice(before).filter(({ level }) => level === 'error')).toEqual([]);
    expect(story.membersOf(project)).toEqual([]);
  });

  test('that OpenTrain lists a contract as active does not bring back one whose end was told', async () => {
    const { customer, contract, project } = await story.newHire();
    const created = customer.event('project_link.created');
    story.opentrain.endContract(contract.id);
    await customer.deliver(customer.event('contract.ended'));
    const listed = story.opentrain.contract(contract.id) as { endDate: string | null };
    listed.endDate = null;
    expect(await customer.deliver(created)).toBe('done: already_over');
    expect(story.membersOf(project)).toEqual([]);
  });
});

describe('project_link.removed', () => {
  test('ends the grants of that link only', async () => {
    const customer = await story.newCustomer({ delivered: true });
    const jobId = customer.postJob();
    const [removed, kept] = [customer.link(jobId), customer.link(jobId)];
    const contracts = [customer.hire(jobId), customer.hire(jobId)];
    await story.idle();
    story.opentrain.unlinkProject(customer.installId, removed.id);
    await story.idle();
    expect(story.membersOf(removed.project)).toEqual([]);
    expect(story.membersOf(kept.project)).toEqual(workEmails(contracts));
    for (const contract of contracts) {
      expect((await customer.grant(contract, removed))?.state).toBe('ended');
      expect((await customer.grant(contract, kept))?.state).toBe('open');
    }
    expect(await customer.outcomes()).toContain('project_link.removed: done: offboarded');
  });

  test.each([
    ['its link', ['data.projectLink']],
    ['all data', ['data', 'jobId']],
    ['its resourceId', ['resourceId']],
  ] as const)('that lacks %s', async (_, paths) => {
    const { customer, link, project } = await story.newHire();
    await customer.deliver(customer.event('contract.started'));
    story.opentrain.unlinkProject(customer.installId, link.id);
    expect(await customer.deliver(without(customer.event('project_link.removed'), ...paths))).toBe('done: offboarded');
    expect(story.membersOf(project)).toEqual([]);
  });

  test('a late contract.started of that link grants nothing', async () => {
    const { customer, contract, link, project } = await story.newHire();
    const started = customer.event('contract.started');
    story.opentrain.unlinkProject(customer.installId, link.id);
    await customer.deliver(customer.event('project_link.removed'));
    expect(await customer.deliver(started)).toBe('done: already_over');
    const thin = without(started, 'data.projectLink.externalProjectId', 'data.projectLink.provisioningMode');
    expect(await customer.deliver(thin)).toBe('done: already_over');
    expect(story.membersOf(project)).toEqual([]);
    expect((await customer.grant(contract, link))?.state).toBe('ended');
  });

  test('a late project_link.created after it is gone for good', async () => {
    const { customer, link, project } = await story.newHire();
    const created = customer.event('project_link.created');
    story.opentrain.unlinkProject(customer.installId, link.id);
    await customer.deliver(customer.event('project_link.removed'));
    expect(await customer.deliver(created)).toBe('done: link_gone');
    expect(await customer.deliver(without(created, 'data.projectLink')), 'nor does OpenTrain know it').toBe(
      'done: link_gone',
    );
    expect(story.membersOf(project)).toEqual([]);
    expect((await story.store.links.get(customer.id, link.id))?.removedAt).toBeDefined();
  });

  test('the same project linked anew is another link, and lets its trainers in', async () => {
    const { customer, jobId, link, project, workEmail } = await story.newHire();
    await customer.deliver(customer.event('contract.started'));
    story.opentrain.unlinkProject(customer.installId, link.id);
    const again = customer.link(jobId, { project });
    // The new link's event overtakes the removal of the old one.
    await customer.deliver(customer.event('project_link.created', again.id));
    await customer.deliver(customer.event('project_link.removed', link.id));
    expect(story.membersOf(project)).toEqual([workEmail]);
  });

  test('after a contract.started that crashed half-way in: its redelivery leaves no claim behind', async () => {
    const { customer, contract, link, project, trainer, workEmail } = await story.newHire();
    const started = customer.event('contract.started');
    // The first attempt came no further than its first write.
    const trainerId = trainer.opentrainUserId as TrainerId;
    await story.store.seats.claim(
      { workspaceId: DEFAULT_WORKSPACE, project: project as ProjectId, trainerId },
      { connectionId: customer.id, contractId: contract.id as ContractId, linkId: link.id as LinkId },
      { opentrainUserId: trainerId, workEmail: workEmail as WorkEmail, displayName: trainer.displayName },
      1,
    );
    story.opentrain.unlinkProject(customer.installId, link.id);
    await customer.deliver(customer.event('project_link.removed'));
    expect(await customer.deliver(started)).toBe('done: already_over');
    expect((await story.seatOf(project, trainer))?.openGrants).toEqual(new Set());
    expect(story.membersOf(project)).toEqual([]);
  });

  test('twice, or of a link of which nothing was known, is fine', async () => {
    const customer = await story.newCustomer();
    const link = customer.link(customer.postJob());
    story.opentrain.unlinkProject(customer.installId, link.id);
    const removed = customer.event('project_link.removed');
    expect(await customer.deliver(removed)).toBe('done: nobody_concerned');
    expect(await customer.deliver(removed)).toBe('done: nobody_concerned');
  });

  test('one trainer’s trouble does not keep the others in', async () => {
    const customer = await story.newCustomer();
    const jobId = customer.postJob();
    const link = customer.link(jobId);
    for (const contract of [customer.hire(jobId), customer.hire(jobId)]) {
      await customer.deliver(customer.event('contract.started', contract.id));
    }
    story.opentrain.unlinkProject(customer.installId, link.id);
    story.workspace.respondNext(503);
    expect(await customer.deliver(customer.event('project_link.removed'))).toBe('done: offboarded');
    expect(story.membersOf(link.project)).toEqual([]);
  });
});

import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import type { ContractId, TrainerId, WorkEmail } from '../../shared/ids.ts';
import { DEFAULT_WORKSPACE } from '../../shared/store/connections.ts';
import { without } from '../support/opentrain-event.ts';
import { type Story, startStory } from '../support/story.ts';

let story: Story;

beforeAll(async () => {
  story = await startStory();
});
afterAll(() => story.close());

/** The same event, with something else where its Work Email was. */
const addressed = <Event extends { data: object }>(event: Event, workEmail: unknown) => {
  const { freelancer } = event.data as { freelancer: object };
  return { ...event, data: { ...event.data, freelancer: { ...freelancer, workEmail } } };
};

/** Payloads that lack more and more: all of it is to be had from the API. */
const THIN = [
  ['its Work Email', ['data.freelancer.workEmail']],
  ['its trainer', ['data.freelancer']],
  ["its trainer's id", ['data.freelancer.opentrainUserId']],
  ['its project link', ['data.projectLink']],
  ['the external id of its project', ['data.projectLink.externalProjectId']],
  ['the mode of its link', ['data.projectLink.provisioningMode']],
  ['its contract', ['data.contract']],
  ['its job', ['jobId', 'data.contract.jobId', 'data.projectLink']],
  ['its resourceId', ['resourceId']],
  ['all data', ['data']],
  ['all but its contract id', ['data', 'jobId', 'createdAt', 'apiVersion']],
] as const;

describe('contract.started', () => {
  test('out of OpenTrain itself: the trainer is in the linked project by their Work Email', async () => {
    const { customer, project, workEmail, contract, link, trainer } = await story.newHire({ delivered: true });
    await story.idle();
    expect(story.membersOf(project)).toEqual([workEmail]);
    expect(await customer.outcomes()).toContain('contract.started: done: provisioned');
    expect(await customer.grant(contract, link)).toMatchObject({
      state: 'open',
      trainerId: trainer.opentrainUserId,
      workEmail,
      projectId: project,
    });
  });

  test.each(THIN)('that lacks %s: what is missing is looked up', async (_, paths) => {
    const { customer, project, workEmail } = await story.newHire();
    expect(await customer.deliver(without(customer.event('contract.started'), ...paths))).toBe('done: provisioned');
    expect(story.membersOf(project)).toEqual([workEmail]);
  });

  test('that lacks its contract id in one place or the other', async () => {
    const { customer, project, workEmail } = await story.newHire();
    await customer.deliver(without(customer.event('contract.started'), 'data.contract.id'));
    expect(story.membersOf(project)).toEqual([workEmail]);
  });

  test('on a job with two links: one event each, and the trainer is in both projects', async () => {
    const customer = await story.newCustomer({ delivered: true });
    const jobId = customer.postJob();
    const links = [customer.link(jobId), customer.link(jobId)];
    const contract = customer.hire(jobId);
    await story.idle();
    const inBoth = () => links.map(({ project }) => story.membersOf(project));
    expect(inBoth()).toEqual([[contract.trainer?.workEmail], [contract.trainer?.workEmail]]);
    story.opentrain.endContract(contract.id);
    await story.idle();
    expect(inBoth()).toEqual([[], []]);
  });

  test('that names no link of the two that its job has: the trainer is in both', async () => {
    const customer = await story.newCustomer();
    const jobId = customer.postJob();
    const links = [customer.link(jobId), customer.link(jobId)];
    const other = customer.link(customer.postJob());
    const contract = customer.hire(jobId);
    await customer.deliver(without(customer.event('contract.started'), 'data.projectLink'));
    for (const { project } of links) expect(story.membersOf(project)).toEqual([contract.trainer?.workEmail]);
    expect(story.membersOf(other.project)).toEqual([]);

    story.opentrain.endContract(contract.id);
    await customer.deliver(without(customer.event('contract.ended'), 'data'));
    for (const { project } of links) expect(story.membersOf(project)).toEqual([]);
  });

  test('twice, as the same delivery and as one of another endpoint, lets the trainer in once', async () => {
    const { customer, project, workEmail } = await story.newHire();
    const started = customer.event('contract.started');
    await customer.deliver(started, { delivery: 'one' });
    expect(await customer.deliver(started, { delivery: 'one' })).toBe('done: provisioned');
    expect(await customer.deliver(started, { delivery: 'other' })).toBe('done: provisioned');
    expect(story.membersOf(project)).toEqual([workEmail]);
    expect(await customer.grants()).toHaveLength(1);
  });

  test('whose contract has ended already, as it says itself, is the end', async () => {
    const { customer, project, contract, link } = await story.newHire();
    const started = customer.event('contract.started');
    await customer.deliver(started);
    const ended = { ...started, data: { ...started.data, contract: { id: contract.id, status: 'ended' } } };
    await customer.deliver(ended);
    expect(story.membersOf(project)).toEqual([]);
    expect((await customer.grant(contract, link))?.state).toBe('ended');
  });

  test('on a job without a link concerns nobody', async () => {
    const { customer, link, project } = await story.newHire();
    const started = customer.event('contract.started');
    story.opentrain.unlinkProject(customer.installId, link.id);
    expect(await customer.deliver(without(started, 'data.projectLink'))).toBe('done: no_link');
    expect(story.membersOf(project)).toEqual([]);
  });

  test('without a trainer, when OpenTrain knows none either, is parked', async () => {
    const { customer, contract, link, project } = await story.newHire();
    story.opentrain.loseTrainer(contract.id);
    const started = without(customer.event('contract.started'), 'data.freelancer');
    expect(await customer.deliver(started)).toBe('parked: trainer_unclear');
    expect(await customer.grant(contract, link)).toMatchObject({ state: 'parked', reason: 'trainer_unclear' });
    expect(story.membersOf(project)).toEqual([]);
  });

  test('that names another trainer than before is parked: the first one would be left behind', async () => {
    const { customer, project, workEmail } = await story.newHire();
    const started = customer.event('contract.started');
    await customer.deliver(started);
    const freelancer = { opentrainUserId: 'somebody-else', workEmail: 'somebody.else@opentrain.work' };
    const other = { ...started, data: { ...started.data, freelancer } };
    expect(await customer.deliver(other)).toBe('parked: trainer_changed');
    expect(story.membersOf(project)).toEqual([workEmail]);
  });
});

describe('without consent there is no Work Email', () => {
  test('parked as waiting for consent, visible; once there is consent, a redelivery completes it', async () => {
    const { customer, contract, link, project, trainer, workEmail } = await story.newHire({ piiConsent: false });
    const started = customer.event('contract.started');
    expect(JSON.stringify(started)).not.toContain('@');
    expect(await customer.deliver(started, { delivery: 'consent' })).toBe('parked: waiting_for_consent');
    expect(story.membersOf(project)).toEqual([]);
    expect(await customer.grant(contract, link)).toMatchObject({
      state: 'parked',
      reason: 'waiting_for_consent',
      trainerId: trainer.opentrainUserId,
      displayName: trainer.displayName,
    });

    story.opentrain.setPiiConsent(customer.installId, true);
    expect(await customer.deliver(started, { delivery: 'consent' })).toBe('done: provisioned');
    expect(story.membersOf(project)).toEqual([workEmail]);
    const grant = await customer.grant(contract, link);
    expect(grant).toMatchObject({ state: 'open', workEmail });
    expect(grant?.reason).toBeUndefined();
  });

  test('OpenTrain’s own redelivery completes it, too', async () => {
    const { customer, project, workEmail } = await story.newHire({ piiConsent: false, delivered: true });
    await story.idle();
    expect(story.membersOf(project)).toEqual([]);
    story.opentrain.setPiiConsent(customer.installId, true);
    for (const delivery of story.opentrain.deliveriesOf(customer.endpointId)) await story.opentrain.redeliver(delivery);
    await story.idle();
    expect(story.membersOf(project)).toEqual([workEmail]);
  });

  test('a contract that ends meanwhile is over', async () => {
    const { customer, contract, project } = await story.newHire({ piiConsent: false });
    const started = customer.event('contract.started');
    await customer.deliver(started);
    story.opentrain.endContract(contract.id);
    await customer.deliver(customer.event('contract.ended'));
    story.opentrain.setPiiConsent(customer.installId, true);
    expect(await customer.deliver(started)).toBe('done: already_over');
    expect(story.membersOf(project)).toEqual([]);
  });
});

describe('an address that is no Work Email', () => {
  const FOREIGN = [
    'maria@example.com',
    'maria@opentrain.work.example.com',
    'maria@notopentrain.work',
    'maria@sub.opentrain.work',
    'maria@opentrain.works',
    'maria@example.com@opentrain.work',
    'maria@example.com,joao@opentrain.work',
    'Maria <maria@opentrain.work>',
    '"maria@example.com"@opentrain.work',
    'maria@example.com\r\nBcc: joao@opentrain.work',
    'maria@opentrain.work\u0000@example.com',
    '@opentrain.work',
    'opentrain.work',
    '',
    ' ',
    42,
    null,
    ['maria@opentrain.work'],
    { address: 'maria@opentrain.work' },
  ];

  test.each(FOREIGN)('is never provisioned, whatever a payload says: %j', async (address) => {
    const { customer, project } = await story.newHire({ piiConsent: false });
    const requests = story.workspace.requests.count;
    const started = addressed(customer.event('contract.started'), address);
    expect(await customer.deliver(started)).toBe('parked: waiting_for_consent');
    expect(story.membersOf(project)).toEqual([]);
    expect(story.workspace.requests.count).toBe(requests);
  });

  test('does not keep the right one, which the API knows, from being used', async () => {
    const { customer, project, workEmail } = await story.newHire();
    await customer.deliver(addressed(customer.event('contract.started'), 'maria@example.com'));
    expect(story.membersOf(project)).toEqual([workEmail]);
  });

  test('capitals and spaces around a Work Email do not matter', async () => {
    const { customer, project, workEmail } = await story.newHire();
    await customer.deliver(addressed(customer.event('contract.started'), ` ${workEmail.toUpperCase()} `));
    expect(story.membersOf(project)).toEqual([workEmail]);
  });
});

describe('a MANAGED_ADAPTER link is OpenTrain’s to provision', () => {
  const PATHS = [
    ['complete', []],
    ['without the mode of its link', ['data.projectLink.provisioningMode']],
    [
      'without the mode and the external id',
      ['data.projectLink.provisioningMode', 'data.projectLink.externalProjectId'],
    ],
    ['without its link', ['data.projectLink']],
    ['without all data', ['data']],
  ] as const;

  test.each(PATHS)('contract.started %s: never by us', async (_, paths) => {
    const { customer, project } = await story.newHire({ mode: 'MANAGED_ADAPTER' });
    const requests = story.workspace.requests.count;
    const started = without(customer.event('contract.started'), ...paths);
    expect(await customer.deliver(started)).toBe('done: managed_by_opentrain');
    expect(story.membersOf(project)).toEqual([]);
    expect(story.workspace.requests.count).toBe(requests);
  });

  test('the link’s own event, complete or without its mode: neither', async () => {
    const { customer, project } = await story.newHire({ mode: 'MANAGED_ADAPTER' });
    const created = customer.event('project_link.created');
    expect(await customer.deliver(created)).toBe('done: managed_by_opentrain');
    const thin = without(created, 'data.projectLink.provisioningMode');
    expect(await customer.deliver(thin)).toBe('done: managed_by_opentrain');
    expect(story.membersOf(project)).toEqual([]);
  });

  test('a mode that is remembered from the link’s event need not be asked for again', async () => {
    const { customer, project } = await story.newHire({ mode: 'MANAGED_ADAPTER' });
    await customer.deliver(customer.event('project_link.created'));
    story.opentrain.setOutage('unavailable');
    onTestFinished(() => story.opentrain.setOutage('none'));
    const thin = without(customer.event('contract.started'), 'data.projectLink.provisioningMode');
    expect(await customer.deliver(thin)).toBe('done: managed_by_opentrain');
    expect(story.membersOf(project)).toEqual([]);
  });

  test('the end of a contract there is no call of ours either, where the project was ours to provision before', async () => {
    const { customer, contract, jobId, link, project, workEmail } = await story.newHire({
      trainer: story.unique('Rui Costa'),
    });
    await customer.deliver(customer.event('contract.started'));
    story.opentrain.endContract(contract.id);
    await customer.deliver(customer.event('contract.ended'));
    story.opentrain.unlinkProject(customer.installId, link.id);
    await customer.deliver(customer.event('project_link.removed'));

    customer.link(jobId, { project, mode: 'MANAGED_ADAPTER' });
    const again = customer.hire(jobId, workEmail.replace('@opentrain.work', '').replaceAll('.', ' '));
    await customer.deliver(customer.event('contract.started', again.id));
    const requests = story.workspace.requests.count;
    story.opentrain.endContract(again.id);
    expect(await customer.deliver(customer.event('contract.ended', again.id))).toBe('done: managed_by_opentrain');
    expect(story.workspace.requests.count).toBe(requests);
  });

  test('whom OpenTrain let in, we do not take out when their contract ends', async () => {
    const { customer, contract, project, trainer, workEmail } = await story.newHire({ mode: 'MANAGED_ADAPTER' });
    await customer.deliver(customer.event('contract.started'));
    story.workspace.addMemberByHand(project, { ...trainer });
    story.opentrain.endContract(contract.id);
    await customer.deliver(customer.event('contract.ended'));
    expect(story.membersOf(project)).toEqual([workEmail]);
  });

  test('nor where the end does not say whose the link is, and its own event did', async () => {
    const { customer, contract, project, trainer, workEmail } = await story.newHire({ mode: 'MANAGED_ADAPTER' });
    await customer.deliver(customer.event('project_link.created'));
    story.workspace.addMemberByHand(project, { ...trainer });
    story.opentrain.endContract(contract.id);
    const thin = without(customer.event('contract.ended'), 'data.projectLink.provisioningMode');
    expect(await customer.deliver(thin)).toBe('done: managed_by_opentrain');
    expect(story.membersOf(project)).toEqual([workEmail]);
  });

  test('whom we let in, we take out, though the end says that the link is not ours', async () => {
    const { customer, contract, project } = await story.newHire();
    await customer.deliver(customer.event('contract.started'));
    story.opentrain.endContract(contract.id);
    const ended = JSON.stringify(customer.event('contract.ended'));
    expect(await customer.deliver(ended.replace('"PARTNER_WEBHOOK"', '"MANAGED_ADAPTER"'))).toBe('done: offboarded');
    expect(story.membersOf(project)).toEqual([]);
  });
});

describe('a mode that nobody knows yet is parked as provisioning_mode_unknown, and provisions nobody', () => {
  test.each(['contract.started', 'project_link.created'] as const)('%s', async (type) => {
    const { customer, project } = await story.newHire();
    const requests = story.workspace.requests.count;
    const event = JSON.stringify(customer.event(type));
    expect(event).toContain('"PARTNER_WEBHOOK"');
    const outcome = await customer.deliver(event.replace('"PARTNER_WEBHOOK"', '"CONCIERGE"'));
    expect(outcome).toBe('parked: provisioning_mode_unknown');
    expect(story.membersOf(project)).toEqual([]);
    expect(await customer.grants()).toEqual([]);
    expect(story.workspace.requests.count).toBe(requests);
  });
});

describe('contract.ended', () => {
  test('out of OpenTrain itself: the trainer is out', async () => {
    const { customer, contract, project } = await story.newHire({ delivered: true });
    await story.idle();
    expect(story.membersOf(project)).toHaveLength(1);
    story.opentrain.endContract(contract.id);
    await story.idle();
    expect(story.membersOf(project)).toEqual([]);
    expect(await customer.outcomes()).toContain('contract.ended: done: offboarded');
  });

  test.each(THIN)('that lacks %s: the trainer is out all the same', async (_, paths) => {
    const { customer, contract, project } = await story.newHire();
    await customer.deliver(customer.event('contract.started'));
    expect(story.membersOf(project)).toHaveLength(1);
    story.opentrain.endContract(contract.id);
    expect(await customer.deliver(without(customer.event('contract.ended'), ...paths))).toBe('done: offboarded');
    expect(story.membersOf(project)).toEqual([]);
  });

  test('a late contract.started after it grants nothing', async () => {
    const { customer, contract, link, project } = await story.newHire();
    const started = customer.event('contract.started');
    await customer.deliver(started);
    story.opentrain.endContract(contract.id);
    await customer.deliver(customer.event('contract.ended'));
    expect(await customer.deliver(started, { delivery: 'a-retry-that-took-two-hours' })).toBe('done: already_over');
    expect(story.membersOf(project)).toEqual([]);
    expect(await customer.grant(contract, link)).toMatchObject({ state: 'ended', endDate: expect.any(String) });
  });

  test.each([['complete', []], ...THIN] as const)(
    '%s, before contract.started: the beginning grants nothing any more',
    async (_, paths) => {
      const { customer, contract, project } = await story.newHire();
      story.opentrain.endContract(contract.id);
      expect(await customer.deliver(without(customer.event('contract.ended'), ...paths))).toBe(
        'done: ended_before_started',
      );
      const started = customer.event('contract.started');
      expect(await customer.deliver(started)).toBe('done: already_over');
      expect(story.membersOf(project)).toEqual([]);
    },
  );

  test('neither does a beginning without its link and trainer', async () => {
    const { customer, contract, project } = await story.newHire();
    story.opentrain.endContract(contract.id);
    await customer.deliver(customer.event('contract.ended'));
    const thin = without(customer.event('contract.started'), 'data');
    expect(await customer.deliver(thin)).toBe('done: already_over');
    expect(story.membersOf(project)).toEqual([]);
  });

  test.each([
    ['complete', []],
    ['without its trainer', ['data.freelancer']],
    ['without its link', ['data.projectLink']],
    ['without all data', ['data']],
  ] as const)(
    '%s, after a contract.started that crashed half-way in: its redelivery leaves no claim behind',
    async (_, paths) => {
      const { customer, contract, link, project, trainer, workEmail } = await story.newHire();
      const started = customer.event('contract.started');
      // The first attempt came no further than its first write.
      await story.store.seats.claim(
        { workspaceId: DEFAULT_WORKSPACE, project: project as never, trainerId: trainer.opentrainUserId as TrainerId },
        { connectionId: customer.id, contractId: contract.id as ContractId, linkId: link.id },
        {
          opentrainUserId: trainer.opentrainUserId as TrainerId,
          workEmail: workEmail as WorkEmail,
          displayName: trainer.displayName,
        },
        1,
      );
      story.opentrain.endContract(contract.id);
      await customer.deliver(without(customer.event('contract.ended'), ...paths));
      await customer.deliver(started);
      expect(story.membersOf(project)).toEqual([]);
      expect((await story.seatOf(project, trainer))?.openGrants).toEqual(new Set());
    },
  );

  test('twice, or of a contract of which nothing was ever known, is fine', async () => {
    const { customer, contract, project } = await story.newHire();
    story.opentrain.endContract(contract.id);
    const ended = customer.event('contract.ended');
    expect(await customer.deliver(ended)).toBe('done: ended_before_started');
    expect(await customer.deliver(ended)).toBe('done: ended_before_started');
    expect(story.membersOf(project)).toEqual([]);
  });

  test('that names no link of the two, only one of which had begun: a late beginning on the other grants nothing', async () => {
    const customer = await story.newCustomer();
    const jobId = customer.postJob();
    const [begun, other] = [customer.link(jobId), customer.link(jobId)];
    const contract = customer.hire(jobId);
    await customer.deliver(customer.event('contract.started', begun.id));
    expect(story.membersOf(begun.project)).toEqual([contract.trainer?.workEmail]);

    story.opentrain.endContract(contract.id);
    await customer.deliver(without(customer.event('contract.ended'), 'data.projectLink'));
    expect(await customer.deliver(customer.event('contract.started', other.id))).toBe('done: already_over');
    for (const link of [begun, other]) {
      expect(story.membersOf(link.project)).toEqual([]);
      expect((await customer.grant(contract, link))?.state).toBe('ended');
    }
  });

  test('of a trainer whom somebody has taken out by hand already is fine', async () => {
    const { customer, contract, project, trainer } = await story.newHire();
    await customer.deliver(customer.event('contract.started'));
    story.workspace.removeMemberByHand(project, trainer.opentrainUserId);
    story.opentrain.endContract(contract.id);
    expect(await customer.deliver(customer.event('contract.ended'))).toBe('done: offboarded');
  });

  test('a re-hire of the same trainer is another contract, and lets them in again', async () => {
    const { customer, contract, jobId, project, trainer, workEmail } = await story.newHire({
      trainer: story.unique('Ana Sousa'),
    });
    await customer.deliver(customer.event('contract.started'));
    story.opentrain.endContract(contract.id);
    await customer.deliver(customer.event('contract.ended'));
    const again = customer.hire(jobId, workEmail.replace('@opentrain.work', '').replaceAll('.', ' '));
    expect(again.trainer?.opentrainUserId).toBe(trainer.opentrainUserId);
    await customer.deliver(customer.event('contract.started', again.id));
    expect(story.membersOf(project)).toEqual([workEmail]);
  });
});

import { ReceiveMessageCommand } from '@aws-sdk/client-sqs';
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { createWebhookHandler } from '../functions/webhook/handler.ts';
import { createAwsJsonClient } from '../shared/aws/aws-json-client.ts';
import { createQueue } from '../shared/aws/queue.ts';
import { createWebhookSecrets } from '../shared/connections/webhook-secrets.ts';
import { unpackEnvelope } from '../shared/deliveries/envelope.ts';
import { webhookEvent } from './support/api-gateway-event.ts';
import { contractEnded, contractStarted, milestoneEvent, newHire, without } from './support/opentrain-event.ts';
import { type Story, startStory } from './support/story.ts';

/** The design's "Rules that always hold", each by what it promises; the details are tested where they live. */
let story: Story;

beforeAll(async () => {
  story = await startStory();
});
afterAll(() => story.close());

describe('rule 1: nothing acknowledged is lost', () => {
  test('rule 1: a 2xx goes out only after SQS has taken the delivery', async () => {
    const customer = await story.newCustomer();
    const { parameters, names, emulators } = story.connector;
    const { clock } = story.opentrain;
    const secret = (await parameters.get(names.webhookSecrets(customer.id))) ?? '';
    const environment = { ...emulators.environment, AWS_ENDPOINT_URL_SQS: 'http://127.0.0.1:1' };
    const away = createQueue(createAwsJsonClient('sqs', { environment, sleep: async () => {} }), environment.QUEUE_URL);
    const lines: string[] = [];
    const note = () => void lines.push('');
    const webhook = createWebhookHandler({
      secrets: createWebhookSecrets(parameters, names, clock),
      queue: away,
      clock,
      logger: { info: note, warn: note, error: note },
    });
    const now = Math.floor(clock.now() / 1000);
    expect(await webhook(webhookEvent({ connection: customer.id, secret, now }))).toEqual({ statusCode: 503 });
  });

  test('rule 1: each delivery ends as done, or parked with a reason, or in the dead-letter queue; what nobody foresaw is retried, never acknowledged', async () => {
    const short = await startStory({ emulators: { maxReceives: 2 } });
    onTestFinished(() => short.close());
    const customer = await short.newCustomer();
    const [poisonous, healing] = [newHire(), newHire()];
    // An answer that the workspace's contract does not have: nobody's foreseen error.
    short.workspace.respondNext(418, {}, 2);
    await customer.deliver(contractStarted(poisonous), { delivery: 'poison' });
    short.workspace.respondNext(418);
    const outcomes = [
      await customer.deliver(contractStarted(healing), { delivery: 'healing' }),
      await customer.deliver(milestoneEvent('milestone.funded', 'c1'), { delivery: 'milestone' }),
      await customer.deliver({ id: '1', type: 'trainer.promoted' }, { delivery: 'unknown' }),
      await customer.deliver('hello', { delivery: 'nonsense' }),
      await customer.deliver(without(contractEnded(newHire()), 'resourceId', 'data'), { delivery: 'about-nothing' }),
    ];
    expect(outcomes).toEqual([
      'done: provisioned',
      'done: recorded',
      'done: unknown_type',
      'parked: not_json',
      'parked: no_contract',
    ]);
    const receive = new ReceiveMessageCommand({ QueueUrl: short.connector.emulators.deadLetterQueueUrl });
    const { Messages = [] } = await short.connector.sqs.send(receive);
    expect(Messages.map(({ Body = '' }) => unpackEnvelope(Body)?.deliveryId)).toEqual(['poison']);
  });
});

describe('rule 2: level, not edge', () => {
  /** Two contracts of one trainer in one project, of which the first has ended: so the second alone counts. */
  function twoContracts() {
    const first = newHire();
    const second = newHire({ ...first, contract: `${first.contract}-again` });
    const events = [contractStarted(first), contractEnded(first), contractStarted(second), contractStarted(first)];
    return { ...first, events };
  }

  test('rule 2: in every order, duplicates included, deliveries end in the same place', async () => {
    const customer = await story.newCustomer();
    const stories = permutations([0, 1, 2, 3]).map((order) => ({ order, ...twoContracts() }));
    for (const step of [0, 1, 2, 3]) {
      for (const { order, events } of stories) await customer.deliver(events[order[step] ?? 0] ?? {}, { wait: false });
      await story.connector.idle();
    }
    for (const { order, project, workEmail } of stories) {
      expect(story.membersOf(project), `in the order ${order}`).toEqual([workEmail]);
    }
    const states = (await customer.grants()).map(({ state }) => state);
    expect(states.filter((state) => state === 'open')).toHaveLength(stories.length);
    expect(states.filter((state) => state === 'ended')).toHaveLength(stories.length);
  });

  test('rule 2: all at once, worked off by two workers, they end there, too', async () => {
    const customer = await story.newCustomer();
    const stories = Array.from({ length: 5 }, twoContracts);
    const events = stories.flatMap((one) => [...one.events, ...one.events]);
    await customer.deliver({ id: '1', type: 'trainer.promoted' });
    await Promise.all(events.map((event) => customer.deliver(event, { wait: false })));
    await story.connector.idle();
    for (const { project, workEmail } of stories) expect(story.membersOf(project)).toEqual([workEmail]);
  });

  test('rule 2: what somebody undid in the workspace is made so again by the next event, for it never trusts what was noted', async () => {
    const { customer, project, trainer, workEmail } = await story.newHire();
    const started = customer.event('contract.started');
    await customer.deliver(started);
    story.workspace.removeMemberByHand(project, trainer.opentrainUserId);
    await customer.deliver(started);
    expect(story.membersOf(project)).toEqual([workEmail]);
  });
});

describe('rule 3: ended is final', () => {
  test('rule 3: a late or redelivered contract.started after contract.ended grants nothing', async () => {
    const { customer, contract, link, project } = await story.newHire({ delivered: true });
    await story.idle();
    story.opentrain.endContract(contract.id);
    await story.idle();
    for (const delivery of story.opentrain.deliveriesOf(customer.endpointId)) await story.opentrain.redeliver(delivery);
    await story.idle();
    await customer.deliver(customer.event('contract.started'), { delivery: 'late' });
    expect(story.membersOf(project)).toEqual([]);
    expect((await customer.grant(contract, link))?.state).toBe('ended');
  });

  test('rule 3: budget events are ordered by event id, as digits and never as doubles', async () => {
    const customer = await story.newCustomer();
    const [older, newer] = ['9007199254740992', '9007199254740993'];
    await customer.deliver({ ...milestoneEvent('milestone.funded', 'c1', { state: 'OK' }), id: newer });
    await customer.deliver({ ...milestoneEvent('milestone.budget_depleted', 'c1', { state: 'DEPLETED' }), id: older });
    expect(await customer.budget({ id: 'c1' })).toMatchObject({ lastEventId: newer, state: 'OK' });
  });

  test('rule 3: a revocation names an install: of one that the connection has moved on from it changes nothing', async () => {
    const customer = await story.newCustomer();
    const reconnected = story.opentrain.reconnect(customer.installId);
    await story.connector.connect(customer.id, reconnected.token);
    await story.opentrain.advance(60_000);
    expect(await customer.deliver(customer.event('install.revoked'))).toBe('done: newer_install');
    expect((await customer.connection()).status).toBe('active');
  });
});

describe('rule 4: the last open grant decides', () => {
  test('rule 4: the last open grant decides — ending one contract never takes away access that another open contract gives, be it with another customer', async () => {
    const trainer = story.unique('Maria Silva');
    const project = story.unique('shared-project');
    const mine = await story.newHire({ trainer, project });
    const again = { ...mine, contract: mine.customer.hire(mine.jobId, trainer) };
    const theirs = await story.newHire({ trainer, project });
    const all = [mine, again, theirs];
    for (const { customer, contract } of all) await customer.deliver(customer.event('contract.started', contract.id));
    expect(story.membersOf(project)).toEqual([mine.workEmail]);

    const seen = [];
    for (const { customer, contract } of all) {
      story.opentrain.endContract(contract.id);
      await customer.deliver(customer.event('contract.ended', contract.id));
      seen.push(story.membersOf(project));
    }
    expect(seen).toEqual([[mine.workEmail], [mine.workEmail], []]);
  });

  test('rule 4: removing a link leaves the access that a contract over another link to the same project gives', async () => {
    const trainer = story.unique('Maria Silva');
    const project = story.unique('shared-project');
    const [mine, theirs] = [await story.newHire({ trainer, project }), await story.newHire({ trainer, project })];
    for (const { customer } of [mine, theirs]) await customer.deliver(customer.event('contract.started'));
    for (const { customer, link } of [mine, theirs]) {
      expect(story.membersOf(project)).toEqual([mine.workEmail]);
      story.opentrain.unlinkProject(customer.installId, link.id);
      await customer.deliver(customer.event('project_link.removed'));
    }
    expect(story.membersOf(project)).toEqual([]);
  });
});

describe('rule 5: only Work Emails', () => {
  test('rule 5: nobody whose address does not end in @opentrain.work is ever provisioned, whatever a payload says', async () => {
    const customer = await story.newCustomer({ piiConsent: false });
    const requests = story.workspace.requests.count;
    for (const workEmail of [
      'maria@example.com',
      'maria@opentrain.work.example.com',
      'maria@evil-opentrain.work',
      '',
    ]) {
      const jobId = customer.postJob();
      const link = customer.link(jobId);
      const { id: contract, trainer } = customer.hire(jobId);
      const hire = newHire({
        contract,
        trainer: trainer?.opentrainUserId ?? '',
        workEmail,
        link: link.id,
        project: link.project,
      });
      expect(await customer.deliver(contractStarted(hire))).toBe('parked: waiting_for_consent');
    }
    expect(story.workspace.requests.count).toBe(requests);
  });

  test('rule 5: MANAGED_ADAPTER links are never provisioned by us', async () => {
    const { customer, project } = await story.newHire({ mode: 'MANAGED_ADAPTER', delivered: true });
    await story.idle();
    expect(story.membersOf(project)).toEqual([]);
    expect(await customer.outcomes()).toEqual([
      'project_link.created: done: managed_by_opentrain',
      'contract.started: done: managed_by_opentrain',
    ]);
  });

  test('rule 5: without a Work Email the participants are asked for; still without one, the grant waits for consent, visible', async () => {
    const { customer, contract, link, project, workEmail } = await story.newHire({ piiConsent: false });
    const started = customer.event('contract.started');
    await customer.deliver(started);
    expect(story.opentrain.calls.at(-1)?.operationId).toBe('listContractParticipants');
    expect(await customer.grant(contract, link)).toMatchObject({ state: 'parked', reason: 'waiting_for_consent' });
    story.opentrain.setPiiConsent(customer.installId, true);
    await customer.deliver(started);
    expect(story.membersOf(project)).toEqual([workEmail]);
  });
});

test('rule 6: the webhook is the doorbell — missing or odd data in a payload is looked up through the API, not guessed, and not a reason to fail', async () => {
  const { customer, contract, project, workEmail } = await story.newHire();
  const bare = ({ id, type, resourceId }: { id: string; type: string; resourceId: string }) => ({
    id,
    type,
    resourceId,
    data: 7,
  });
  expect(await customer.deliver(bare(customer.event('contract.started')))).toBe('done: provisioned');
  expect(story.membersOf(project)).toEqual([workEmail]);
  story.opentrain.endContract(contract.id);
  expect(await customer.deliver(bare(customer.event('contract.ended')))).toBe('done: offboarded');
  expect(story.membersOf(project)).toEqual([]);
});

test('rule 7: secrets and personal data stay in — no token, secret, signature, body or Work Email in any log line; trainers are named by opentrainUserId', async () => {
  const { customer, contract, link, trainer, workEmail } = await story.newHire({ delivered: true });
  const started = customer.event('contract.started');
  story.workspace.respondNext(403);
  story.workspace.respondNext(422);
  story.workspace.respondNext(503);
  await story.idle();
  await customer.deliver(JSON.stringify(started).slice(0, -1));
  await customer.deliver(without(started, 'data.freelancer'));
  story.opentrain.setFeatureEnabled(customer.organizationId, false);
  const refused = customer.deliver({ ...without(started, 'data'), id: '2' });
  await expect.poll(async () => (await customer.connection()).attention).toBe('opentrain_forbidden');
  story.opentrain.setFeatureEnabled(customer.organizationId, true);
  await refused;
  story.opentrain.unlinkProject(customer.installId, link.id);
  story.opentrain.endContract(contract.id);
  story.opentrain.revoke(customer.installId);
  await story.idle();

  const { parameters, names } = story.connector;
  const logged = JSON.stringify(story.lines);
  const private_ = [
    await parameters.get(names.token(customer.id)),
    await parameters.get(names.webhookSecrets(customer.id)),
    story.workspace.token,
    workEmail,
    workEmail.split('@')[0],
    '@opentrain.work',
    trainer.displayName,
    'whsec_',
    'ot_ptk_',
    'Bearer',
    'v1=',
    '"freelancer"',
  ];
  for (const text of private_) expect(logged).not.toContain(text);
  expect(logged, 'the search would find something').toContain(contract.id);
});

describe('rule 8: one customer’s trouble stays theirs', () => {
  test('rule 8: a dead token delays no other connection', async () => {
    const dead = await story.newHire();
    const { parameters, names } = story.connector;
    await parameters.put(names.token(dead.customer.id), 'ot_ptk_dead');
    await story.opentrain.advance(5 * 60_000);
    const waiting = dead.customer.deliver(without(dead.customer.event('contract.started'), 'data'));
    await expect.poll(async () => (await dead.customer.connection()).attention).toBe('opentrain_forbidden');

    const well = await story.newHire();
    await well.customer.deliver(well.customer.event('contract.started'), { wait: false });
    await expect.poll(() => story.membersOf(well.project)).toEqual([well.workEmail]);
    expect((await well.customer.connection()).attention).toBeUndefined();
    expect(story.membersOf(dead.project), 'still waiting').toEqual([]);

    story.opentrain.revoke(dead.customer.installId);
    await dead.customer.deliver(dead.customer.event('install.revoked'));
    expect(await waiting).toBe('parked: connection_disconnected');
  });

  test('rule 8: a slow workspace delays no other connection', async () => {
    const [slow, quick] = [await story.newHire(), await story.newHire()];
    story.workspace.slow(1_500, { projectId: slow.project });
    onTestFinished(() => story.workspace.slow(0, { projectId: slow.project }));
    const waiting = slow.customer.deliver(slow.customer.event('contract.started'));
    await quick.customer.deliver(quick.customer.event('contract.started'), { wait: false });
    await expect.poll(() => story.membersOf(quick.project)).toEqual([quick.workEmail]);
    expect(story.membersOf(slow.project), 'on its way still').toEqual([]);
    expect(await waiting).toBe('done: provisioned');
  });

  test('rule 8: a poison message delays no other connection', async () => {
    const [poisoned, well] = [await story.newHire(), await story.newHire()];
    story.workspace.respondNext(418);
    const waiting = poisoned.customer.deliver(poisoned.customer.event('contract.started'));
    await expect.poll(() => story.lines.some(({ reason }) => reason === 'unforeseen')).toBe(true);
    await well.customer.deliver(well.customer.event('contract.started'), { wait: false });
    await expect.poll(() => story.membersOf(well.project)).toEqual([well.workEmail]);
    expect(await waiting).toBe('done: provisioned');
  });
});

function permutations<One>(all: readonly One[]): One[][] {
  if (all.length === 0) return [[]];
  return all.flatMap((one, index) => permutations(all.toSpliced(index, 1)).map((rest) => [one, ...rest]));
}

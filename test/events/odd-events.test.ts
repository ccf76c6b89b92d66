import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { contractStarted, newHire } from '../support/opentrain-event.ts';
import { type Story, startStory } from '../support/story.ts';

let story: Story;

beforeAll(async () => {
  story = await startStory();
});
afterAll(() => story.close());

describe('a type that we do not know', () => {
  test.each([
    'trainer.promoted',
    'contract',
    'contract.',
    'contract.paused',
    'contract.started ',
    'CONTRACT.STARTED',
    'project_link.moved',
    'install.suspended',
    '__proto__',
    'constructor',
    'toString',
    'hasOwnProperty',
    '契約.開始',
  ])('%j is done as unknown_type, without a call', async (type) => {
    const customer = await story.newCustomer();
    const hire = newHire();
    const calls = story.calls();
    expect(await customer.deliver({ ...contractStarted(hire), type })).toBe('done: unknown_type');
    expect(story.calls()).toBe(calls);
    expect(story.membersOf(hire.project)).toEqual([]);
  });

  test('is done for a customer who has disconnected, too', async () => {
    const customer = await story.newCustomer();
    story.opentrain.revoke(customer.installId);
    await customer.deliver(customer.event('install.revoked'));
    expect(await customer.deliver({ id: '1', type: 'trainer.promoted' })).toBe('done: unknown_type');
  });
});

describe('odd data is looked up, and no reason to fail', () => {
  const ODD = [42, null, '', ['x'], { id: 7 }];
  const PLACES = [
    'jobId',
    'data',
    'data.contract',
    'data.contract.id',
    'data.contract.status',
    'data.contract.jobId',
    'data.contract.title',
    'data.contract.startDate',
    'data.contract.endDate',
    'data.freelancer',
    'data.freelancer.opentrainUserId',
    'data.freelancer.displayName',
    'data.freelancer.workEmail',
    'data.projectLink',
    'data.projectLink.id',
    'data.projectLink.jobId',
    'apiVersion',
    'createdAt',
    'data.somethingNew',
  ];

  /** The same event with something odd in one place. */
  function spoilt<Event extends object>(event: Event, place: string, odd: unknown): Event {
    const copy = structuredClone(event);
    const names = place.split('.');
    const last = names.pop() ?? '';
    let at = copy as Record<string, unknown>;
    for (const name of names) at = at[name] as Record<string, unknown>;
    at[last] = odd;
    return copy;
  }

  test.each(PLACES)('anything in %s: the trainer is in, and out again at the end', async (place) => {
    const { customer, contract, jobId, project } = await story.newHire();
    const { trainer } = contract;
    const started = customer.event('contract.started');
    const outcomes = [];
    for (const odd of ODD) {
      story.workspace.removeMemberByHand(project, trainer?.opentrainUserId ?? '');
      outcomes.push(await customer.deliver(spoilt(started, place, odd)));
      expect(story.membersOf(project), `with ${JSON.stringify(odd)}`).toEqual([trainer?.workEmail]);
    }
    expect(new Set(outcomes)).toEqual(new Set(['done: provisioned']));

    story.opentrain.endContract(contract.id);
    const ended = customer.event('contract.ended');
    for (const odd of [null, 42]) await customer.deliver(spoilt(ended, place, odd));
    expect(story.membersOf(project)).toEqual([]);
    expect(jobId).toBe(contract.jobId);
  });

  test('fields that nobody knows yet are passed over', async () => {
    const { customer, project } = await story.newHire();
    const started = customer.event('contract.started');
    const more = { ...started, sequence: 7, data: { ...started.data, team: [{ opentrainUserId: 'somebody' }] } };
    expect(await customer.deliver(more)).toBe('done: provisioned');
    expect(story.membersOf(project)).toHaveLength(1);
  });

  test('keys that mean something to JavaScript mean nothing here', async () => {
    const { customer, project } = await story.newHire();
    const started = JSON.stringify(customer.event('contract.started'));
    const polluted = started.replace(
      '{',
      '{"__proto__":{"type":"contract.ended"},"constructor":{"prototype":{"x":1}},',
    );
    expect(await customer.deliver(polluted)).toBe('done: provisioned');
    expect(story.membersOf(project)).toHaveLength(1);
    expect(({} as { x?: unknown }).x).toBeUndefined();
  });
});

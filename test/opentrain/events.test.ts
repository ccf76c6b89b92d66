import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  budgetContractOf,
  contractOf,
  eventOrder,
  installOf,
  linkOf,
  type OpenTrainEvent,
  parseEvent,
  trainerOf,
} from '../../shared/opentrain/events.ts';
import { contractStarted, milestoneEvent, newHire } from '../support/opentrain-event.ts';

const bytes = (value: unknown) => Buffer.from(typeof value === 'string' ? value : JSON.stringify(value));

/** @throws {Error} when it is no event, which is a failure of the test */
function eventIn(value: unknown): OpenTrainEvent {
  const parsed = parseEvent(bytes(value));
  if (parsed.kind === 'event') return parsed.event;
  throw new Error(`Expected an event, found ${parsed.reason}.`);
}

/** Everything that the rules read of an event. */
const readAll = (event: OpenTrainEvent) => [
  contractOf(event),
  trainerOf(event),
  linkOf(event),
  budgetContractOf(event),
  installOf(event),
];

describe('parseEvent', () => {
  test('never throws, whatever the bytes', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), (body) => {
        expect(['event', 'nonsense']).toContain(parseEvent(body).kind);
      }),
    );
  });

  test('never throws, whatever the JSON, and calls nonsense what has no id and no type', () => {
    fc.assert(
      fc.property(fc.json(), (json) => {
        const { kind } = parseEvent(bytes(json));
        const value = JSON.parse(json) as { id?: unknown; type?: unknown } | null;
        const named = [value?.id, value?.type].every((one) => typeof one === 'string' && one !== '');
        expect(kind).toBe(named ? 'event' : 'nonsense');
      }),
    );
  });

  const anything = fc.jsonValue();
  const oddFields = (names: readonly string[]) =>
    fc.record(Object.fromEntries(names.map((name) => [name, anything])), { requiredKeys: [] });
  const oddData = fc.record(
    {
      contract: fc.oneof(anything, oddFields(['id', 'status', 'jobId', 'title', 'startDate', 'endDate'])),
      freelancer: fc.oneof(anything, oddFields(['opentrainUserId', 'userId', 'displayName', 'workEmail'])),
      projectLink: fc.oneof(anything, oddFields(['id', 'jobId', 'externalProjectId', 'provisioningMode'])),
      budget: fc.oneof(anything, oddFields(['contractId', 'state', 'consumedFraction'])),
      milestone: fc.oneof(anything, oddFields(['id', 'budget'])),
    },
    { requiredKeys: [] },
  );

  test('takes every event with an id and a type, however odd the rest: odd is absent, never wrong', () => {
    const text = (value: unknown) => value === undefined || typeof value === 'string';
    fc.assert(
      fc.property(anything, anything, fc.oneof(anything, oddData), (resourceId, jobId, data) => {
        const event = eventIn({ id: '1', type: 'contract.started', resourceId, jobId, data });
        const [contract, trainer, link] = [contractOf(event), trainerOf(event), linkOf(event)];
        expect([...Object.values(contract), ...Object.values(trainer), ...Object.values(link ?? {})].every(text)).toBe(
          true,
        );
        expect(readAll(event)).toHaveLength(5);
        // Rule 5, down to the parser.
        expect(trainer.workEmail === undefined || trainer.workEmail.endsWith('@opentrain.work')).toBe(true);
      }),
      { numRuns: 1_000 },
    );
  });

  test('one odd field spoils none beside it', () => {
    const hire = newHire();
    const complete = contractStarted(hire);
    const odd = { ...complete, jobId: 7, data: { ...complete.data, contract: ['?'], extra: { of: 'theirs' } } };
    const event = eventIn(odd);
    expect(contractOf(event)).toMatchObject({ id: hire.contract, jobId: undefined, status: undefined });
    expect(trainerOf(event)).toMatchObject({ opentrainUserId: hire.trainer, workEmail: hire.workEmail });
    expect(linkOf(event)).toMatchObject({ id: hire.link, projectId: hire.project });
  });

  test.each([
    ['contract.started', 'the trainer by userId', { freelancer: { userId: 'u1' } }],
    ['contract.started', 'the trainer by opentrainUserId', { freelancer: { opentrainUserId: 'u1', userId: 'u2' } }],
  ])('%s names %s', (type, _, data) => {
    expect(trainerOf(eventIn({ id: '1', type, data })).opentrainUserId).toBe('u1');
  });

  test.each(['a#b', 'a/b', 'a b', 'a\nb', '', 'x'.repeat(201)])(
    'an id that could not be part of a key is absent: %j',
    (odd) => {
      const event = eventIn({ id: '1', type: 'contract.started', resourceId: odd, data: { projectLink: { id: odd } } });
      expect([contractOf(event).id, linkOf(event)]).toEqual([undefined, undefined]);
    },
  );

  test('an id of 19 digits keeps every one of them', () => {
    expect(eventIn('{"id":"9223372036854775807","type":"x"}').id).toBe('9223372036854775807');
  });

  test('a budget event names its contract in the budget, or by resourceId when no milestone applies', () => {
    expect(budgetContractOf(eventIn(milestoneEvent('milestone.funded', 'c1')))).toBe('c1');
    const bare = { id: '1', type: 'milestone.funded', resourceId: 'c2', data: { milestone: null, budget: {} } };
    expect(budgetContractOf(eventIn(bare))).toBe('c2');
    const ofMilestone = { ...bare, resourceId: 'm1', data: { milestone: { id: 'm1' } } };
    expect(budgetContractOf(eventIn(ofMilestone))).toBeUndefined();
    for (const named of [
      { contract: { id: 'c3' } },
      { milestone: { id: 'm1' }, contract: { id: 'c3' } },
      { milestone: { id: 'm1', budget: { contractId: 'c3' } } },
    ]) {
      expect(budgetContractOf(eventIn({ ...ofMilestone, data: named }))).toBe('c3');
    }
  });

  test('a link event names its link in the data or by resourceId; a contract event only in the data', () => {
    expect(linkOf(eventIn({ id: '1', type: 'project_link.removed', resourceId: 'l1' }))?.id).toBe('l1');
    expect(linkOf(eventIn({ id: '1', type: 'contract.started', resourceId: 'c1' }))).toBeUndefined();
  });
});

describe('eventOrder', () => {
  const digits = fc
    .tuple(fc.integer({ min: 1, max: 9 }), fc.stringMatching(/^\d{0,60}$/))
    .map(([first, rest]) => `${first}${rest}`);
  const compare = (a: string, b: string) => (a < b ? -1 : a > b ? 1 : 0);
  const asNumbers = (a: string, b: string) => (BigInt(a) < BigInt(b) ? -1 : BigInt(a) > BigInt(b) ? 1 : 0);

  test('is the order of the numbers, however long, for ids of digits', () => {
    fc.assert(
      fc.property(digits, digits, (a, b) => {
        expect(compare(eventOrder(a), eventOrder(b))).toBe(asNumbers(a, b));
      }),
    );
  });

  test('tells neighbours beyond 2^53 apart, which as doubles are the same', () => {
    fc.assert(
      fc.property(fc.bigInt({ min: 2n ** 53n, max: 2n ** 200n }), (id) => {
        expect(eventOrder(String(id)) < eventOrder(String(id + 1n))).toBe(true);
      }),
    );
    expect(Number('9007199254740993')).toBe(Number('9007199254740992'));
    expect(eventOrder('9007199254740992') < eventOrder('9007199254740993')).toBe(true);
  });

  test.each([
    ['9', '10'],
    ['99', '100'],
    ['0', '1'],
    ['999999999999999999', '1000000000000000000'],
  ])('%s comes before %s', (before, after) => {
    expect(eventOrder(before) < eventOrder(after)).toBe(true);
  });

  test('leading zeros do not count', () => {
    fc.assert(
      fc.property(digits, fc.nat(20), (id, zeros) => {
        expect(eventOrder('0'.repeat(zeros) + id)).toBe(eventOrder(id));
      }),
    );
    expect(eventOrder('000')).toBe(eventOrder('0'));
  });

  test('ids that are not digits keep their own order, after all that are', () => {
    fc.assert(
      fc.property(fc.string({ minLength: 1 }), fc.string({ minLength: 1 }), digits, (a, b, number) => {
        fc.pre(!/^\d+$/.test(a) && !/^\d+$/.test(b));
        expect(compare(eventOrder(a), eventOrder(b))).toBe(compare(a, b));
        expect(eventOrder(number) < eventOrder(a)).toBe(true);
      }),
    );
  });
});

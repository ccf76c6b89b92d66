import { describe, expect, test } from 'vitest';
import type {
  ConnectionId,
  ContractId,
  LinkId,
  ProjectId,
  TrainerId,
  WorkEmail,
  WorkspaceId,
} from '../../shared/ids.ts';
import type { Grant } from '../../shared/store/grants.ts';
import { claimedDays, claimOf, isCurrent, spanOf, withoutOverlaps } from '../../shared/usage/claims.ts';

const at = (time: string): number => Date.parse(`2026-06-${time}Z`);
const NOW = at('15T12:00:00');
const MARIA = 'maria@opentrain.work' as WorkEmail;
const WINDOW = { from: at('12T00:00:00'), to: NOW };

function grant(fields: Partial<Grant> = {}): Grant {
  return {
    connectionId: 'acme' as ConnectionId,
    contractId: 'c1' as ContractId,
    linkId: 'l1' as LinkId,
    state: 'open',
    trainerId: 't1' as TrainerId,
    workEmail: MARIA,
    workspaceId: 'default' as WorkspaceId,
    projectId: 'p1' as ProjectId,
    ...fields,
  };
}

const claim = (contract: string, from: number, to = Number.POSITIVE_INFINITY, project = 'p1') => ({
  contractId: contract as ContractId,
  trainerId: 't1' as TrainerId,
  workEmail: MARIA,
  workspaceId: 'default' as WorkspaceId,
  projectId: project as ProjectId,
  from,
  to,
});

describe('the time that a grant stands for', () => {
  test('is the contract’s own, as exactly as OpenTrain told it', () => {
    const ended = grant({
      state: 'ended',
      startDate: '2026-06-10T09:30:00.000Z',
      endDate: '2026-06-14T17:00:00.000Z',
      endedAt: at('14T17:00:05'),
    });
    expect(spanOf(ended)).toEqual({ from: at('10T09:30:00'), to: at('14T17:00:00') });
  });

  test('goes on while the grant is open, and has always been going on where no start was told', () => {
    expect(spanOf(grant())).toEqual({ from: Number.NEGATIVE_INFINITY, to: Number.POSITIVE_INFINITY });
  });

  test('ends with the link, even where the contract goes on', () => {
    const unlinked = grant({ state: 'ended', startDate: '2026-06-10T00:00:00Z', endedAt: at('13T08:00:00') });
    expect(spanOf(unlinked).to).toBe(at('13T08:00:00'));
  });

  test('is a whole day where the end is a date, unless the connector heard of the end within it', () => {
    expect(spanOf(grant({ endDate: '2026-06-14' })).to).toBe(at('15T00:00:00'));
    const ended = grant({ state: 'ended', endDate: '2026-06-14', endedAt: at('14T15:00:00') });
    expect(spanOf(ended).to).toBe(at('14T15:00:00'));
  });

  test('begins when the connector let the trainer in, where no start was told', () => {
    expect(spanOf(grant({ openedAt: at('11T09:00:00') })).from).toBe(at('11T09:00:00'));
    expect(spanOf(grant({ startDate: '2026-06-10T00:00:00Z', openedAt: at('11T09:00:00') })).from).toBe(
      at('10T00:00:00'),
    );
  });

  test('makes no sense of what is no date', () => {
    expect(spanOf(grant({ startDate: 'yesterday', endDate: '2026-13-01' }))).toEqual({
      from: Number.NEGATIVE_INFINITY,
      to: Number.POSITIVE_INFINITY,
    });
  });
});

describe('a grant claims work', () => {
  test.each<[string, Partial<Grant>, boolean]>([
    ['while it is open', {}, true],
    ['when it has ended', { state: 'ended', endedAt: NOW }, true],
    ['while a person must help its trainer in', { state: 'parked', reason: 'action_required' }, true],
    ['also when it was suspended since', { state: 'suspended' }, true],
    [
      'but not while it waits for consent',
      { state: 'parked', reason: 'waiting_for_consent', workEmail: undefined },
      false,
    ],
    ['but not when it ended before anybody was let in', { state: 'ended', workEmail: undefined }, false],
    ['but not without a trainer', { trainerId: undefined }, false],
    ['but not without a project', { projectId: undefined }, false],
  ])('%s', (_, fields, claims) => {
    expect(claimOf(grant(fields)) !== undefined).toBe(claims);
  });

  test('as long as its work may change: it is open, or its end was heard of within the look-back', () => {
    expect(isCurrent(grant(), WINDOW.from)).toBe(true);
    expect(isCurrent(grant({ state: 'ended', endedAt: WINDOW.from }), WINDOW.from)).toBe(true);
    expect(isCurrent(grant({ state: 'ended', endedAt: WINDOW.from - 1 }), WINDOW.from)).toBe(false);
  });
});

describe('claims of one trainer on one project', () => {
  test('share the day of a re-hire: the later one begins where the earlier one ends', () => {
    const [first, second] = withoutOverlaps([
      claim('c2', at('14T00:00:00')),
      claim('c1', at('10T00:00:00'), at('14T15:00:00')),
    ]);
    expect(first).toMatchObject({ contractId: 'c1', to: at('14T15:00:00') });
    expect(second).toMatchObject({ contractId: 'c2', from: at('14T15:00:00') });
  });

  test('never have the same time twice: the earlier one has it', () => {
    expect(withoutOverlaps([claim('c2', at('11T00:00:00')), claim('c1', at('10T00:00:00'))])).toMatchObject([
      { contractId: 'c1' },
    ]);
  });

  test('do not take anything from another project', () => {
    const claims = [claim('c1', at('10T00:00:00')), claim('c1', at('10T00:00:00'), undefined, 'p2')];
    expect(withoutOverlaps(claims)).toEqual(claims);
  });
});

describe('of the days of a window, a claim has', () => {
  const days = (from: string, to: string | undefined) =>
    claimedDays({ from: at(from), to: to === undefined ? Number.POSITIVE_INFINITY : at(to) }, WINDOW);

  test('all, when it began before and goes on', () => {
    expect(days('01T00:00:00', undefined)).toEqual({ whole: WINDOW, parts: [] });
  });

  test('a part of the first and a part of the last, when it began and ended within', () => {
    expect(days('12T10:00:00', '14T15:00:00')).toEqual({
      whole: { from: at('13T00:00:00'), to: at('14T00:00:00') },
      parts: [
        { from: at('12T10:00:00'), to: at('13T00:00:00') },
        { from: at('14T00:00:00'), to: at('14T15:00:00') },
      ],
    });
  });

  test('two parts and nothing whole, when it lasted from one day to the next', () => {
    expect(days('13T10:00:00', '14T15:00:00')).toEqual({
      whole: undefined,
      parts: [
        { from: at('13T10:00:00'), to: at('14T00:00:00') },
        { from: at('14T00:00:00'), to: at('14T15:00:00') },
      ],
    });
  });

  test('one part, when it began and ended on one day, or began today', () => {
    expect(days('13T10:00:00', '13T15:00:00').parts).toEqual([{ from: at('13T10:00:00'), to: at('13T15:00:00') }]);
    expect(days('15T10:00:00', undefined).parts).toEqual([{ from: at('15T10:00:00'), to: NOW }]);
  });

  test('no part of a day that it begins or ends with', () => {
    expect(days('12T00:00:00', '14T00:00:00')).toEqual({
      whole: { from: at('12T00:00:00'), to: at('14T00:00:00') },
      parts: [],
    });
  });

  test('nothing, when it was over before or begins later', () => {
    expect(days('01T00:00:00', '11T00:00:00')).toEqual({ whole: undefined, parts: [] });
    expect(days('16T00:00:00', undefined)).toEqual({ whole: undefined, parts: [] });
  });
});

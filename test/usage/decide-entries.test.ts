import { describe, expect, test } from 'vitest';
import type { DayTotals, ReportedDay, SetAsideDay, UsageRecord } from '../../shared/store/usage.ts';
import { decideEntries } from '../../shared/usage/decide-entries.ts';
import { addWork, type DayWork, finishDay, workOf } from '../../shared/usage/totals.ts';

const NOW = Date.parse('2026-06-15T12:00:00Z');
const LOOKED_AT = { firstDay: '2026-06-12', lastDay: '2026-06-15', now: NOW };
const HOUR = 3_600_000;

const work = (...days: [date: string, totals: DayTotals][]): Map<string, DayWork> =>
  new Map(days.map(([date, totals]) => [date, workOf(totals)]));

function record({
  reported = {},
  setAside = {},
}: {
  reported?: Record<string, ReportedDay>;
  setAside?: Record<string, SetAsideDay>;
} = {}): UsageRecord {
  return { reported: new Map(Object.entries(reported)), setAside: new Map(Object.entries(setAside)), revision: 0 };
}

describe('what is sent', () => {
  test('is what OpenTrain does not have: new days, oldest first, and changed ones', () => {
    const days = work(
      ['2026-06-15', { seconds: 60 }],
      ['2026-06-14', { seconds: 90 }],
      ['2026-06-13', { seconds: 30 }],
    );
    const known = record({ reported: { '2026-06-14': { seconds: 80 }, '2026-06-13': { seconds: 30 } } });
    const { send, unchanged } = decideEntries(days, known, LOOKED_AT);
    expect([...send]).toEqual([
      ['2026-06-14', { seconds: 90 }],
      ['2026-06-15', { seconds: 60 }],
    ]);
    expect(unchanged).toBe(1);
  });

  test('is a day again whose sending was never confirmed', () => {
    const known = record({ reported: { '2026-06-14': { seconds: 90, unconfirmed: true } } });
    expect(decideEntries(work(['2026-06-14', { seconds: 90 }]), known, LOOKED_AT).send.size).toBe(1);
  });

  test('is zero for a day whose work was deleted, in the measures that were told', () => {
    const known = record({ reported: { '2026-06-14': { seconds: 90, tasks: 2 } } });
    const { send } = decideEntries(new Map(), known, LOOKED_AT);
    expect([...send]).toEqual([['2026-06-14', { seconds: 0, tasks: 0 }]]);
    const zeroed = record({ reported: { '2026-06-14': { seconds: 0, tasks: 0 } } });
    expect(decideEntries(new Map(), zeroed, LOOKED_AT).send.size).toBe(0);
  });

  test('is zero in a measure that is told no more: OpenTrain keeps what is left out', () => {
    const known = record({ reported: { '2026-06-14': { seconds: 90, tasks: 2 } } });
    const { send } = decideEntries(work(['2026-06-14', { seconds: 90 }]), known, LOOKED_AT);
    expect([...send]).toEqual([['2026-06-14', { seconds: 90, tasks: 0 }]]);
    const zeroed = record({ reported: { '2026-06-14': { seconds: 90, tasks: 0 } } });
    expect(decideEntries(work(['2026-06-14', { seconds: 90 }]), zeroed, LOOKED_AT).unchanged).toBe(1);
  });

  test('is nothing of a day that was not looked at', () => {
    const known = record({ reported: { '2026-06-11': { seconds: 90 } } });
    expect(decideEntries(new Map(), known, LOOKED_AT).send.size).toBe(0);
  });

  test('is nothing of a day of which the platform tells no measure', () => {
    expect(decideEntries(work(['2026-06-14', {}]), record(), LOOKED_AT).send.size).toBe(0);
  });
});

describe('what is set aside', () => {
  test.each<[string, DayTotals, string]>([
    ['more seconds than a day has', { seconds: 86_401 }, 'seconds_out_of_range'],
    ['negative seconds', { seconds: -1 }, 'seconds_out_of_range'],
    ['a negative count', { seconds: 5, tasks: -1 }, 'negative_count'],
    ['half a task', { tasks: 0.5 }, 'not_a_whole_number'],
    ['what is no number', { seconds: Number.NaN }, 'not_a_number'],
    ['more labels than anybody can count', { labels: 2 ** 53 }, 'count_out_of_range'],
  ])('%s, and nothing else', (_, totals, reason) => {
    const days = work(['2026-06-14', totals], ['2026-06-15', { seconds: 60 }]);
    const { send, setAside } = decideEntries(days, record(), LOOKED_AT);
    expect([...send.keys()]).toEqual(['2026-06-15']);
    expect(setAside.get('2026-06-14')).toMatchObject({ reason, since: NOW });
  });

  test('a whole day of 86,400 s is none of it', () => {
    expect(decideEntries(work(['2026-06-14', { seconds: 86_400 }]), record(), LOOKED_AT).send.size).toBe(1);
  });

  test('is told once, and again when it changes', () => {
    const known = record({ setAside: { '2026-06-14': { tasks: -1, reason: 'negative_count', since: NOW - HOUR } } });
    const same = decideEntries(work(['2026-06-14', { tasks: -1 }]), known, LOOKED_AT);
    expect([same.setAside.size, same.asideCount]).toEqual([0, 1]);
    const other = decideEntries(work(['2026-06-14', { tasks: -2 }]), known, LOOKED_AT);
    expect(other.setAside.get('2026-06-14')).toMatchObject({ tasks: -2 });
  });

  test('is over once the work is gone, or mended', () => {
    const known = record({ setAside: { '2026-06-14': { tasks: -1, reason: 'negative_count', since: NOW - HOUR } } });
    expect(decideEntries(new Map(), known, LOOKED_AT).mended).toEqual(['2026-06-14']);
    expect([...decideEntries(work(['2026-06-14', { tasks: 1 }]), known, LOOKED_AT).send.keys()]).toEqual([
      '2026-06-14',
    ]);
  });

  test('is kept without the numbers that the table cannot hold', () => {
    const days = work(['2026-06-14', { seconds: 1e300, tasks: 0.5, labels: 7 }]);
    const { setAside } = decideEntries(days, record(), LOOKED_AT);
    expect(setAside.get('2026-06-14')).toEqual({ labels: 7, reason: 'not_a_whole_number', since: NOW });
    expect(decideEntries(days, record({ setAside: Object.fromEntries(setAside) }), LOOKED_AT).setAside.size).toBe(0);
  });

  test('for a date that cannot be is over with the row, wherever the date lies', () => {
    const reasons = ['future_date', 'outside_window', 'malformed_date'];
    const aside = Object.fromEntries(
      reasons.map((reason, index) => [`203${index}-02-31`, { seconds: 1, reason, since: NOW - HOUR }]),
    );
    const refused = { '2026-06-01': { seconds: 1, reason: 'refused_by_opentrain', since: NOW - HOUR } };
    const { mended } = decideEntries(new Map(), record({ setAside: { ...aside, ...refused } }), LOOKED_AT);
    expect(mended.toSorted()).toEqual(Object.keys(aside));
  });

  test('under what does not look like a date at all is counted, but not kept', () => {
    const days = new Map([['yesterday', { totals: { seconds: 1 }, fault: 'malformed_date' as const }]]);
    expect(decideEntries(days, record(), LOOKED_AT)).toMatchObject({ asideCount: 1, setAside: new Map() });
  });

  test('is not sent again for a day when OpenTrain has refused it, unless it changes', () => {
    const refused = (since: number) =>
      record({ setAside: { '2026-06-14': { seconds: 60, reason: 'refused_by_opentrain', since } } });
    const days = work(['2026-06-14', { seconds: 60 }]);
    expect(decideEntries(days, refused(NOW - 23 * HOUR), LOOKED_AT).send.size).toBe(0);
    expect(decideEntries(days, refused(NOW - 24 * HOUR), LOOKED_AT).send.size).toBe(1);
    const changed = work(['2026-06-14', { seconds: 61 }]);
    expect(decideEntries(changed, refused(NOW - HOUR), LOOKED_AT).send.size).toBe(1);
  });
});

describe('a day in several projects', () => {
  test('is added up first and rounded once', () => {
    const parts = [0.4, 0.4, 0.4].map((seconds) => workOf({ seconds, tasks: 1 }));
    const day = parts.reduce<DayWork | undefined>((sum, part) => addWork(sum, part), undefined);
    expect(day && finishDay(day).totals).toEqual({ seconds: 1, tasks: 3 });
  });

  test('is set aside as a whole when one of them is wrong: a part would replace the whole', () => {
    const day = addWork(workOf({ seconds: 10, tasks: -3 }), workOf({ seconds: 10, tasks: 5 }));
    expect(finishDay(day).fault).toBe('negative_count');
  });

  test('has the measures that either tells', () => {
    expect(addWork(workOf({ seconds: 10 }), workOf({ labels: 3 })).totals).toEqual({ seconds: 10, labels: 3 });
  });
});

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import * as v from 'valibot';
import { describe, expect, test } from 'vitest';
import { createLogger, type LogFields } from '../../shared/logging.ts';
import { METRICS, type Metric, OTHER } from '../../shared/metrics.ts';
import { loggedEvents } from '../support/logged-events.ts';

const NAMESPACE = 'OpenTrainConnector/prod';

/** The line that a logger writes with metrics. */
function lineOf(fields: LogFields): Record<string, unknown> {
  const lines: string[] = [];
  createLogger((line) => lines.push(line), NAMESPACE).info(fields);
  return JSON.parse(lines.join());
}

/** Name, value, unit and dimensions of each metric that CloudWatch finds in a line, read as its specification says. */
function extract(line: Record<string, unknown>) {
  if (line._aws === undefined) return [];
  const { Timestamp, CloudWatchMetrics } = v.parse(Metadata, line._aws);
  expect(new Date(Timestamp).toISOString()).toBe(line.time);
  return CloudWatchMetrics.flatMap(({ Dimensions, Metrics }) =>
    Dimensions.flatMap((names) =>
      Metrics.map(({ Name, Unit }) => ({
        name: Name,
        unit: Unit,
        value: v.parse(v.pipe(v.number(), v.finite()), line[Name]),
        dimensions: Object.fromEntries(names.map((name) => [name, v.parse(DimensionValue, line[name])])),
      })),
    ),
  );
}

const text = (most: number) => v.pipe(v.string(), v.minLength(1), v.maxLength(most));
const DimensionValue = text(1024);

/** Source: CloudWatch User Guide, "Specification: Embedded metric format", and its JSON schema. */
const Metadata = v.strictObject({
  Timestamp: v.pipe(v.number(), v.integer()),
  CloudWatchMetrics: v.array(
    v.strictObject({
      Namespace: v.pipe(text(255), v.regex(/^[\w./#:-]+$/)),
      Dimensions: v.pipe(v.array(v.pipe(v.array(text(250)), v.maxLength(30))), v.minLength(1)),
      Metrics: v.pipe(
        v.array(v.strictObject({ Name: text(1024), Unit: v.picklist(['Count', 'Milliseconds', 'Seconds']) })),
        v.minLength(1),
        v.maxLength(100),
      ),
    }),
  ),
});

const ALL: readonly (readonly [event: string, metric: Metric])[] = Object.entries(METRICS).flatMap(([event, metrics]) =>
  metrics.map((metric) => [event, metric] as const),
);

/** A line as full as can be, so that every metric of its event is in it. */
const full = (event: string, words: { readonly outcome: string; readonly reason: string }): LogFields => ({
  event,
  connectionId: 'acme',
  trainerId: 'user_1',
  contractId: 'contract_1',
  ...words,
  durationMs: 1200,
  workspaceMs: 800,
  count: 7,
  sent: 3,
  setAside: 1,
  held: 4,
  failed: 2,
  overdue: 1,
  lagSeconds: 3600,
  unattributedSeconds: 60,
});

describe('the table of metrics', () => {
  test('names events that are logged', () => {
    expect(loggedEvents()).toEqual(expect.arrayContaining(Object.keys(METRICS)));
  });

  test('has one unit and one breakdown a name, whatever event carries it', () => {
    for (const [, { name, unit, by }] of ALL) {
      const others = ALL.filter(([, other]) => other.name === name);
      for (const [, other] of others) expect([other.unit, other.by]).toEqual([unit, by]);
    }
  });

  test('has no more series than a busy month should pay for', () => {
    const seriesOf = ({ by }: Metric) => (by === undefined ? 1 : by.words.length + 1);
    const names = new Map(ALL.map(([, metric]) => [metric.name, seriesOf(metric)]));
    expect([...names.values()].reduce((sum, count) => sum + count, 0)).toBeLessThanOrEqual(80);
  });

  test('tells apart by words that the sources know', () => {
    const files = [
      'shared/opentrain/signature.ts',
      'shared/opentrain/events.ts',
      'shared/deliveries/intake.ts',
      'shared/deliveries/classify.ts',
      'shared/deliveries/process-delivery.ts',
      'shared/events/contract-events.ts',
      'shared/events/link-events.ts',
      'shared/events/install-events.ts',
      'shared/events/milestone-events.ts',
      'shared/access/find-trainer.ts',
      'shared/store/grants.ts',
      'shared/usage/tally.ts',
      'shared/reconcile/repairs.ts',
      'shared/workspace/measured-place.ts',
    ];
    const sources = files.map((file) => readFileSync(join(import.meta.dirname, '..', '..', file), 'utf8')).join('\n');
    for (const [, { name, by, onlyIf }] of ALL) {
      for (const word of [...(by?.words ?? []), ...(onlyIf === undefined ? [] : [onlyIf.word])]) {
        expect(sources, `${name}: ${word}`).toContain(`'${word}'`);
      }
    }
  });

  test('knows every reason to park a delivery or to refuse one', () => {
    const files = ['contract-events', 'link-events', 'install-events', 'milestone-events'];
    const folder = join(import.meta.dirname, '..', '..', 'shared', 'events');
    const sources = files.map((file) => readFileSync(join(folder, `${file}.ts`), 'utf8')).join('\n');
    const reasons = [...sources.matchAll(/parked\('(\w+)'\)/g)].map(([, reason]) => reason);
    expect(reasons.length).toBeGreaterThan(5);
    expect(METRICS['delivery.parked']?.[0]?.by?.words).toEqual(expect.arrayContaining(reasons));
  });

  test('knows every reason to repair something', () => {
    const repairs = readFileSync(join(import.meta.dirname, '..', '..', 'shared', 'reconcile', 'repairs.ts'), 'utf8');
    const [, why = ''] = /export type Why =([\s\S]*?);/.exec(repairs) ?? [];
    const reasons = [...why.matchAll(/\| '(\w+)'/g)].map(([, reason]) => reason);
    expect(reasons.length).toBeGreaterThan(5);
    expect(METRICS['reconcile.repaired']?.[0]?.by?.words).toEqual(expect.arrayContaining(reasons));
  });
});

describe('a line', () => {
  test.each(ALL)('of %s carries $name as CloudWatch specifies it', (event, metric) => {
    const words = { outcome: 'ensureAccess', reason: 'was_parked' };
    if (metric.onlyIf !== undefined) words[metric.onlyIf.field] = metric.onlyIf.word;
    const found = extract(lineOf(full(event, words))).filter(({ name }) => name === metric.name);
    expect(found).toEqual([
      {
        name: metric.name,
        unit: metric.unit,
        value: metric.value === undefined ? 1 : full(event, words)[metric.value],
        dimensions: metric.by === undefined ? {} : { [metric.by.dimension]: expect.any(String) },
      },
    ]);
  });

  test('is the same with metrics as without, and some more', () => {
    const fields = full('delivery.parked', { outcome: 'x', reason: 'no_contract' });
    expect(lineOf(fields)).toMatchObject({ ...fields });
  });

  test('has one member for a metric or a dimension, whatever its fields are called', () => {
    const fields = Object.keys(full('x', { outcome: 'x', reason: 'x' }));
    for (const [, { name, by }] of ALL) {
      expect([...fields, 'level', 'time', 'error']).not.toContain(name);
      expect(fields).not.toContain(by?.dimension);
    }
  });

  test('of an event without metrics carries none', () => {
    expect(lineOf({ event: 'delivery.unavailable' })).not.toHaveProperty('_aws');
  });

  test('carries none where no namespace is given, or an empty one', () => {
    const lines: string[] = [];
    createLogger((line) => lines.push(line)).info({ event: 'delivery.accepted' });
    createLogger((line) => lines.push(line), '').info({ event: 'delivery.accepted' });
    expect(lines).toHaveLength(2);
    expect(lines.join()).not.toContain('_aws');
  });

  test('leaves out counts of zero, and what it does not know', () => {
    const names = extract(
      lineOf({ event: 'usage.connection-done', sent: 0, unattributedSeconds: 0, lagSeconds: 0 }),
    ).map(({ name }) => name);
    expect(names).toEqual(['UsageLag']);
  });

  test('tells of no age below zero, where two clocks differ', () => {
    expect(extract(lineOf({ event: 'delivery.done', durationMs: -3 }))).toMatchObject([{ value: 0 }]);
  });

  test.each([
    ['provisioned', ['DeliveryAge', 'DeliveryWorkspaceTime', 'Provisioned']],
    ['offboarded', ['DeliveryAge', 'DeliveryWorkspaceTime', 'Offboarded']],
    ['unknown_type', ['DeliveryAge', 'DeliveryWorkspaceTime']],
  ])('of a delivery that ended as %s counts as %j', (outcome, names) => {
    const found = extract(lineOf({ event: 'delivery.done', outcome, durationMs: 5, workspaceMs: 3 }));
    expect(found.map(({ name }) => name)).toEqual(names);
  });
});

describe('nothing but listed words becomes a dimension', () => {
  test.each(ALL.filter(([, { by }]) => by !== undefined))('in a line of %s', (event, { name }) => {
    const words = { outcome: 'maria@opentrain.work', reason: 'whsec_oops' };
    const line = lineOf(full(event, words));
    const [found] = extract(line).filter((metric) => metric.name === name);
    expect(Object.values(found?.dimensions ?? {})).toEqual([OTHER]);
    expect(JSON.stringify(line._aws)).not.toMatch(/maria|whsec/);
  });

  test('and a connection, a contract or a trainer is none', () => {
    const dimensions = ALL.flatMap(([, { by }]) => (by === undefined ? [] : [by.dimension]));
    expect(new Set(dimensions)).toEqual(new Set(['Reason', 'Call']));
  });
});

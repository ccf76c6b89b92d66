import type { Template } from 'aws-cdk-lib/assertions';
import { METRICS } from '../../shared/metrics.ts';
import { asText, properties, synthesize } from '../infra/synthesize.ts';
import {
  ASSUMPTIONS,
  type CostLine,
  costPerMillionEvents,
  type Deployment,
  idleCostPerMonth,
  metricsPerMonth,
  PRICES,
  totalOf,
  volumePerMillionEvents,
  watchingPerMonth,
} from './cost.ts';
import { type CostCounts, countCosts } from './cost-counts.ts';

const SCHEDULED = ['UsageFunction', 'ReconcileFunction'];

const isScheduled = (id: string): boolean => SCHEDULED.some((start) => id.startsWith(start));

/** As the stack of prod has it. */
export function readDeployment(): Deployment {
  const template = synthesize({ stage: 'prod' });
  const functions = Object.entries(template.findResources('AWS::Lambda::Function')).map(([id, { Properties }]) => ({
    id,
    memoryMb: Number(Properties.MemorySize),
    traced: Properties.TracingConfig?.Mode === 'Active',
    logsInvocations: !['WARN', 'ERROR'].includes(Properties.LoggingConfig?.SystemLogLevel),
  }));
  const memoryOf = (...ids: readonly string[]) => {
    const sizes = functions.filter(({ id }) => ids.some((start) => id.startsWith(start)));
    return Math.max(...sizes.map(({ memoryMb }) => memoryMb));
  };
  const alarms = Object.values(template.findResources('AWS::CloudWatch::Alarm'));
  return {
    memoryMb: {
      webhook: memoryOf('Webhook'),
      worker: memoryOf('Worker'),
      scheduled: memoryOf(...SCHEDULED),
    },
    logsInvocations: functions.some(({ logsInvocations }) => logsInvocations),
    tracesRuns: functions.some(({ id, traced }) => traced && isScheduled(id)),
    alarms: alarms.length,
    alarmMetrics: alarms.reduce((sum, { Properties }) => sum + countMetrics(Properties.Metrics), 0),
    ownMetrics: countOwnMetrics(template),
    dashboardMetrics: countNamed(asText(properties(template, 'AWS::CloudWatch::Dashboard', 'Dashboard').DashboardBody)),
  };
}

/** Those in the functions' lines, with a series for each word and one for all others, and those that filters count. */
function countOwnMetrics(template: Template): number {
  const words = Object.values(METRICS).flatMap((metrics) =>
    metrics.flatMap(({ name, by }) => (by ? [...by.words, 'other'].map((word) => `${name} ${word}`) : [name])),
  );
  const counted = Object.values(template.findResources('AWS::Logs::MetricFilter')).map(({ Properties }) =>
    String(Properties.MetricTransformations[0].MetricName),
  );
  return new Set([...words, ...counted]).size;
}

/** A line of a graph is `[namespace, name, dimension, value, …, options]`, or an expression. Statistics do not count. */
function countNamed(dashboardBody: string): number {
  const { widgets } = JSON.parse(dashboardBody) as { widgets: { properties: { metrics?: unknown[][] } }[] };
  const lines = widgets.flatMap(({ properties: { metrics = [] } }) => metrics);
  const names = lines
    .map((line) => line.filter((part) => typeof part === 'string'))
    .filter((name) => name.length > 0)
    .map((name) => JSON.stringify(name));
  return new Set(names).size;
}

/** @param metrics - of an alarm on an expression; others have one and do not list it */
const countMetrics = (metrics: readonly { readonly MetricStat?: unknown }[] = [{ MetricStat: {} }]): number =>
  metrics.filter(({ MetricStat }) => MetricStat !== undefined).length;

/** The tables of docs/cost.md, by the name that marks them there. */
export function costTables(counts: CostCounts, deployment: Deployment): ReadonlyMap<string, string> {
  const { contractStarted, contractEnded, duplicate, idleUsageRun, idleReconcileRun } = counts;
  const counted = [
    ['`contract.started`', contractStarted],
    ['`contract.ended`', contractEnded],
    ['a duplicate', duplicate],
    ['a usage run of a connection, nothing to report', idleUsageRun],
    ['a reconcile run of a connection, nothing to repair', idleReconcileRun],
  ] as const;
  return new Map([
    [
      'counts',
      table(
        ['', 'DynamoDB requests', 'read units', 'write units', 'workspace', 'OpenTrain', 'bytes of log'],
        counted.map(([what, count]) => [
          what,
          ...[count.dynamodbRequests, count.readUnits, count.writeUnits],
          ...[count.workspaceRequests, count.opentrainRequests, count.logBytes],
        ]),
      ),
    ],
    [
      'million',
      costTable(
        ['a million events', 'one by one', 'ten at a time'],
        [costPerMillionEvents(counts, 1, deployment), costPerMillionEvents(counts, 10, deployment)],
      ),
    ],
    ['volume', costTable(['a million events a month', ''], [volumePerMillionEvents(counts)])],
    [
      'idle',
      costTable(
        ['a month', '1 connection', '100 connections'],
        [idleCostPerMonth(counts, 1, deployment), idleCostPerMonth(counts, 100, deployment)],
      ),
    ],
    ['watching', costTable(['a month', ''], [watchingPerMonth(deployment)])],
    [
      'metrics',
      table(
        ['metrics that are told in every hour', 'a month'],
        metricsPerMonth(deployment).map(({ what, dollars }) => [what, `$${dollars.toFixed(2)}`]),
      ),
    ],
    ['prices', table(['price', 'dollars'], Object.entries(PRICES).map(priceRow))],
    [
      'assumptions',
      table(
        ['assumption', 'value'],
        Object.entries({
          ...ASSUMPTIONS,
          recordBytes: counts.recordBytes,
          ...Object.fromEntries(Object.entries(deployment.memoryMb).map(([name, mb]) => [`memoryMb.${name}`, mb])),
        }).map(([name, value]) => [`\`${name}\``, Number(value.toFixed(2))]),
      ),
    ],
  ]);
}

const priceRow = ([name, dollars]: [string, number]) => {
  const isPerRequest = /(Request|Invocation|Unit|Trace)$/.test(name);
  return [`\`${name}\``, isPerRequest ? `${Number((dollars * 1e6).toPrecision(6))} a million` : String(dollars)];
};

/** Alternatives beside each other, line by line, and their totals. */
function costTable(head: readonly string[], alternatives: readonly (readonly CostLine[])[]): string {
  const [first = []] = alternatives;
  const dollars = (amount: number | undefined) => `$${(amount ?? 0).toFixed(2)}`;
  return table(head, [
    ...first.map(({ what }, index) => [what, ...alternatives.map((lines) => dollars(lines[index]?.dollars))]),
    ['**together**', ...alternatives.map((lines) => `**${dollars(totalOf(lines))}**`)],
  ]);
}

function table(head: readonly string[], rows: readonly (readonly (string | number)[])[]): string {
  const line = (cells: readonly (string | number)[]) => `| ${cells.join(' | ')} |`;
  return [line(head), line(head.map((_, index) => (index === 0 ? '---' : '--:'))), ...rows.map(line)].join('\n');
}

if (import.meta.main) {
  for (const [name, text] of costTables(await countCosts(), readDeployment())) {
    console.log(`<!-- ${name} -->\n\n${text}\n`);
  }
}

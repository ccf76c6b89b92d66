import { Duration } from 'aws-cdk-lib';
import { MathExpression, Stats } from 'aws-cdk-lib/aws-cloudwatch';
import type { TableV2 } from 'aws-cdk-lib/aws-dynamodb';
import type { Alarms } from './alarms.ts';
import type { ConnectorFunction } from './connector-function.ts';

/** What AWS gives the connector to work with. The names of the functions become ids in expressions: lower-case words. */
export interface WatchedCapacity {
  /** Functions for whose answer somebody waits. */
  readonly answering: Readonly<Record<string, ConnectorFunction>>;

  /** Functions that are fed from a queue, use all of their time where there is enough to do, and then put back the rest. */
  readonly fed: Readonly<Record<string, ConnectorFunction>>;

  readonly table: TableV2;
}

/** The share of its time that an answer may take before it counts as late. */
const ANSWERED_WITHIN = 0.8;

/**
 * Functions that are fed from a queue stop by themselves 5 s (worker) or 15 s before their time is up; of those, so much is
 * left for what is still under way. Who needs longer did not stop as they should.
 */
const LEFT_AT_LEAST = Duration.millis(2_500);

/** The alarms on what AWS allows: concurrency, time, and requests to the table. One for each, over all functions. */
export function addCapacityAlarms(alarms: Alarms, { answering, fed, table }: WatchedCapacity): void {
  const functions = { ...answering, ...fed };

  alarms.raise('Throttles', {
    name: 'functions are throttled',
    description:
      "Lambda had no room to run a function: OpenTrain's deliveries are answered 5xx and sent again, or work on the " +
      "queues is late. Look at the account's concurrent executions in this region, and which function is throttled, on " +
      'the dashboard.',
    metric: new MathExpression({
      expression: `SUM([${Object.keys(functions)
        .map((name) => `FILL(${name}, 0)`)
        .join(', ')}])`,
      usingMetrics: mapValues(functions, (one) => one.function.metricThrottles({ statistic: Stats.SUM })),
      label: 'Throttles',
      period: Duration.minutes(5),
    }),
    threshold: 1,
  });

  const limits = {
    ...mapValues(answering, ({ timeout }) => timeout.toMilliseconds() * ANSWERED_WITHIN),
    ...mapValues(fed, ({ timeout }) => timeout.toMilliseconds() - LEFT_AT_LEAST.toMilliseconds()),
  };
  alarms.raise('SlowFunctions', {
    name: 'functions run close to their timeout',
    description:
      'A function that somebody waits for took 80 % of its time or more, or one that is fed from a queue did not stop in ' +
      'time: a little slower, and it is cut off in the midst of its work. Look at the durations on the dashboard, and ' +
      'for what was slow in the log of that function.',
    metric: new MathExpression({
      expression: `MAX([${Object.entries(limits)
        .map(([name, milliseconds]) => `FILL(${name}, 0) / ${milliseconds}`)
        .join(', ')}])`,
      usingMetrics: mapValues(functions, (one) => one.function.metricDuration({ statistic: Stats.MAXIMUM })),
      label: 'Share of what is allowed',
      period: Duration.minutes(15),
    }),
    threshold: 1,
  });

  const events = (metricName: string) => table.metric(metricName, { statistic: Stats.SUM });
  alarms.raise('TableThrottles', {
    name: 'the table is throttled',
    description:
      'DynamoDB refuses requests to the table: deliveries, usage and reconciliation are late, and tried again. Look at ' +
      'the consumed capacity on the dashboard, whether one connection has far more to do than others, and at the quotas ' +
      'of DynamoDB in this account.',
    metric: new MathExpression({
      expression: 'SUM([FILL(reads, 0), FILL(writes, 0)])',
      usingMetrics: { reads: events('ReadThrottleEvents'), writes: events('WriteThrottleEvents') },
      label: 'Throttled requests',
      period: Duration.minutes(5),
    }),
    threshold: 1,
  });
}

function mapValues<In, Out>(from: Readonly<Record<string, In>>, make: (value: In) => Out): Record<string, Out> {
  return Object.fromEntries(Object.entries(from).map(([name, value]) => [name, make(value)]));
}

import type { CostCounts, Counts } from './cost-counts.ts';

/**
 * List prices, US dollars, us-east-1; sources in docs/cost.md. Where there are tiers it is the first,
 * dearest one.
 */
export const PRICES = {
  httpApiRequest: 1.0 / 1e6,
  lambdaRequest: 0.2 / 1e6,
  /** arm64. */
  lambdaGbSecond: 0.0000133334,
  /** Standard queue, 64 KB. */
  sqsRequest: 0.4 / 1e6,
  /** On top, on queues whose messages name a group: the connection is ours. */
  sqsFairQueueRequest: 0.1 / 1e6,
  dynamoWriteUnit: 0.625 / 1e6,
  dynamoReadUnit: 0.125 / 1e6,
  /** A month, with the backup for point-in-time recovery. */
  dynamoGb: 0.25 + 0.2,
  logGb: 0.5,
  /** A month; logs are kept compressed, to about 15 %. */
  logStoredGb: 0.03 * 0.15,
  dataOutGb: 0.09,
  kmsRequest: 0.03 / 10_000,
  schedulerInvocation: 1.0 / 1e6,
  xrayTrace: 5.0 / 1e6,
  customMetricMonth: 0.3,
  alarmMonth: 0.1,
  dashboardMonth: 3,
} as const;

/** What the stack says; a test compares it with the template. */
export interface Deployment {
  /** Of each function. */
  readonly memoryMb: { readonly webhook: number; readonly worker: number; readonly scheduled: number };
  /** Whether Lambda writes START, END and REPORT for each invocation. */
  readonly logsInvocations: boolean;
  /** Whether X-Ray traces the runs that the schedules make. */
  readonly tracesRuns: boolean;
  readonly alarms: number;
  /** What alarms are billed by: one on an expression counts for each metric in it. */
  readonly alarmMetrics: number;
  /** Metrics that the dashboard names, each once; what it searches for comes on top where it is told. */
  readonly dashboardMetrics: number;
  /** Series of the connector's own metrics, if each word of each dimension came up. */
  readonly ownMetrics: number;
}

/** What is not counted here but taken from AWS's documentation, or assumed. */
export const ASSUMPTIONS = {
  /** Milliseconds that Lambda bills: for its own work, for a request to AWS, and for one to the workspace or OpenTrain. */
  ownMilliseconds: 5,
  awsMilliseconds: 6,
  outsideMilliseconds: 150,
  /**
   * Of invocations on a busy platform; AWS found it to be less in production. Source: AWS Compute Blog, "AWS Lambda
   * standardizes billing for INIT Phase", April 2025.
   */
  coldShare: 0.01,
  /** Milliseconds until a new environment is ready, billed since August 2025: Node's own start, then the bundle. */
  webhookInitMilliseconds: 200,
  sdkInitMilliseconds: 400,
  /** Connections that a schedule has worked on at a time, each in an environment of its own. */
  runsAtOnce: 5,
  /** Deliveries of a batch that the worker has in hand at once. */
  lanes: 5,
  /** START, END and REPORT as Lambda writes them for an invocation, with what CloudWatch adds to each. */
  invocationLogBytes: 350,
  /** A line of the API's access log, the same way. */
  accessLogBytes: 300,
  logMonths: 3,
  /** For how long a delivery's record is kept. */
  recordMonths: 35 / 30,
  /** Sent with a request to the workspace or OpenTrain, TLS included. */
  outsideBytes: 1_000,
  hoursAMonth: 730,
  /** Long polling, 20 s each, by the five pollers that an event source mapping has at least. */
  pollsAMinute: 15,
  queues: 3,
  usageRunsAnHour: 1,
  reconcileRunsAnHour: 2,
  /**
   * Series that a deployment tells of in every hour, whatever happens: two lags, what a reconciliation has checked and how long
   * it took, and what two silence alarms count.
   */
  steadyMetrics: 6,
  /** Series that a platform tells of in every hour when it has much to do. */
  busyMetrics: 25,
} as const;

/** One line of a bill. */
export interface CostLine {
  readonly what: string;
  readonly dollars: number;
}

/** Promised: dollars for a million events one by one and in batches of ten, and for an idle month of one connection. */
export const COST_LIMITS = { millionSingle: 8, millionBatched: 6, idleMonth: 2 } as const;

export const totalOf = (lines: readonly CostLine[]): number => lines.reduce((sum, { dollars }) => sum + dollars, 0);

/** A million hires and ends of contracts, half each, from the webhook to the last line of the log. */
export function costPerMillionEvents(
  { contractStarted, contractEnded }: CostCounts,
  batchSize: number,
  { memoryMb, logsInvocations }: Deployment,
): CostLine[] {
  const event = meanOf(contractStarted, contractEnded);
  const A = ASSUMPTIONS;
  const million = (dollars: number) => dollars * 1e6;
  const webhookSeconds = (A.ownMilliseconds + A.awsMilliseconds) / 1000;
  // One after another, but that the lanes share a batch among them.
  const workerSeconds = secondsOf(event) / Math.min(batchSize, A.lanes);
  const gbSeconds = (webhookSeconds * memoryMb.webhook + workerSeconds * memoryMb.worker) / 1024;
  const coldGbSeconds =
    (A.coldShare / 1024 / 1000) *
    (A.webhookInitMilliseconds * memoryMb.webhook + (A.sdkInitMilliseconds / batchSize) * memoryMb.worker);
  const invocations = 1 + 1 / batchSize;
  const logGb = (event.logBytes + A.accessLogBytes + (logsInvocations ? invocations * A.invocationLogBytes : 0)) / 1e9;
  // Sent one by one; received and deleted by the batch.
  const sqsRequests = 1 + 2 / batchSize;
  return [
    { what: 'API Gateway, HTTP API', dollars: million(PRICES.httpApiRequest) },
    { what: 'Lambda, invocations', dollars: million(invocations * PRICES.lambdaRequest) },
    { what: 'Lambda, time', dollars: million(gbSeconds * PRICES.lambdaGbSecond) },
    { what: 'Lambda, cold starts', dollars: million(coldGbSeconds * PRICES.lambdaGbSecond) },
    { what: 'SQS', dollars: million(sqsRequests * (PRICES.sqsRequest + PRICES.sqsFairQueueRequest)) },
    { what: 'DynamoDB, writes', dollars: million(event.writeUnits * PRICES.dynamoWriteUnit) },
    { what: 'DynamoDB, reads', dollars: million(event.readUnits * PRICES.dynamoReadUnit) },
    { what: 'Logs, metrics among them', dollars: million(logGb * PRICES.logGb) },
  ];
}

/** What a million such events leave behind, and send out; most deployments stay below what is free of both. */
export function volumePerMillionEvents(counts: CostCounts): CostLine[] {
  const event = meanOf(counts.contractStarted, counts.contractEnded);
  const A = ASSUMPTIONS;
  const recordGbMonths = (counts.recordBytes * A.recordMonths) / 1000;
  const logGbMonths = ((event.logBytes + A.accessLogBytes) * A.logMonths) / 1000;
  return [
    { what: 'DynamoDB, records for 35 days, with backup', dollars: recordGbMonths * PRICES.dynamoGb },
    { what: 'Logs, kept for 90 days', dollars: logGbMonths * PRICES.logStoredGb },
    { what: 'Data out', dollars: outsideGb(event) * 1e6 * PRICES.dataOutGb },
  ];
}

/** A month in which nothing happens. */
export function idleCostPerMonth(
  { idleUsageRun, idleReconcileRun }: CostCounts,
  connections: number,
  { memoryMb, logsInvocations, tracesRuns }: Deployment,
): CostLine[] {
  const A = ASSUMPTIONS;
  const runsOf = (anHour: number) => anHour * A.hoursAMonth;
  const kinds = [
    { counts: idleUsageRun, runs: runsOf(A.usageRunsAnHour) },
    { counts: idleReconcileRun, runs: runsOf(A.reconcileRunsAnHour) },
  ];
  const sum = (each: (counts: Counts) => number) =>
    kinds.reduce((all, { counts, runs }) => all + runs * connections * each(counts), 0);
  const plans = kinds.reduce((all, { runs }) => all + runs, 0);
  const jobs = plans * connections;
  // Between two runs the environments are gone: the plan has one made, and so has each connection that is worked on at a time.
  const coldSeconds = (plans * (1 + Math.min(connections, A.runsAtOnce)) * A.sdkInitMilliseconds) / 1000;
  const polls = A.queues * A.pollsAMinute * 60 * A.hoursAMonth;
  const logGb = (sum(({ logBytes }) => logBytes) + (logsInvocations ? (plans + jobs) * A.invocationLogBytes : 0)) / 1e9;
  return [
    {
      what: 'SQS, polling of empty queues',
      dollars: polls * (PRICES.sqsRequest + PRICES.sqsFairQueueRequest),
    },
    {
      what: 'SQS, a message per run and connection',
      // Sent ten at a time, received and deleted one by one.
      dollars: 2.1 * jobs * (PRICES.sqsRequest + PRICES.sqsFairQueueRequest),
    },
    { what: 'Scheduler', dollars: plans * PRICES.schedulerInvocation },
    { what: 'Lambda, invocations', dollars: (plans + jobs) * PRICES.lambdaRequest },
    {
      what: 'Lambda, time',
      dollars:
        (((sum(secondsOf) + (plans * A.awsMilliseconds) / 1000) * memoryMb.scheduled) / 1024) * PRICES.lambdaGbSecond,
    },
    {
      what: 'Lambda, cold starts',
      dollars: ((coldSeconds * memoryMb.scheduled) / 1024) * PRICES.lambdaGbSecond,
    },
    {
      what: 'DynamoDB',
      dollars:
        sum(({ writeUnits }) => writeUnits) * PRICES.dynamoWriteUnit +
        sum(({ readUnits }) => readUnits) * PRICES.dynamoReadUnit,
    },
    // At most: the connection's token and the workspace's, which are kept for less than the time between two runs.
    { what: 'KMS, for tokens', dollars: 2 * jobs * PRICES.kmsRequest },
    { what: 'Logs, metrics among them', dollars: logGb * PRICES.logGb },
    // At most: beyond a run a second it is 5 % of them.
    { what: 'X-Ray, a trace per run', dollars: tracesRuns ? (plans + jobs) * PRICES.xrayTrace : 0 },
    { what: 'Data out', dollars: sum(outsideGb) * PRICES.dataOutGb },
  ];
}

/** What does not depend on how much happens. Alarms and metrics are free up to ten of each. */
export function watchingPerMonth({ alarms, alarmMetrics, dashboardMetrics }: Deployment): CostLine[] {
  return [
    {
      what: `${alarms} alarms on ${alarmMetrics} metrics, beyond the ten that are free`,
      dollars: Math.max(0, alarmMetrics - 10) * PRICES.alarmMonth,
    },
    {
      what: `${ASSUMPTIONS.steadyMetrics} metrics that are always told, within the ten that are free`,
      dollars: Math.max(0, ASSUMPTIONS.steadyMetrics - 10) * PRICES.customMetricMonth,
    },
    {
      what: `a dashboard that names ${dashboardMetrics} metrics, within the 50 that are free`,
      dollars: dashboardMetrics > 50 ? PRICES.dashboardMonth : 0,
    },
  ];
}

/** Of our own metrics, by how many of them are told in every hour. */
export function metricsPerMonth({ ownMetrics }: Deployment): CostLine[] {
  const { steadyMetrics, busyMetrics } = ASSUMPTIONS;
  const costOf = (metrics: number) => Math.max(0, metrics - 10) * PRICES.customMetricMonth;
  return [
    { what: `idle: ${steadyMetrics}`, dollars: costOf(steadyMetrics) },
    { what: `busy: about ${busyMetrics}`, dollars: costOf(busyMetrics) },
    { what: `all that there are: ${ownMetrics}`, dollars: costOf(ownMetrics) },
  ];
}

function meanOf(one: Counts, other: Counts): Counts {
  const mean = (field: keyof Counts) => (one[field] + other[field]) / 2;
  return {
    readUnits: mean('readUnits'),
    writeUnits: mean('writeUnits'),
    dynamodbRequests: mean('dynamodbRequests'),
    logBytes: mean('logBytes'),
    workspaceRequests: mean('workspaceRequests'),
    opentrainRequests: mean('opentrainRequests'),
  };
}

/** Of a function that asks for one thing after another. */
function secondsOf({ dynamodbRequests, workspaceRequests, opentrainRequests }: Counts): number {
  const { ownMilliseconds, awsMilliseconds, outsideMilliseconds } = ASSUMPTIONS;
  const outside = (workspaceRequests + opentrainRequests) * outsideMilliseconds;
  return (ownMilliseconds + dynamodbRequests * awsMilliseconds + outside) / 1000;
}

const outsideGb = ({ workspaceRequests, opentrainRequests }: Counts): number =>
  ((workspaceRequests + opentrainRequests) * ASSUMPTIONS.outsideBytes) / 1e9;

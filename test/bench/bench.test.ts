import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { beforeAll, describe, expect, test } from 'vitest';
import { type BenchReport, judge, LIMITS } from './limits.ts';
import { median, percentile } from './statistics.ts';
import { renderTable } from './table.ts';

// Only what is the same on every machine is held to its limit here. Times are for `npm run bench -- --check`.
const bench = (...flags: string[]) =>
  promisify(execFile)(process.execPath, [join(import.meta.dirname, 'main.ts'), ...flags]);

describe('npm run bench -- --json', () => {
  let report: BenchReport;

  beforeAll(async () => {
    const { stdout } = await bench('--json', '--quick');
    report = JSON.parse(stdout);
  });

  test('prints one object with every number that is promised', () => {
    const number = expect.any(Number);
    const perEvent = { contractStarted: number, duplicate: number, contractEnded: number };
    expect(report).toMatchObject({
      webhook: { bundleBytes: number, coldRatio: number, warmRatio: number, awsRequestsPerWarmDelivery: number },
      worker: { bundleBytes: number, dynamodbRequests: perEvent, workspaceRequests: perEvent },
      usage: { contracts: number, posts: number, peakRssMb: number, secondRunPosts: number, scalingRatio: number },
      reconcile: {
        contracts: number,
        connections: number,
        peakRssMb: number,
        rssGrowthMb: number,
        perContract: { dynamodb: number, opentrain: number, workspace: number },
        quietWrites: { workspace: number, dynamodb: number },
        scalingRatio: number,
        small: { contracts: number, peakRssMb: number },
        repairs: { lost: number, made: number, perRepair: { dynamodb: number, opentrain: number, workspace: number } },
      },
    });
    expect(report.usage.scalingRatio).toBeGreaterThan(0);
    expect(report.reconcile.scalingRatio).toBeGreaterThan(0);
    expect(report.webhook.coldRatio).toBeGreaterThan(0);
    expect(report.webhook.warmRatio).toBeGreaterThan(0);
  });

  test('the bundles stay small', () => {
    const { webhook, worker } = report;
    expect(webhook.bundleBytes).toBeLessThanOrEqual(LIMITS.webhookBundleBytes);
    expect(worker.bundleBytes).toBeLessThanOrEqual(LIMITS.workerBundleBytes);
    expect(webhook.emptyBundleBytes).toBeLessThan(webhook.bundleBytes);
  });

  test('a warm accepted delivery makes exactly one AWS request', () => {
    expect(report.webhook.awsRequestsPerWarmDelivery).toBe(1);
  });

  test('a contract.started makes at most 6 DynamoDB requests and 3 of the workspace', () => {
    expect(report.worker.dynamodbRequests.contractStarted).toBeLessThanOrEqual(6);
    expect(report.worker.workspaceRequests.contractStarted).toBeLessThanOrEqual(3);
    expect(report.worker.workspaceRequests.contractStarted, 'a new trainer has to be let in').toBeGreaterThan(0);
  });

  test('a duplicate makes 1 DynamoDB request and no other', () => {
    expect(report.worker.dynamodbRequests.duplicate).toBe(1);
    expect(report.worker.workspaceRequests.duplicate).toBe(0);
    expect(report.worker.opentrainRequests.duplicate).toBe(0);
  });

  test('usage is reported once for every contract, and not again with nothing new', () => {
    const { contracts, posts, secondRunPosts, requestsPerContract, small } = report.usage;
    expect(contracts).toBeGreaterThan(small.contracts);
    expect([posts, small.posts]).toEqual([contracts, small.contracts]);
    expect([secondRunPosts, small.secondRunPosts]).toEqual([0, 0]);
    expect(requestsPerContract.opentrain).toBe(1);
    // One for each project's totals and notice, however many contracts it has.
    expect(requestsPerContract.workspace).toBeLessThan(small.requestsPerContract.workspace);
    // Each contract: its own record before and after, its budget, where it is, and the copy there.
    expect(requestsPerContract.dynamodb).toBeGreaterThanOrEqual(5);
    expect(requestsPerContract.dynamodb).toBeLessThan(6);
  });

  test('where all is in order, each connection is compared in the same few requests, and only its summary is written', () => {
    const { connections, quietWrites, small, ...large } = report.reconcile;
    expect(quietWrites).toEqual(LIMITS.reconcileQuietWrites);
    expect(small.quietWrites).toEqual(quietWrites);
    expect(large.contracts).toBeGreaterThan(small.contracts);
    const inAll = ({ contracts, perContract }: typeof small, kind: keyof typeof perContract) =>
      Math.round(contracts * perContract[kind]);
    for (const run of [small, { ...large, quietWrites }]) {
      // Beside them, the plan reads which connections there are.
      expect(inAll(run, 'dynamodb')).toBe(8 * connections + 1);
      expect(inAll(run, 'opentrain')).toBe(4 * connections);
      expect(inAll(run, 'workspace')).toBe(connections);
    }
  });

  test('hires that no delivery told of are let in, each by one call of the workspace', () => {
    const { lost, made, perRepair } = report.reconcile.repairs;
    expect(lost).toBeGreaterThan(0);
    expect(made).toBe(lost);
    expect(perRepair).toMatchObject({ workspace: 1, opentrain: 2 });
    // The last one is the record for whoever asks about the trainer.
    expect(perRepair.dynamodb).toBeLessThanOrEqual(15);
  });

  test('the scheduled functions keep to their memory', () => {
    const { usage, reconcile } = report;
    for (const { peakRssMb } of [usage, reconcile]) expect(peakRssMb).toBeGreaterThan(30);
    expect(usage.peakRssMb).toBeLessThanOrEqual(LIMITS.usagePeakRssMb);
    expect(reconcile.peakRssMb).toBeLessThanOrEqual(LIMITS.reconcilePeakRssMb);
  });

  test('a number over its limit is told apart from one within it', () => {
    const webhook = { ...report.webhook, coldRatio: LIMITS.coldRatio, warmRatio: 0.1 };
    const within = {
      ...report,
      webhook,
      usage: { ...report.usage, scalingRatio: 11 },
      reconcile: { ...report.reconcile, scalingRatio: 11, rssGrowthMb: LIMITS.reconcileRssGrowthMb },
    };
    expect(judge(within).filter(({ isOver }) => isOver)).toEqual([]);

    const slow = { ...within, webhook: { ...within.webhook, coldRatio: 0.401, awsRequestsPerWarmDelivery: 0 } };
    expect(judge(slow).flatMap(({ name, isOver }) => (isOver ? [name] : []))).toEqual([
      'webhook: cold, ratio to reference',
      'webhook: AWS requests per warm delivery',
    ]);
    const { usage } = within;
    const wrong = { ...usage, posts: usage.contracts - 1, secondRunPosts: 1, peakRssMb: 257, scalingRatio: 11.1 };
    expect(judge({ ...within, usage: wrong }).flatMap(({ name, isOver }) => (isOver ? [name] : []))).toEqual([
      'usage: reports',
      'usage: reports of a second run, nothing new',
      'usage: peak memory',
      `usage: time, ratio to ${usage.small.contracts} contracts`,
    ]);
    const { reconcile } = within;
    const busy = {
      ...reconcile,
      peakRssMb: 257,
      rssGrowthMb: LIMITS.reconcileRssGrowthMb + 1,
      scalingRatio: 11.1,
      quietWrites: { workspace: 1, dynamodb: 0 },
      repairs: { ...reconcile.repairs, made: reconcile.repairs.lost - 1 },
    };
    const ofSmall = `${reconcile.small.contracts} contracts`;
    expect(judge({ ...within, reconcile: busy }).flatMap(({ name, isOver }) => (isOver ? [name] : []))).toEqual([
      'reconcile: peak memory',
      `reconcile: peak memory beyond that of ${ofSmall}`,
      `reconcile: time, ratio to ${ofSmall}`,
      'reconcile: workspace writes, all in order',
      'reconcile: DynamoDB writes, per connection in order',
      'reconcile: lost hires let in',
    ]);
    expect(renderTable(judge(slow))).toMatch(/webhook: cold, ratio to reference +0\.401 +0\.400 +over\n/);
  });
});

test('npm run bench -- --help tells the options', async () => {
  const { stdout } = await bench('--help');
  for (const option of ['--json', '--check', '--quick']) expect(stdout).toContain(option);
});

test('an option that does not exist is an error', async () => {
  await expect(bench('--jsno')).rejects.toMatchObject({ code: 1, stderr: expect.stringContaining('--jsno') });
});

test.each([
  [[3, 1, 2], 2],
  [[4, 1, 3, 2], 2.5],
  [[7], 7],
])('the median of %j is %d', (values, expected) => {
  expect(median(values)).toBe(expected);
});

test('99 of 100 values do not exceed the 99th percentile', () => {
  const values = Array.from({ length: 100 }, (_, index) => 100 - index);
  expect(percentile(values, 99)).toBe(99);
  expect(percentile([5], 99)).toBe(5);
});

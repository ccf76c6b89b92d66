import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { COST_LIMITS, costPerMillionEvents, type Deployment, idleCostPerMonth, totalOf } from '../bench/cost.ts';
import { type CostCounts, countCosts } from '../bench/cost-counts.ts';
import { costTables, readDeployment } from '../bench/cost-tables.ts';

const DOCUMENT = readFileSync(join(import.meta.dirname, '..', '..', 'docs', 'cost.md'), 'utf8');
const TABLES = ['counts', 'million', 'volume', 'idle', 'watching', 'metrics', 'prices', 'assumptions'];

let counts: CostCounts;
let deployment: Deployment;

beforeAll(async () => {
  counts = await countCosts();
  deployment = readDeployment();
});

test.each(TABLES)('the table of %s is what is counted: `node test/bench/cost-tables.ts` prints it', (name) => {
  const [, rest = ''] = DOCUMENT.split(`<!-- ${name} -->\n\n`);
  const [table = ''] = rest.split('\n\n');
  expect(table.trim()).toBe(costTables(counts, deployment).get(name));
});

test('there is no other table to be counted', () => {
  expect([...costTables(counts, deployment).keys()]).toEqual(TABLES);
});

test('the same is counted each time', async () => {
  expect(await countCosts()).toEqual(counts);
});

describe('the promised cost is kept', () => {
  test('for a million events, one by one', () => {
    expect(totalOf(costPerMillionEvents(counts, 1, deployment))).toBeLessThanOrEqual(COST_LIMITS.millionSingle);
  });

  test('for a million events, ten at a time', () => {
    expect(totalOf(costPerMillionEvents(counts, 10, deployment))).toBeLessThanOrEqual(COST_LIMITS.millionBatched);
  });

  test('for an idle month of one connection', () => {
    expect(totalOf(idleCostPerMonth(counts, 1, deployment))).toBeLessThanOrEqual(COST_LIMITS.idleMonth);
  });
});

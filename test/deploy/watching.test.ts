import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { CloudWatchClient, GetDashboardCommand, paginateDescribeAlarms } from '@aws-sdk/client-cloudwatch';
import { expect, test } from 'vitest';
import { anchorsIn, entriesIn } from '../docs/runbook.ts';
import { output, takeOver } from './deployment.ts';

const deployment = takeOver();
const cloudwatch = new CloudWatchClient();
const RUNBOOK = readFileSync(join(import.meta.dirname, '..', '..', 'docs', 'runbook.md'), 'utf8');

test('every alarm of the runbook is there, leads back to its entry, and tells the topic when it begins and ends', async () => {
  const topic = [output(deployment, 'AlarmTopicArn')];
  const alarms = [];
  for await (const { MetricAlarms = [] } of paginateDescribeAlarms({ client: cloudwatch }, {}))
    alarms.push(...MetricAlarms);
  const anchors = new Map([...anchorsIn(RUNBOOK)].map(([anchor, heading]) => [heading, anchor]));
  const expected = entriesIn(RUNBOOK).map(({ heading }) => ({
    AlarmName: `OpenTrain connector (dev): ${heading}`,
    AlarmDescription: expect.stringMatching(new RegExp(`Runbook: docs/runbook\\.md#${anchors.get(heading)}$`)),
    AlarmActions: topic,
    OKActions: topic,
  }));
  const byName = <Named extends { readonly AlarmName?: string | undefined }>(all: readonly Named[]) =>
    all.toSorted((one, other) => (one.AlarmName ?? '').localeCompare(other.AlarmName ?? ''));
  expect(byName(alarms)).toMatchObject(byName(expected));
});

test('the dashboard is there, with a row for each of its questions', async () => {
  const DashboardName = output(deployment, 'DashboardName');
  const { DashboardBody = '{}' } = await cloudwatch.send(new GetDashboardCommand({ DashboardName }));
  const { widgets } = JSON.parse(DashboardBody) as { widgets: { type: string; properties: { markdown?: string } }[] };
  const headings = widgets.flatMap(({ properties: { markdown = '' } }) => /^## (.+)/.exec(markdown)?.[1] ?? []);
  expect(headings).toEqual([
    'Are deliveries flowing?',
    'Are trainers getting in?',
    'Is usage current?',
    'What needs a person?',
    'Does AWS give enough?',
    'Cost drivers',
  ]);
  expect(widgets.filter(({ type }) => type === 'metric').length).toBeGreaterThanOrEqual(4 * headings.length);
});

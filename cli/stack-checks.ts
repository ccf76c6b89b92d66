import { CloudFormationClient, ListStackResourcesCommand } from '@aws-sdk/client-cloudformation';
import { CloudWatchClient, DescribeAlarmsCommand } from '@aws-sdk/client-cloudwatch';
import { GetScheduleCommand, SchedulerClient } from '@aws-sdk/client-scheduler';
import type { Check } from '../shared/workspace/check-workspace.ts';
import { AWS_PATIENCE } from './aws-patience.ts';
import { said } from './explain.ts';

/** What CloudWatch takes in one request. */
const ALARMS_AT_ONCE = 100;

/** Whether the schedules of a stack run and its alarms are quiet, by what CloudFormation says is part of it. */
export async function stackChecks(stackName: string, environment: NodeJS.ProcessEnv): Promise<Check[]> {
  const config = { ...AWS_PATIENCE, region: environment.AWS_REGION ?? '' };
  const resources = await tryTo('stack', () => resourcesOf(stackName, new CloudFormationClient(config)));
  if (resources.kind === 'failed') return [resources.check];
  const named = (type: string) => resources.value.flatMap((one) => (one.type === type ? [one.id] : []));
  return [
    ...(await scheduleChecks(named, new SchedulerClient(config))),
    ...(await alarmChecks(named('AWS::CloudWatch::Alarm'), new CloudWatchClient(config))),
  ];
}

interface Resource {
  readonly type: string;
  readonly id: string;
}

async function resourcesOf(stackName: string, client: CloudFormationClient): Promise<Resource[]> {
  const resources: Resource[] = [];
  let next: string | undefined;
  do {
    const page = await client.send(
      new ListStackResourcesCommand({ StackName: stackName, ...(next === undefined ? {} : { NextToken: next }) }),
    );
    for (const { ResourceType: type = '', PhysicalResourceId: id = '' } of page.StackResourceSummaries ?? []) {
      resources.push({ type, id });
    }
    next = page.NextToken;
  } while (next !== undefined);
  return resources;
}

async function scheduleChecks(named: (type: string) => readonly string[], client: SchedulerClient): Promise<Check[]> {
  const names = named('AWS::Scheduler::Schedule');
  // A stack of an earlier version has none, and its schedules are in the account's own.
  const [GroupName = 'default'] = named('AWS::Scheduler::ScheduleGroup');
  const states = await tryTo('schedules', () =>
    Promise.all(
      names.map(async (name) => ({
        name,
        state: (await client.send(new GetScheduleCommand({ Name: name, GroupName }))).State,
      })),
    ),
  );
  if (states.kind === 'failed') return [states.check];
  const off = states.value.filter(({ state }) => state !== 'ENABLED').map(({ name }) => name);
  if (names.length === 0)
    return [{ name: 'schedules', verdict: 'warn', advice: 'The stack has none. Deploy it anew.' }];
  if (off.length === 0) return [{ name: 'schedules', verdict: 'pass', advice: `All are on: ${names.length}.` }];
  const advice = `Off: ${off.join(', ')}. Switch them on in EventBridge Scheduler, or deploy the stack anew.`;
  return [{ name: 'schedules', verdict: 'fail', advice }];
}

async function alarmChecks(names: readonly string[], client: CloudWatchClient): Promise<Check[]> {
  const found = await tryTo('alarms', async () => {
    const alarms: { readonly alarm: ToldAlarm; readonly isRaised: boolean }[] = [];
    for (let start = 0; start < names.length; start += ALARMS_AT_ONCE) {
      const AlarmNames = names.slice(start, start + ALARMS_AT_ONCE);
      const { MetricAlarms = [] } = await client.send(
        new DescribeAlarmsCommand({ AlarmNames, MaxRecords: ALARMS_AT_ONCE }),
      );
      alarms.push(
        ...MetricAlarms.map(({ AlarmName: name = '', AlarmDescription: description = '', StateValue }) => ({
          alarm: { name, description },
          isRaised: StateValue === 'ALARM',
        })),
      );
    }
    return alarms;
  });
  if (found.kind === 'failed') return [found.check];
  const raised = found.value.filter(({ isRaised }) => isRaised);
  if (raised.length > 0) {
    return raised.map(({ alarm }) => ({ name: 'alarms', verdict: 'fail', advice: adviceOnRaised(alarm) }));
  }
  return [{ name: 'alarms', verdict: 'pass', advice: `All are quiet: ${found.value.length}.` }];
}

export interface ToldAlarm {
  readonly name: string;
  readonly description: string;
}

/** Every description ends with the alarm's entry in the runbook (`infra/alarms.ts`), but for those of an earlier version. */
export function adviceOnRaised({ name, description }: ToldAlarm): string {
  const [, entry] = / Runbook: (\S+)$/.exec(description) ?? [];
  return entry === undefined
    ? `Raised: ${name}. Its description in CloudWatch says what it means and where to look.`
    : `Raised: ${name}. What it means and what to do: ${entry}`;
}

type Tried<Value> =
  | { readonly kind: 'done'; readonly value: Value }
  | { readonly kind: 'failed'; readonly check: Check };

/** What these credentials may not look at is a warning: the rest of the check goes on. */
async function tryTo<Value>(name: string, run: () => Promise<Value>): Promise<Tried<Value>> {
  try {
    return { kind: 'done', value: await run() };
  } catch (error) {
    const advice = `AWS did not tell. ${said(error)} Check that these credentials may look.`;
    return { kind: 'failed', check: { name, verdict: 'warn', advice } };
  }
}

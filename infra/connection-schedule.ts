import { Duration, Stack } from 'aws-cdk-lib';
import { PolicyStatement, Role, ServicePrincipal } from 'aws-cdk-lib/aws-iam';
import type { IKey } from 'aws-cdk-lib/aws-kms';
import { EventInvokeConfig } from 'aws-cdk-lib/aws-lambda';
import {
  ContextAttribute,
  Schedule,
  ScheduleExpression,
  type ScheduleGroup,
  ScheduleTargetInput,
  TimeWindow,
} from 'aws-cdk-lib/aws-scheduler';
import { LambdaInvoke } from 'aws-cdk-lib/aws-scheduler-targets';
import { Queue } from 'aws-cdk-lib/aws-sqs';
import { Construct } from 'constructs';
import type { FunctionName } from './bundle.ts';
import { ConnectorFunction, type ConnectorFunctionProps } from './connector-function.ts';
import { acknowledge } from './nag.ts';
import { grantSend, queueKeeping, WorkQueue } from './work-queue.ts';

export interface ConnectionScheduleProps {
  /** What the function has in common with all others. */
  readonly functionDefaults: Pick<
    ConnectorFunctionProps,
    'logRetention' | 'metricsNamespace' | 'retainLogs' | 'bundleDirectory' | 'encryptionKey'
  >;

  /** Which bundle to deploy; it names the queue as well. */
  readonly bundle: FunctionName;

  /** What the function does for each connection, shown in the console. */
  readonly description: string;

  /** Settings, never a secret. */
  readonly environment: Readonly<Record<string, string>>;

  /** The setting in which the function finds its queue's URL. */
  readonly queueUrlSetting: string;

  /** The group that the schedule is in: its metrics are by group. */
  readonly group: ScheduleGroup;

  /** Minutes from one run to the next, 1 to 1,440. */
  readonly intervalMinutes: number;

  /** Connections that are worked on at the same time, 2 to 1,000. */
  readonly concurrency: number;

  /**
   * Keeps the queues when the stack is deleted.
   *
   * @default true
   */
  readonly retain?: boolean;
}

/** Enough for the contracts of a large customer on a slow workspace; a message beyond it is tried again. */
const TIMEOUT = Duration.minutes(5);

/**
 * An hour and a half in the mean, at the default back-off. A job that fails for longer than its interval is the next one's
 * (`processJob`), and that a connection keeps failing is told by its lag. In the dead-letter queue ends what never got so
 * far: the function could not be started, or the message is none of its own. And, where runs are made more rarely than
 * every other hour, what failed for so long.
 */
const MAX_RECEIVE_COUNT = 20;

/** Spreads the load on OpenTrain and on the workspaces of many deployments, which would else all come on the hour. */
const MOST_WINDOW_MINUTES = 15;

/** EventBridge Scheduler's attempts to hand an event over to Lambda, which rarely needs a second one. */
const HAND_OVER_RETRIES = 10;

/** Lambda's attempts at an event after the first, a minute and two minutes later; it offers no more. */
const INVOCATION_RETRIES = 2;

/** For how long Lambda keeps an event to try it again. */
const MOST_EVENT_AGE_MINUTES = 360;

/**
 * Something that is done for every connection on a schedule: every so often the schedule has the function put each
 * connection on the queue, and the function, fed from there, works on one connection at a time.
 *
 * What fails on that way is left to the next run, which does the same: so no event outlives its interval. An event that
 * the schedule could not hand over or that the function could not plan is kept in `dropped`, to be looked at; it needs
 * no redrive.
 */
export class ConnectionSchedule extends Construct {
  readonly runs: WorkQueue;
  readonly dropped: Queue;
  readonly function: ConnectorFunction;
  readonly schedule: Schedule;

  constructor(scope: Construct, id: string, props: ConnectionScheduleProps) {
    super(scope, id);
    const { bundle, description, intervalMinutes, retain = true } = props;
    const { encryptionKey } = props.functionDefaults;

    this.runs = new WorkQueue(this, 'Runs', {
      content: bundle,
      consumerTimeout: TIMEOUT,
      maxReceiveCount: MAX_RECEIVE_COUNT,
      retain,
      encryptionKey,
    });
    this.dropped = new Queue(this, 'Dropped', queueKeeping({ retain, encryptionKey }));
    for (const finding of ['AwsSolutions-SQS3', 'Serverless-SQSRedrivePolicy']) {
      acknowledge(
        this.dropped,
        finding,
        'It is a dead-letter queue, of the schedule and of the invocations that it makes; nothing consumes it but a person, ' +
          'who is told by an alarm.',
      );
    }

    this.function = new ConnectorFunction(this, 'Function', {
      ...props.functionDefaults,
      bundle,
      description,
      timeout: TIMEOUT,
      environment: { ...props.environment, [props.queueUrlSetting]: this.runs.queue.queueUrl },
    });
    this.runs.grantSend(this.function.role);
    // One message a batch: a connection may take the function's whole time.
    this.runs.feed(this.function.function, { batchSize: 1, maxConcurrency: props.concurrency });
    this.keepFailedInvocations(intervalMinutes, encryptionKey);
    this.schedule = this.createSchedule(props);
  }

  private keepFailedInvocations(intervalMinutes: number, encryptionKey: IKey | undefined): void {
    const config = new EventInvokeConfig(this, 'Invocations', {
      function: this.function.function,
      retryAttempts: INVOCATION_RETRIES,
      maxEventAge: Duration.minutes(Math.min(intervalMinutes, MOST_EVENT_AGE_MINUTES)),
      // By itself, because CDK's own destination would grant more than sending.
      onFailure: { bind: () => ({ destination: this.dropped.queueArn }) },
    });
    // Lambda tries the permission out when it is told of the destination.
    grantSend(this.dropped, this.function.role, encryptionKey).applyBefore(config);
  }

  private createSchedule({ description, functionDefaults, group, intervalMinutes }: ConnectionScheduleProps): Schedule {
    const interval = Duration.minutes(intervalMinutes);
    const windowMinutes = Math.min(MOST_WINDOW_MINUTES, Math.floor(intervalMinutes / 2));
    const role = this.createScheduleRole(group, functionDefaults.encryptionKey);
    // Another id than it had before there was a group, since CloudFormation cannot move a schedule from one to another.
    const schedule = new Schedule(this, 'ScheduleInGroup', {
      description,
      scheduleGroup: group,
      schedule: ScheduleExpression.rate(interval),
      timeWindow: windowMinutes > 0 ? TimeWindow.flexible(Duration.minutes(windowMinutes)) : TimeWindow.off(),
      target: new LambdaInvoke(this.function.function, {
        // With exactly what it was granted: CDK's own grant would reach every version of the function.
        role: role.withoutPolicyUpdates(),
        input: ScheduleTargetInput.fromObject({ source: 'schedule', scheduledTime: ContextAttribute.scheduledTime }),
        retryAttempts: HAND_OVER_RETRIES,
        maxEventAge: interval,
        deadLetterQueue: this.dropped,
      }),
    });
    // It fires as soon as it is there. The group it knows by name only.
    schedule.node.addDependency(role, group);
    return schedule;
  }

  private createScheduleRole(group: ScheduleGroup, encryptionKey: IKey | undefined): Role {
    const role = new Role(this, 'ScheduleRole', {
      assumedBy: new ServicePrincipal('scheduler.amazonaws.com', {
        conditions: {
          StringEquals: { 'aws:SourceAccount': Stack.of(this).account, 'aws:SourceArn': group.scheduleGroupArn },
        },
      }),
    });
    role.addToPolicy(
      new PolicyStatement({
        actions: ['lambda:InvokeFunction'],
        resources: [this.function.function.functionArn],
      }),
    );
    grantSend(this.dropped, role, encryptionKey);
    return role;
  }
}

import { ArnFormat, Aws, Duration, Stack } from 'aws-cdk-lib';
import {
  Alarm,
  ComparisonOperator,
  type IMetric,
  MathExpression,
  Metric,
  Stats,
  TreatMissingData,
} from 'aws-cdk-lib/aws-cloudwatch';
import { SnsAction } from 'aws-cdk-lib/aws-cloudwatch-actions';
import { PolicyStatement, ServicePrincipal } from 'aws-cdk-lib/aws-iam';
import { FilterPattern, type LogGroup } from 'aws-cdk-lib/aws-logs';
import { Topic } from 'aws-cdk-lib/aws-sns';
import { EmailSubscription } from 'aws-cdk-lib/aws-sns-subscriptions';
import type { Queue } from 'aws-cdk-lib/aws-sqs';
import { Construct } from 'constructs';
import { acknowledge } from './nag.ts';
import { ownNamespace } from './own-metrics.ts';

export interface AlarmsProps {
  /** Part of every alarm's name, so that a mail says which deployment it is about. */
  readonly stage: string;

  /**
   * Who is told by e-mail.
   *
   * @default - nobody: subscribe to `topic` by hand
   */
  readonly email?: string | undefined;
}

/** What an alarm says. */
export interface AlarmText {
  /** What an owner reads in the subject of the mail, and the heading of its entry in docs/runbook.md. */
  readonly name: string;

  /** The symptom first, then what to look at. */
  readonly description: string;
}

export interface AlarmProps extends AlarmText {
  readonly metric: IMetric;

  /** Raised when the metric reaches it. */
  readonly threshold: number;
}

export interface SilenceAlarmProps extends AlarmText {
  /** A count of something, by the hour. */
  readonly metric: IMetric;

  /** Raised when nothing was counted for so long, 1 to 168. */
  readonly hours: number;
}

export interface LineCount {
  readonly metricName: string;

  /** In CloudWatch's syntax for JSON lines. */
  readonly pattern: string;

  readonly period: Duration;
}

/**
 * Two turns of what comes every so many minutes, in whole hours; a day is the longest that CloudWatch allows. Over so long a
 * period, what each turn finds again is one alarm, and not a new one each time.
 */
export function overTwoTurns(...intervalMinutes: readonly number[]): Duration {
  return Duration.hours(Math.min(24, Math.ceil((2 * Math.max(...intervalMinutes)) / 60)));
}

/**
 * The topic that alarms go to, and how an alarm is made; which ones there are is told in a file for each thing that is
 * watched. Each alarm also tells when it is over.
 */
export class Alarms extends Construct {
  readonly topic: Topic;

  /** Every alarm, in the order in which they were added. */
  readonly all: Alarm[] = [];

  private readonly stage: string;
  private readonly action: SnsAction;

  constructor(scope: Construct, id: string, props: AlarmsProps) {
    super(scope, id);
    this.stage = props.stage;
    this.topic = this.createTopic(props.email);
    this.action = new SnsAction(this.topic);
  }

  /** Adds an alarm. Missing data is no trouble for it: nothing happens for hours on a quiet platform. */
  raise(id: string, { name, description, metric, threshold }: AlarmProps): Alarm {
    return this.tell(
      new Alarm(this, id, {
        ...this.labels({ name, description }),
        metric,
        threshold,
        comparisonOperator: ComparisonOperator.GREATER_THAN_OR_EQUAL_TO_THRESHOLD,
        evaluationPeriods: 1,
        treatMissingData: TreatMissingData.NOT_BREACHING,
      }),
    );
  }

  /**
   * Adds an alarm on what no longer happens. Missing data is the trouble itself, so that a new deployment is in alarm
   * until it has happened for the first time.
   *
   * An hour without a line has no data, and CloudWatch, where data is missing, looks back further than it was told to, for
   * the last points that there are; with zeros in their place it does not, and tells in time. Source: CloudWatch User
   * Guide, "Configuring how CloudWatch alarms treat missing data".
   */
  raiseOnSilence(id: string, { name, description, metric, hours }: SilenceAlarmProps): Alarm {
    return this.tell(
      new Alarm(this, id, {
        ...this.labels({ name, description }),
        metric: new MathExpression({
          expression: 'FILL(counted, 0)',
          usingMetrics: { counted: metric },
          label: 'Counted by the hour',
          period: Duration.hours(1),
        }),
        threshold: 1,
        comparisonOperator: ComparisonOperator.LESS_THAN_THRESHOLD,
        // Hours one by one, because a single period is no longer than a day.
        evaluationPeriods: hours,
        treatMissingData: TreatMissingData.BREACHING,
      }),
    );
  }

  /** Adds an alarm on a queue that is empty as long as all is well. */
  raiseOnMessages(id: string, queue: Queue, text: AlarmText): Alarm {
    return this.raise(id, {
      ...text,
      metric: queue.metricApproximateNumberOfMessagesVisible({
        period: Duration.minutes(1),
        statistic: Stats.MAXIMUM,
      }),
      threshold: 1,
    });
  }

  /** Counts lines of a log as a metric; its namespace names the stage, since two may share an account. */
  countLines(id: string, logGroup: LogGroup, { metricName, pattern, period }: LineCount): IMetric {
    return logGroup
      .addMetricFilter(id, {
        filterPattern: FilterPattern.literal(pattern),
        metricNamespace: ownNamespace(this.stage),
        metricName,
        metricValue: '1',
      })
      .metric({ period, statistic: Stats.SUM });
  }

  /** A metric that CloudWatch takes out of the functions' lines, see docs/logs-and-metrics.md. */
  ownMetric(metricName: string, { period, statistic }: { readonly period: Duration; readonly statistic: string }) {
    return new Metric({ namespace: ownNamespace(this.stage), metricName, period, statistic });
  }

  private labels({ name, description }: AlarmText) {
    return {
      alarmName: `OpenTrain connector (${this.stage}): ${name}`,
      alarmDescription: `${description} Runbook: docs/runbook.md#${anchorOf(name)}`,
    };
  }

  private tell(alarm: Alarm): Alarm {
    alarm.addAlarmAction(this.action);
    alarm.addOkAction(this.action);
    this.all.push(alarm);
    return alarm;
  }

  /**
   * Without encryption of its own: CloudWatch cannot publish under the key `aws/sns`, and an alarm holds no data of
   * anyone.
   */
  private createTopic(email: string | undefined): Topic {
    const topic = new Topic(this, 'Topic', { displayName: `OpenTrain connector ${this.stage}`, enforceSSL: true });
    // A topic with a policy of its own has lost the one that lets CloudWatch of the same account publish.
    topic.addToResourcePolicy(
      new PolicyStatement({
        sid: 'AllowAlarmsOfThisAccount',
        principals: [new ServicePrincipal('cloudwatch.amazonaws.com')],
        actions: ['sns:Publish'],
        resources: [topic.topicArn],
        conditions: {
          StringEquals: { 'aws:SourceAccount': Aws.ACCOUNT_ID },
          ArnLike: {
            'aws:SourceArn': Stack.of(this).formatArn({
              service: 'cloudwatch',
              resource: 'alarm',
              resourceName: '*',
              arnFormat: ArnFormat.COLON_RESOURCE_NAME,
            }),
          },
        },
      }),
    );
    if (email !== undefined) {
      acknowledge(
        topic.addSubscription(new EmailSubscription(email)),
        'Serverless-SNSRedrivePolicy',
        'SNS tries for hours to hand a mail over, and CloudWatch shows each alarm all the same: a queue of mails that nobody ' +
          'got would have to be watched by an alarm itself.',
      );
    }
    return topic;
  }
}

/** As GitHub makes the anchor of a heading. */
const anchorOf = (heading: string): string =>
  heading
    .toLowerCase()
    .replaceAll(/[^\w -]/g, '')
    .replaceAll(' ', '-');

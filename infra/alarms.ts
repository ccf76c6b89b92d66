import { ArnFormat, Aws, Duration, Stack } from 'aws-cdk-lib';
import type { HttpApi } from 'aws-cdk-lib/aws-apigatewayv2';
import { Alarm, ComparisonOperator, type IMetric, Stats, TreatMissingData } from 'aws-cdk-lib/aws-cloudwatch';
import { SnsAction } from 'aws-cdk-lib/aws-cloudwatch-actions';
import { PolicyStatement, ServicePrincipal } from 'aws-cdk-lib/aws-iam';
import { FilterPattern, type LogGroup } from 'aws-cdk-lib/aws-logs';
import { Topic } from 'aws-cdk-lib/aws-sns';
import { EmailSubscription } from 'aws-cdk-lib/aws-sns-subscriptions';
import { Construct } from 'constructs';
import type { ConnectorFunction } from './connector-function.ts';
import type { DeliveryQueue } from './delivery-queue.ts';

export interface AlarmsProps {
  /** Part of every alarm's name, so that a mail says which deployment it is about. */
  readonly stage: string;

  readonly api: HttpApi;
  readonly deliveries: DeliveryQueue;
  readonly webhook: ConnectorFunction;
  readonly worker: ConnectorFunction;

  /** Deliveries with a wrong signature within 15 minutes that raise the alarm. */
  readonly signatureFailures: number;

  /** The attempt at a delivery from which on it counts as failing for too long. */
  readonly lateAttempt: number;

  /**
   * Who is told by e-mail.
   *
   * @default - nobody: subscribe to `topic` by hand
   */
  readonly email?: string | undefined;
}

interface AlarmProps {
  /** What an owner reads in the subject of the mail. */
  readonly name: string;

  /** The symptom first, then what to look at. */
  readonly description: string;

  readonly metric: IMetric;

  /** Raised when the metric reaches it. */
  readonly threshold: number;
}

/**
 * The alarms on the way of a delivery, and the topic that they go to. Each also tells when it is over. Missing data
 * is no trouble for any of them: nothing happens for hours on a quiet platform.
 */
export class Alarms extends Construct {
  readonly topic: Topic;
  readonly deadLetters: Alarm;
  readonly oldestDelivery: Alarm;
  readonly failingDeliveries: Alarm;
  readonly webhookFailures: Alarm;
  readonly signatureFailures: Alarm;
  readonly workerCrashes: Alarm;
  readonly workerErrors: Alarm;

  private readonly stage: string;
  private readonly action: SnsAction;

  constructor(scope: Construct, id: string, props: AlarmsProps) {
    super(scope, id);
    const { api, deliveries, webhook, worker } = props;
    this.stage = props.stage;
    this.topic = this.createTopic(props.email);
    this.action = new SnsAction(this.topic);

    this.deadLetters = this.raise('DeadLetters', {
      name: 'deliveries were given up',
      description:
        'Deliveries of OpenTrain are in the dead-letter queue: a trainer may lack access, or still have it after ' +
        'the end. Look for "error" lines in the log of the worker (output WorkerLogGroup), mend the cause, then ' +
        'redrive the queue (output DeadLetterQueueUrl). They are kept for 14 days.',
      metric: deliveries.deadLetterQueue.metricApproximateNumberOfMessagesVisible({
        period: Duration.minutes(1),
        statistic: Stats.MAXIMUM,
      }),
      threshold: 1,
    });
    this.oldestDelivery = this.raise('OldestDelivery', {
      name: 'deliveries are waiting',
      description:
        'A delivery has waited for more than 15 minutes: trainers get or lose access late. Look whether the ' +
        'worker runs at all (its throttles and errors, the state of its event source mapping), and whether it ' +
        'keeps up with what comes in.',
      metric: deliveries.queue.metricApproximateAgeOfOldestMessage({
        period: Duration.minutes(1),
        statistic: Stats.MAXIMUM,
      }),
      threshold: Duration.minutes(15).toSeconds(),
    });
    // SQS leaves a message out of the age above once it was received three times, so retries are counted on their own.
    this.failingDeliveries = this.raise('FailingDeliveries', {
      name: 'deliveries keep failing',
      description:
        'Deliveries have been retried for about 15 minutes without success: trainers get or lose access late. ' +
        'Look at reason and connectionId of "delivery.retried" in the log of the worker (output WorkerLogGroup), ' +
        'and whether the workspace and OpenTrain answer. Nothing is lost: they are retried for hours before the ' +
        'dead-letter queue.',
      metric: this.countLines('FailingDeliveryLines', worker.logGroup, {
        metricName: 'FailingDeliveries',
        pattern: `{ $.event = "delivery.retried" && $.attempt >= ${props.lateAttempt} }`,
        period: Duration.minutes(15),
      }),
      threshold: 1,
    });
    this.webhookFailures = this.raise('WebhookFailures', {
      name: 'the webhook answers with errors',
      description:
        'OpenTrain was answered with a 5xx. It tries a delivery five times within three hours, and disables the ' +
        'endpoint after ten failed deliveries in a row. Look for "error" lines in the log of the webhook function ' +
        '(output WebhookLogGroup), for 5xx in the access log (output AccessLogGroup), and at the health of SQS ' +
        'and SSM.',
      metric: api.metricServerError({ period: Duration.minutes(5), statistic: Stats.SUM }),
      threshold: 1,
    });
    this.signatureFailures = this.raise('SignatureFailures', {
      name: 'deliveries with a wrong signature',
      description:
        'Deliveries are refused because their signature is wrong: a secret was changed on one side only, or ' +
        'somebody forges deliveries. Look at connectionId and reason of "delivery.rejected" in the log of the ' +
        "webhook function (output WebhookLogGroup), and compare the connection's secrets below the path in output " +
        'CredentialsPath.',
      metric: this.countLines('SignatureFailureLines', webhook.logGroup, {
        metricName: 'SignatureFailures',
        pattern: '{ $.event = "delivery.rejected" && $.status = 401 }',
        period: Duration.minutes(15),
      }),
      threshold: props.signatureFailures,
    });
    this.workerCrashes = this.raise('WorkerCrashes', {
      name: 'the worker crashes',
      description:
        'The worker ends in an error, runs out of time or out of memory, and its whole batch of deliveries is ' +
        'tried again. Look for "Error" and "Task timed out" in its log (output WorkerLogGroup), and for what was ' +
        'deployed last.',
      metric: worker.function.metricErrors({ period: Duration.minutes(5), statistic: Stats.SUM }),
      threshold: 1,
    });
    this.workerErrors = this.raise('WorkerErrors', {
      name: 'the worker reports errors',
      description:
        'The worker reports what retries alone may not mend, such as a token that is no longer accepted or an ' +
        'error that nobody foresaw. Look for lines with level "error" in its log (output WorkerLogGroup): event, ' +
        'reason and connectionId say what is wrong.',
      metric: this.countLines('WorkerErrorLines', worker.logGroup, {
        metricName: 'WorkerErrors',
        pattern: '{ $.level = "error" }',
        period: Duration.minutes(5),
      }),
      threshold: 1,
    });
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
    if (email !== undefined) topic.addSubscription(new EmailSubscription(email));
    return topic;
  }

  private raise(id: string, { name, description, metric, threshold }: AlarmProps): Alarm {
    const alarm = new Alarm(this, id, {
      alarmName: `OpenTrain connector (${this.stage}): ${name}`,
      alarmDescription: description,
      metric,
      threshold,
      comparisonOperator: ComparisonOperator.GREATER_THAN_OR_EQUAL_TO_THRESHOLD,
      evaluationPeriods: 1,
      treatMissingData: TreatMissingData.NOT_BREACHING,
    });
    alarm.addAlarmAction(this.action);
    alarm.addOkAction(this.action);
    return alarm;
  }

  /** Counts lines of a log as a metric; its namespace names the stage, since two may share an account. */
  private countLines(
    id: string,
    logGroup: LogGroup,
    { metricName, pattern, period }: { metricName: string; pattern: string; period: Duration },
  ): IMetric {
    return logGroup
      .addMetricFilter(id, {
        filterPattern: FilterPattern.literal(pattern),
        metricNamespace: `OpenTrainConnector/${this.stage}`,
        metricName,
        metricValue: '1',
      })
      .metric({ period, statistic: Stats.SUM });
  }
}

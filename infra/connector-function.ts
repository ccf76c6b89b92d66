import { join } from 'node:path';
import { type Duration, RemovalPolicy } from 'aws-cdk-lib';
import { Role, ServicePrincipal } from 'aws-cdk-lib/aws-iam';
import type { IKey } from 'aws-cdk-lib/aws-kms';
import { Architecture, Code, Function as LambdaFunction, Runtime, Tracing } from 'aws-cdk-lib/aws-lambda';
import { LogGroup, type RetentionDays } from 'aws-cdk-lib/aws-logs';
import { Construct } from 'constructs';
import { BUNDLE_DIRECTORY, type FunctionName } from './bundle.ts';
import { acknowledge } from './nag.ts';

export interface ConnectorFunctionProps {
  /** Which bundle to deploy. */
  readonly bundle: FunctionName;

  /** Shown in the console. */
  readonly description: string;

  readonly timeout: Duration;

  /** Settings, never a secret. */
  readonly environment: Readonly<Record<string, string>>;

  /** Of the metrics that CloudWatch takes out of the function's log lines, see docs/logs-and-metrics.md. */
  readonly metricsNamespace: string;

  readonly logRetention: RetentionDays;

  /**
   * MB, 128 to 10,240. Processor time comes in proportion, a whole core at 1,769 MB.
   *
   * @default 512
   */
  readonly memorySize?: number;

  /**
   * Keeps the log group when the stack is deleted.
   *
   * @default true
   */
  readonly retainLogs?: boolean;

  /**
   * Has X-Ray trace a request a second and 5 % of those beyond, at $5 per million traces.
   *
   * @default true
   */
  readonly traced?: boolean;

  /**
   * Encrypts the log group.
   *
   * @default - CloudWatch's own key
   */
  readonly encryptionKey?: IKey | undefined;

  /**
   * Where the bundles are, see `bundleFunctions`.
   *
   * @default - `dist/functions`
   */
  readonly bundleDirectory?: string;
}

/**
 * A Lambda function with a role and a log group of its own. The role may write to that log group and nothing else;
 * what the function needs beyond that, the other constructs grant. (AWS's managed policy for basic execution would
 * let it write to, and create, every log group of the account.)
 *
 * Logs stay in Lambda's text format: the functions write finished JSON lines to standard output, which reach
 * CloudWatch as they are, so that metric filters and Insights find `level` and `event` at the top. In Lambda's JSON
 * format it would look into each line, and take one whose time is not in `timestamp` for one of level INFO; what becomes
 * of `level` then, on which alarms depend, AWS does not say. Source: Lambda Developer Guide, "Log-level filtering".
 */
export class ConnectorFunction extends Construct {
  readonly function: LambdaFunction;
  readonly role: Role;
  readonly logGroup: LogGroup;
  readonly timeout: Duration;

  constructor(scope: Construct, id: string, props: ConnectorFunctionProps) {
    super(scope, id);
    const { bundle, bundleDirectory = BUNDLE_DIRECTORY, memorySize = 512, retainLogs = true, traced = true } = props;

    this.timeout = props.timeout;
    this.logGroup = new LogGroup(this, 'Logs', {
      retention: props.logRetention,
      ...(props.encryptionKey && { encryptionKey: props.encryptionKey }),
      removalPolicy: retainLogs ? RemovalPolicy.RETAIN : RemovalPolicy.DESTROY,
    });
    this.role = new Role(this, 'Role', { assumedBy: new ServicePrincipal('lambda.amazonaws.com') });
    this.logGroup.grantWrite(this.role);

    this.function = new LambdaFunction(this, 'Function', {
      description: props.description,
      runtime: Runtime.NODEJS_24_X,
      architecture: Architecture.ARM_64,
      code: Code.fromAsset(join(bundleDirectory, bundle)),
      handler: 'index.handler',
      memorySize,
      timeout: props.timeout,
      environment: { ...props.environment, METRICS_NAMESPACE: props.metricsNamespace },
      role: this.role,
      logGroup: this.logGroup,
      ...(traced && { tracing: Tracing.ACTIVE }),
    });
    acknowledge(
      this.function,
      'Serverless-LambdaDLQ',
      'It would be for asynchronous invocations. API Gateway and SQS invoke synchronously: a caller is told of a failure, a ' +
        'message goes to its dead-letter queue. Those of a schedule, which are asynchronous, have a failure destination.',
    );
    if (traced) {
      acknowledge(
        this.role,
        'AwsSolutions-IAM5[Resource::*]',
        'X-Ray has no resources that a role could be limited to: it may send traces, and read none.',
      );
    } else {
      acknowledge(
        this.function,
        'Serverless-LambdaTracing',
        'Every line of its log names the delivery, and metrics tell how long it took. X-Ray would trace nearly every delivery ' +
          'at usual rates, for about as much as the function itself costs; traceDeliveries switches it on for the worker.',
      );
    }
  }
}

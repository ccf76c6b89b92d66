import { join } from 'node:path';
import { type Duration, RemovalPolicy } from 'aws-cdk-lib';
import { Role, ServicePrincipal } from 'aws-cdk-lib/aws-iam';
import { Architecture, Code, Function as LambdaFunction, Runtime } from 'aws-cdk-lib/aws-lambda';
import { LogGroup, type RetentionDays } from 'aws-cdk-lib/aws-logs';
import { Construct } from 'constructs';
import { BUNDLE_DIRECTORY, type FunctionName } from './bundle.ts';

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
 * CloudWatch as they are, so that metric filters and Insights find `level` and `event` at the top. Lambda's JSON
 * format is for what goes through `console`; it would put each line, as text, into a record of its own.
 */
export class ConnectorFunction extends Construct {
  readonly function: LambdaFunction;
  readonly role: Role;
  readonly logGroup: LogGroup;

  constructor(scope: Construct, id: string, props: ConnectorFunctionProps) {
    super(scope, id);
    const { bundle, bundleDirectory = BUNDLE_DIRECTORY, memorySize = 512, retainLogs = true } = props;

    this.logGroup = new LogGroup(this, 'Logs', {
      retention: props.logRetention,
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
    });
  }
}

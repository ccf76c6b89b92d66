import { RemovalPolicy, Stack } from 'aws-cdk-lib';
import { AccessLogFormat } from 'aws-cdk-lib/aws-apigateway';
import { HttpApi, HttpMethod, HttpStage, LogGroupLogDestination } from 'aws-cdk-lib/aws-apigatewayv2';
import { HttpIamAuthorizer } from 'aws-cdk-lib/aws-apigatewayv2-authorizers';
import { HttpLambdaIntegration } from 'aws-cdk-lib/aws-apigatewayv2-integrations';
import type { IKey } from 'aws-cdk-lib/aws-kms';
import type { IFunction } from 'aws-cdk-lib/aws-lambda';
import { LogGroup, type RetentionDays } from 'aws-cdk-lib/aws-logs';
import { Construct } from 'constructs';
import { acknowledge } from './nag.ts';
import { ownSuffix } from './own-names.ts';

export interface ConnectorApiProps {
  /** Requests a second, on average. */
  readonly requestsPerSecond: number;

  /** Requests at once. */
  readonly requestBurst: number;

  readonly logRetention: RetentionDays;

  /**
   * Keeps the access log when the stack is deleted.
   *
   * @default true
   */
  readonly retainLogs?: boolean;

  /**
   * Encrypts the access log.
   *
   * @default - CloudWatch's own key
   */
  readonly encryptionKey?: IKey | undefined;
}

/** Who answers. */
export interface ApiFunctions {
  /** Takes the deliveries in. */
  readonly webhook: IFunction;

  /** Tells the budget of a project. */
  readonly budget: IFunction;

  /** Connects, shows and disconnects customers. */
  readonly admin: IFunction;
}

/** Of each thing that can be asked for, the path below the API's address. */
export const API_PATHS = {
  webhook: '/webhooks/opentrain/{connectionId}',
  budget: '/connections/{connectionId}/projects/{externalProjectId}/budget',
  connection: '/connections/{connectionId}',
} as const;

/**
 * The HTTP API; what it has no route for is a 404 that reaches no function.
 *
 * OpenTrain calls `POST /webhooks/opentrain/{connectionId}`. The signature is the authentication, and the function
 * checks it, since it is made over the raw body.
 *
 * The platform's own servers call `GET /connections/{connectionId}/projects/{externalProjectId}/budget` and
 * `PUT`, `GET` and `DELETE /connections/{connectionId}`, signed with SigV4: API Gateway lets through whom IAM allows
 * `execute-api:Invoke`, and nobody else.
 */
export class ConnectorApi extends Construct {
  readonly api: HttpApi;
  readonly stage: HttpStage;
  readonly accessLog: LogGroup;

  constructor(scope: Construct, id: string, props: ConnectorApiProps) {
    super(scope, id);
    this.api = new HttpApi(this, 'Api', {
      apiName: Stack.of(this).stackName,
      description: 'Takes in webhook deliveries of OpenTrain, tells the budgets of projects, connects customers',
      createDefaultStage: false,
    });
    const { retainLogs = true } = props;
    this.accessLog = new LogGroup(this, 'AccessLog', {
      // API Gateway writes each log group into one resource policy of limited length; those named like this share an
      // entry. The stack's own id keeps one that outlived a stack from being in the way of the next.
      logGroupName: `/aws/vendedlogs/${Stack.of(this).stackName}/webhook-api-${ownSuffix()}`,
      retention: props.logRetention,
      ...(props.encryptionKey && { encryptionKey: props.encryptionKey }),
      removalPolicy: retainLogs ? RemovalPolicy.RETAIN : RemovalPolicy.DESTROY,
    });
    this.stage = new HttpStage(this, 'Stage', {
      httpApi: this.api,
      stageName: '$default',
      autoDeploy: true,
      throttle: { rateLimit: props.requestsPerSecond, burstLimit: props.requestBurst },
      accessLogSettings: { destination: new LogGroupLogDestination(this.accessLog), format: ACCESS_LOG_FORMAT },
    });
  }

  /** Adds the routes; apart from the rest, since functions behind them are told the API's address. */
  serve({ webhook, budget, admin }: ApiFunctions): void {
    const deliveries = this.api.addRoutes({
      path: API_PATHS.webhook,
      methods: [HttpMethod.POST],
      integration: new HttpLambdaIntegration('Webhook', webhook),
    });
    for (const route of deliveries) {
      acknowledge(
        route,
        'AwsSolutions-APIG4',
        'OpenTrain signs each delivery over its raw body (HMAC-SHA256), and sends no other credential. An authorizer never ' +
          'sees the body: the function checks the signature before anything else.',
      );
    }
    const authorizer = new HttpIamAuthorizer();
    this.api.addRoutes({
      path: API_PATHS.budget,
      methods: [HttpMethod.GET],
      integration: new HttpLambdaIntegration('Budget', budget),
      authorizer,
    });
    this.api.addRoutes({
      path: API_PATHS.connection,
      methods: [HttpMethod.PUT, HttpMethod.GET, HttpMethod.DELETE],
      integration: new HttpLambdaIntegration('Admin', admin),
      authorizer,
    });
  }
}

/**
 * Rule 7: who asked for what, how it ended and how long it took; no header (a signature is one), no body, no query, and of
 * the path only which route it is: the rest is whatever the caller wrote, be it a token by mistake. Which connection it
 * was is in the log of the function. Durations are milliseconds.
 */
const ACCESS_LOG_FORMAT = AccessLogFormat.custom(
  JSON.stringify({
    requestId: '$context.requestId',
    time: '$context.requestTimeEpoch',
    sourceIp: '$context.identity.sourceIp',
    method: '$context.httpMethod',
    route: '$context.routeKey',
    status: '$context.status',
    durationMs: '$context.responseLatency',
    functionMs: '$context.integrationLatency',
    functionStatus: '$context.integration.integrationStatus',
    responseBytes: '$context.responseLength',
    error: '$context.error.message',
  }),
);

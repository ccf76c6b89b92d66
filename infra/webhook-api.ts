import { RemovalPolicy, Stack } from 'aws-cdk-lib';
import { AccessLogFormat } from 'aws-cdk-lib/aws-apigateway';
import { HttpApi, HttpMethod, HttpStage, LogGroupLogDestination } from 'aws-cdk-lib/aws-apigatewayv2';
import { HttpLambdaIntegration } from 'aws-cdk-lib/aws-apigatewayv2-integrations';
import type { IFunction } from 'aws-cdk-lib/aws-lambda';
import { LogGroup, type RetentionDays } from 'aws-cdk-lib/aws-logs';
import { Construct } from 'constructs';

export interface WebhookApiProps {
  /** Takes the deliveries in. */
  readonly handler: IFunction;

  /** Requests a second, on average. */
  readonly requestsPerSecond: number;

  /** Requests at once. */
  readonly requestBurst: number;

  readonly logRetention: RetentionDays;
}

const WEBHOOK_PATH = '/webhooks/opentrain/{connectionId}';

/**
 * What OpenTrain calls: one route, `POST /webhooks/opentrain/{connectionId}`. Everything else is a 404 that reaches no
 * function. The signature is the authentication, and the function checks it, since it is made over the raw body.
 */
export class WebhookApi extends Construct {
  readonly api: HttpApi;
  readonly stage: HttpStage;
  readonly accessLog: LogGroup;
  /** To register with OpenTrain, `{connectionId}` replaced. */
  readonly webhookUrlTemplate: string;

  constructor(scope: Construct, id: string, props: WebhookApiProps) {
    super(scope, id);
    this.api = new HttpApi(this, 'Api', {
      apiName: Stack.of(this).stackName,
      description: 'Takes in webhook deliveries of OpenTrain',
      createDefaultStage: false,
    });
    this.api.addRoutes({
      path: WEBHOOK_PATH,
      methods: [HttpMethod.POST],
      integration: new HttpLambdaIntegration('Webhook', props.handler),
    });

    this.accessLog = new LogGroup(this, 'AccessLog', {
      // API Gateway writes each log group into one resource policy of limited length; those named like this share an
      // entry.
      logGroupName: `/aws/vendedlogs/${Stack.of(this).stackName}/webhook-api`,
      retention: props.logRetention,
      // A group with a fixed name that outlived the stack would be in the way of the next.
      removalPolicy: RemovalPolicy.DESTROY,
    });
    this.stage = new HttpStage(this, 'Stage', {
      httpApi: this.api,
      stageName: '$default',
      autoDeploy: true,
      throttle: { rateLimit: props.requestsPerSecond, burstLimit: props.requestBurst },
      accessLogSettings: { destination: new LogGroupLogDestination(this.accessLog), format: ACCESS_LOG_FORMAT },
    });
    this.webhookUrlTemplate = `${this.api.apiEndpoint}${WEBHOOK_PATH}`;
  }
}

/**
 * Rule 7: who asked for what, how it ended and how long it took; no header (a signature is one), no body, no query.
 * Durations are milliseconds.
 */
const ACCESS_LOG_FORMAT = AccessLogFormat.custom(
  JSON.stringify({
    requestId: '$context.requestId',
    time: '$context.requestTimeEpoch',
    sourceIp: '$context.identity.sourceIp',
    method: '$context.httpMethod',
    path: '$context.path',
    route: '$context.routeKey',
    status: '$context.status',
    durationMs: '$context.responseLatency',
    functionMs: '$context.integrationLatency',
    functionStatus: '$context.integration.integrationStatus',
    responseBytes: '$context.responseLength',
    error: '$context.error.message',
  }),
);

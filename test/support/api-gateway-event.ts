import type { APIGatewayProxyEventV2 } from 'aws-lambda';
import { signDelivery } from '../../shared/opentrain/signature.ts';

export interface WebhookRequest {
  readonly connection?: string;
  readonly body?: string | Uint8Array;
  /** Signs with it, unless the headers say otherwise. */
  readonly secret?: string;
  /** Seconds since the epoch. */
  readonly now?: number;
  readonly headers?: Record<string, string>;
  readonly base64?: boolean;
}

/** A request to the webhook URL as API Gateway hands it to the function: payload format 2.0. */
export function webhookEvent({
  connection = 'acme',
  body = '{"id":"1","type":"contract.started"}',
  secret = 'whsec_acme',
  now = Math.floor(Date.now() / 1000),
  headers = {},
  base64 = typeof body !== 'string',
}: WebhookRequest = {}): APIGatewayProxyEventV2 {
  const bytes = Buffer.from(body);
  const path = `/webhooks/opentrain/${connection}`;
  return {
    version: '2.0',
    routeKey: 'POST /webhooks/opentrain/{connectionId}',
    rawPath: path,
    rawQueryString: '',
    headers: {
      'content-type': 'application/json',
      'user-agent': 'OpenTrain-Partner-Webhooks/1.0',
      'x-opentrain-event': 'contract.started',
      'x-opentrain-delivery': 'delivery-1',
      'x-opentrain-signature': signDelivery(secret, bytes, now),
      ...headers,
    },
    pathParameters: { connectionId: connection },
    requestContext: {
      accountId: '123456789012',
      apiId: 'api',
      domainName: 'api.execute-api.eu-central-1.amazonaws.com',
      domainPrefix: 'api',
      http: { method: 'POST', path, protocol: 'HTTP/1.1', sourceIp: '127.0.0.1', userAgent: '' },
      requestId: 'request-1',
      routeKey: 'POST /webhooks/opentrain/{connectionId}',
      stage: '$default',
      time: '21/Nov/2026:00:00:00 +0000',
      timeEpoch: now * 1000,
    },
    body: base64 ? bytes.toString('base64') : bytes.toString('utf8'),
    isBase64Encoded: base64,
  };
}

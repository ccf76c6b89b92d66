import type { APIGatewayProxyEventV2, APIGatewayProxyStructuredResultV2 } from 'aws-lambda';
import {
  type IncomingDelivery,
  type IntakeParts,
  type Reception,
  receiveDelivery,
} from '../../shared/deliveries/intake.ts';
import type { Logger } from '../../shared/logging.ts';

export type WebhookHandler = (event: APIGatewayProxyEventV2) => Promise<APIGatewayProxyStructuredResultV2>;

/** `POST /webhooks/opentrain/{connectionId}`: the design's table "Answers of the webhook function". */
export function createWebhookHandler(parts: IntakeParts & { readonly logger: Logger }): WebhookHandler {
  return async (event) => {
    const delivery = toDelivery(event);
    const reception = await receiveDelivery(delivery, parts);
    const statusCode = STATUS[reception.kind];
    log(parts.logger, delivery, reception, statusCode);
    return { statusCode };
  };
}

const STATUS = {
  accepted: 202,
  refused: 401,
  'unknown-connection': 404,
  'too-large': 413,
  unavailable: 503,
} as const satisfies Record<Reception['kind'], number>;

function toDelivery(event: APIGatewayProxyEventV2): IncomingDelivery {
  // HTTP APIs lower-case header names; other gateways in front may not.
  const headers = new Map(Object.entries(event.headers).map(([name, value]) => [name.toLowerCase(), value]));
  return {
    connectionId: event.pathParameters?.connectionId ?? '',
    signature: headers.get('x-opentrain-signature'),
    deliveryId: headers.get('x-opentrain-delivery'),
    body: Buffer.from(event.body ?? '', event.isBase64Encoded ? 'base64' : 'utf8'),
  };
}

function log(logger: Logger, delivery: IncomingDelivery, reception: Reception, status: number): void {
  const { connectionId } = delivery;
  switch (reception.kind) {
    case 'accepted':
      logger.info({
        event: 'delivery.accepted',
        connectionId,
        deliveryId: reception.deliveryId,
        secretId: reception.secretId,
      });
      break;
    case 'unavailable':
      logger.error({ event: 'delivery.unavailable', connectionId, status, error: reception.error });
      break;
    case 'refused':
      logger.warn({ event: 'delivery.rejected', connectionId, status, reason: reception.reason });
      break;
    default:
      // The id is whatever the caller wrote into the path: not worth a line of ours.
      logger.warn({ event: 'delivery.rejected', status, reason: reception.kind });
  }
}

import { SendMessageCommand, SQSClient } from '@aws-sdk/client-sqs';
import type { APIGatewayProxyEventV2, APIGatewayProxyStructuredResultV2 } from 'aws-lambda';
import { createAwsJsonClient } from '../../shared/aws/aws-json-client.ts';
import { createParameterStore } from '../../shared/aws/parameter-store.ts';
import { required } from '../../shared/config.ts';
import { credentialNames } from '../../shared/connections/credential-names.ts';
import { packEnvelope } from '../../shared/deliveries/envelope.ts';
import { type DeliveryId, parseConnectionId } from '../../shared/ids.ts';
import { verifySignature, type WebhookSecret, webhookSecret } from '../../shared/opentrain/signature.ts';

/**
 * What the webhook function is compared with: the same job, done the usual way, in one file on `@aws-sdk/client-sqs`.
 *
 * Every doubt is decided in its favour. It reads the secret with the connector's own light SSM reader, where the usual
 * way is `@aws-sdk/client-ssm`; what both load is loaded once, so that costs it some 5 kB. It has no guard against a
 * flood of unknown ids or of forgeries. It checks no MD5 of the answer, as ours does not. It signs, checks and packs
 * with the same functions, so that only the way to SQS differs.
 */
const { QUEUE_URL, CREDENTIALS_PATH } = required(process.env, ['QUEUE_URL', 'CREDENTIALS_PATH']);
const SECRETS_FRESH_MILLISECONDS = 5 * 60_000;

const sqs = new SQSClient({ useQueueUrlAsEndpoint: false, md5: false });
const parameters = createParameterStore(createAwsJsonClient('ssm'));
const names = credentialNames(CREDENTIALS_PATH);
const cache = new Map<string, { readonly secrets: readonly WebhookSecret[]; readonly readAt: number }>();

export async function handler(event: APIGatewayProxyEventV2): Promise<APIGatewayProxyStructuredResultV2> {
  const connectionId = parseConnectionId(event.pathParameters?.connectionId ?? '');
  if (connectionId === undefined) return { statusCode: 404 };
  const body = Buffer.from(event.body ?? '', event.isBase64Encoded ? 'base64' : 'utf8');
  const receivedAt = Date.now();

  let known = cache.get(connectionId);
  if (known === undefined || receivedAt - known.readAt > SECRETS_FRESH_MILLISECONDS) {
    const value = await parameters.get(names.webhookSecrets(connectionId));
    if (value === undefined) return { statusCode: 404 };
    known = { secrets: value.split('\n').map(webhookSecret), readAt: receivedAt };
    cache.set(connectionId, known);
  }

  const signature = event.headers['x-opentrain-signature'];
  const verification = verifySignature(signature, body, known.secrets, Math.floor(receivedAt / 1000));
  if (verification.kind === 'rejected') return { statusCode: 401 };

  const { secretId } = verification;
  const deliveryId = (event.headers['x-opentrain-delivery'] ?? '') as DeliveryId;
  try {
    await sqs.send(
      new SendMessageCommand({
        QueueUrl: QUEUE_URL,
        MessageBody: packEnvelope({ connectionId, deliveryId, secretId, receivedAt, body }),
        MessageGroupId: connectionId,
      }),
    );
  } catch (error) {
    console.error(JSON.stringify({ event: 'delivery.unavailable', connectionId, error: String(error) }));
    return { statusCode: 503 };
  }
  console.log(JSON.stringify({ event: 'delivery.accepted', connectionId, deliveryId, secretId }));
  return { statusCode: 202 };
}

import { createAwsJsonClient } from '../../shared/aws/aws-json-client.ts';
import { createParameterStore } from '../../shared/aws/parameter-store.ts';
import { createQueue } from '../../shared/aws/queue.ts';
import { systemClock } from '../../shared/clock.ts';
import { required } from '../../shared/config.ts';
import { credentialNames } from '../../shared/connections/credential-names.ts';
import { createWebhookSecrets } from '../../shared/connections/webhook-secrets.ts';
import { createLogger, writeLine } from '../../shared/logging.ts';
import { createWebhookHandler } from './handler.ts';

const settings = required(process.env, ['QUEUE_URL', 'CREDENTIALS_PATH']);

export const handler = createWebhookHandler({
  secrets: createWebhookSecrets(
    createParameterStore(createAwsJsonClient('ssm')),
    credentialNames(settings.CREDENTIALS_PATH),
    systemClock,
  ),
  queue: createQueue(createAwsJsonClient('sqs'), settings.QUEUE_URL),
  clock: systemClock,
  logger: createLogger(writeLine, process.env.METRICS_NAMESPACE),
});

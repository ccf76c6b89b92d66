import { createAwsJsonClient } from '../../shared/aws/aws-json-client.ts';
import { createParameterStore } from '../../shared/aws/parameter-store.ts';
import { createQueue } from '../../shared/aws/queue.ts';
import { systemClock } from '../../shared/clock.ts';
import { createLogger } from '../../shared/logging.ts';
import { createStore } from '../../shared/store/store.ts';
import { openTable } from '../../shared/store/table.ts';
import { createWorkerHandler } from './handler.ts';
import { createWorkerParts, readWorkerSettings } from './parts.ts';

const settings = readWorkerSettings(process.env);

export const handler = createWorkerHandler({
  ...createWorkerParts(settings, {
    store: createStore(openTable(settings.tableName)),
    parameters: createParameterStore(createAwsJsonClient('ssm')),
    clock: systemClock,
    logger: createLogger(),
  }),
  queue: createQueue(createAwsJsonClient('sqs'), settings.queueUrl),
});

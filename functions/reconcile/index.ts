import { createAwsJsonClient } from '../../shared/aws/aws-json-client.ts';
import { createParameterStore } from '../../shared/aws/parameter-store.ts';
import { createQueue } from '../../shared/aws/queue.ts';
import { systemClock } from '../../shared/clock.ts';
import { createLogger, writeLine } from '../../shared/logging.ts';
import { createStore } from '../../shared/store/store.ts';
import { openTable } from '../../shared/store/table.ts';
import { createConnectorParts } from '../parts.ts';
import { createReconcileHandler } from './handler.ts';
import { createReconcileParts } from './parts.ts';
import { readReconcileSettings } from './settings.ts';

const settings = readReconcileSettings(process.env);

export const handler = createReconcileHandler({
  ...createConnectorParts(settings, {
    store: createStore(openTable(settings.tableName)),
    parameters: createParameterStore(createAwsJsonClient('ssm')),
    clock: systemClock,
    logger: createLogger(writeLine, process.env.METRICS_NAMESPACE),
    countsCalls: Boolean(process.env.METRICS_NAMESPACE),
  }),
  ...createReconcileParts(settings),
  queue: createQueue(createAwsJsonClient('sqs'), settings.queueUrl),
});

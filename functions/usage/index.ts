import { createAwsJsonClient } from '../../shared/aws/aws-json-client.ts';
import { createParameterStore } from '../../shared/aws/parameter-store.ts';
import { createQueue } from '../../shared/aws/queue.ts';
import { systemClock } from '../../shared/clock.ts';
import { createLogger, writeLine } from '../../shared/logging.ts';
import { createStore } from '../../shared/store/store.ts';
import { openTable } from '../../shared/store/table.ts';
import { createConnectorParts } from '../parts.ts';
import { createUsageHandler } from './handler.ts';
import { readUsageSettings } from './settings.ts';

const settings = readUsageSettings(process.env);

export const handler = createUsageHandler({
  ...createConnectorParts(settings, {
    store: createStore(openTable(settings.tableName)),
    parameters: createParameterStore(createAwsJsonClient('ssm')),
    clock: systemClock,
    logger: createLogger(writeLine, process.env.METRICS_NAMESPACE),
    countsCalls: Boolean(process.env.METRICS_NAMESPACE),
  }),
  queue: createQueue(createAwsJsonClient('sqs'), settings.queueUrl),
  lookBackDays: settings.lookBackDays,
  intervalMinutes: settings.intervalMinutes,
});

import { createAwsJsonClient } from '../../shared/aws/aws-json-client.ts';
import { createQueue } from '../../shared/aws/queue.ts';
import { lambdaEdges } from '../lambda-edges.ts';
import { createConnectorParts } from '../parts.ts';
import { createUsageHandler } from './handler.ts';
import { readUsageSettings } from './settings.ts';

const settings = readUsageSettings(process.env);

export const handler = createUsageHandler({
  ...createConnectorParts(settings, {
    ...lambdaEdges(settings.tableName),
    countsCalls: Boolean(process.env.METRICS_NAMESPACE),
  }),
  queue: createQueue(createAwsJsonClient('sqs'), settings.queueUrl),
  lookBackDays: settings.lookBackDays,
  intervalMinutes: settings.intervalMinutes,
});

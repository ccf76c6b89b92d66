import { createAwsJsonClient } from '../../shared/aws/aws-json-client.ts';
import { createQueue } from '../../shared/aws/queue.ts';
import { lambdaEdges } from '../lambda-edges.ts';
import { createConnectorParts } from '../parts.ts';
import { createReconcileHandler } from './handler.ts';
import { createReconcileParts } from './parts.ts';
import { readReconcileSettings } from './settings.ts';

const settings = readReconcileSettings(process.env);

export const handler = createReconcileHandler({
  ...createConnectorParts(settings, {
    ...lambdaEdges(settings.tableName),
    countsCalls: Boolean(process.env.METRICS_NAMESPACE),
  }),
  ...createReconcileParts(settings),
  queue: createQueue(createAwsJsonClient('sqs'), settings.queueUrl),
});

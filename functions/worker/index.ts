import { createAwsJsonClient } from '../../shared/aws/aws-json-client.ts';
import { createQueue } from '../../shared/aws/queue.ts';
import { lambdaEdges } from '../lambda-edges.ts';
import { createConnectorParts } from '../parts.ts';
import { createWorkerHandler } from './handler.ts';
import { readWorkerSettings } from './settings.ts';

const settings = readWorkerSettings(process.env);

export const handler = createWorkerHandler({
  ...createConnectorParts(settings, lambdaEdges(settings.tableName)),
  queue: createQueue(createAwsJsonClient('sqs'), settings.queueUrl),
});

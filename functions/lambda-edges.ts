import { createAwsJsonClient } from '../shared/aws/aws-json-client.ts';
import { createParameterStore } from '../shared/aws/parameter-store.ts';
import { systemClock } from '../shared/clock.ts';
import { createLogger, writeLine } from '../shared/logging.ts';
import { createStore } from '../shared/store/store.ts';
import { openTable } from '../shared/store/table.ts';
import type { ConnectorEdges } from './parts.ts';

/** The edges to the world as they are in Lambda. */
export const lambdaEdges = (tableName: string): Omit<ConnectorEdges, 'countsCalls'> => ({
  store: createStore(openTable(tableName)),
  parameters: createParameterStore(createAwsJsonClient('ssm')),
  clock: systemClock,
  logger: createLogger(writeLine, process.env.METRICS_NAMESPACE),
});

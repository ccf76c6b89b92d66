import { createAwsJsonClient } from '../../shared/aws/aws-json-client.ts';
import { createParameterStore } from '../../shared/aws/parameter-store.ts';
import { systemClock } from '../../shared/clock.ts';
import { createLogger, writeLine } from '../../shared/logging.ts';
import { createStore } from '../../shared/store/store.ts';
import { openTable } from '../../shared/store/table.ts';
import { createAdminHandler } from './handler.ts';
import { createAdminParts, readAdminSettings } from './parts.ts';

const settings = readAdminSettings(process.env);

export const handler = createAdminHandler(
  createAdminParts(settings, {
    store: createStore(openTable(settings.tableName)),
    parameters: createParameterStore(createAwsJsonClient('ssm')),
    clock: systemClock,
    logger: createLogger(writeLine, process.env.METRICS_NAMESPACE),
  }),
);

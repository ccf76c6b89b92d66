import { required } from '../../shared/config.ts';
import { createLogger, writeLine } from '../../shared/logging.ts';
import { createStore } from '../../shared/store/store.ts';
import { openTable } from '../../shared/store/table.ts';
import { createBudgetHandler } from './handler.ts';

const settings = required(process.env, ['TABLE_NAME']);

export const handler = createBudgetHandler({
  store: createStore(openTable(settings.TABLE_NAME)),
  logger: createLogger(writeLine, process.env.METRICS_NAMESPACE),
});

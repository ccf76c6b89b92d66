import { type ConnectorParts, createConnectorParts } from '../functions/parts.ts';
import { ConfigurationError } from '../shared/errors.ts';
import { createLogger, type Logger } from '../shared/logging.ts';
import type { Parts } from './parts.ts';
import type { Terminal } from './terminal.ts';

/**
 * What the scheduled functions work with, for commands that do the same here and now.
 *
 * @throws {ConfigurationError} when the stack does not tell what it takes
 */
export function connectorParts({ target, store, parameters, clock }: Parts, terminal: Terminal): ConnectorParts {
  if (target.workspace === undefined) {
    throw new ConfigurationError('The stack does not tell which workspace it has. Deploy this version of it first.');
  }
  const settings = {
    tableName: target.tableName,
    credentialsPath: target.credentialsPath,
    opentrainBaseUrl: target.opentrainUrl,
    workspace: target.workspace,
    topUpUrl: target.topUpUrl,
    keepAfterUnlink: target.keepAfterUnlink,
    backOff: OF_QUEUES,
  };
  return createConnectorParts(settings, { store, parameters, clock, logger: loggerTo(terminal) });
}

/** Nothing goes back to a queue here. */
const OF_QUEUES = { baseSeconds: 1, capSeconds: 1 };

/** What goes wrong is said as it happens; what goes well is in the result. */
function loggerTo(terminal: Terminal): Logger {
  return { ...createLogger((line) => terminal.note(line)), info: () => {} };
}

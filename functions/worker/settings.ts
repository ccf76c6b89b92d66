import { required } from '../../shared/config.ts';
import { type ConnectorSettings, readConnectorSettings } from '../parts.ts';

export interface WorkerSettings extends ConnectorSettings {
  readonly queueUrl: string;
}

/** @throws {ConfigurationError} when a setting is missing or out of range */
export function readWorkerSettings(environment: NodeJS.ProcessEnv): WorkerSettings {
  const { QUEUE_URL } = required(environment, ['QUEUE_URL']);
  return { ...readConnectorSettings(environment), queueUrl: QUEUE_URL };
}

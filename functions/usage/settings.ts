import { numberSetting, required } from '../../shared/config.ts';
import { type ConnectorSettings, readConnectorSettings } from '../parts.ts';

export interface UsageSettings extends ConnectorSettings {
  readonly queueUrl: string;
  readonly lookBackDays: number;
  readonly intervalMinutes: number;
}

/** @throws {ConfigurationError} when a setting is missing or out of range */
export function readUsageSettings(environment: NodeJS.ProcessEnv): UsageSettings {
  const { USAGE_QUEUE_URL } = required(environment, ['USAGE_QUEUE_URL']);
  return {
    ...readConnectorSettings(environment),
    queueUrl: USAGE_QUEUE_URL,
    lookBackDays: numberSetting(environment, 'USAGE_LOOK_BACK_DAYS', { byDefault: 3, least: 1, most: 30 }),
    intervalMinutes: numberSetting(environment, 'USAGE_INTERVAL_MINUTES', { byDefault: 60, least: 1, most: 1440 }),
  };
}

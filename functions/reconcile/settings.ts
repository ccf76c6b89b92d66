import { parseBaseUrl } from '../../shared/base-url.ts';
import { numberSetting, required } from '../../shared/config.ts';
import { type ConnectorSettings, readConnectorSettings } from '../parts.ts';

export interface ReconcileSettings extends ConnectorSettings {
  readonly queueUrl: string;
  /** What `/webhooks/opentrain/<connectionId>` is appended to. */
  readonly webhookBaseUrl: string;
  readonly intervalMinutes: number;
  readonly graceHours: number;
}

/** @throws {ConfigurationError} when a setting is missing or out of range */
export function readReconcileSettings(environment: NodeJS.ProcessEnv): ReconcileSettings {
  const { RECONCILE_QUEUE_URL, WEBHOOK_BASE_URL } = required(environment, ['RECONCILE_QUEUE_URL', 'WEBHOOK_BASE_URL']);
  return {
    ...readConnectorSettings(environment),
    queueUrl: RECONCILE_QUEUE_URL,
    webhookBaseUrl: parseBaseUrl(WEBHOOK_BASE_URL, 'WEBHOOK_BASE_URL'),
    intervalMinutes: numberSetting(environment, 'RECONCILE_MINUTES', { byDefault: 30, least: 1, most: 1440 }),
    graceHours: numberSetting(environment, 'GRACE_HOURS', { byDefault: 24, least: 0, most: 720 }),
  };
}

import type { ReconcileParts } from '../../shared/reconcile/reconcile-connection.ts';
import type { ReconcileSettings } from './settings.ts';

/** What reconciliation needs beyond what every function has. */
export function createReconcileParts(
  settings: Pick<ReconcileSettings, 'webhookBaseUrl' | 'graceHours' | 'intervalMinutes'>,
): Pick<ReconcileParts, 'webhookUrl' | 'graceMilliseconds' | 'intervalMilliseconds'> & { intervalMinutes: number } {
  const { webhookBaseUrl, graceHours, intervalMinutes } = settings;
  return {
    webhookUrl: (connection) => `${webhookBaseUrl}/webhooks/opentrain/${connection}`,
    graceMilliseconds: graceHours * 3600_000,
    intervalMilliseconds: intervalMinutes * 60_000,
    intervalMinutes,
  };
}

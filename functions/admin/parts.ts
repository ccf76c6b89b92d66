import type { ParameterStore } from '../../shared/aws/parameter-store.ts';
import { parseBaseUrl } from '../../shared/base-url.ts';
import type { Clock } from '../../shared/clock.ts';
import { required } from '../../shared/config.ts';
import { credentialNames } from '../../shared/connections/credential-names.ts';
import type { DisconnectParts } from '../../shared/connections/disconnect.ts';
import type { Logger } from '../../shared/logging.ts';
import type { Store } from '../../shared/store/store.ts';

export interface AdminSettings {
  readonly tableName: string;
  readonly credentialsPath: string;
  readonly opentrainBaseUrl: string;
  /** Where OpenTrain reaches the webhook function: `…/webhooks/opentrain/<connectionId>` comes after it. */
  readonly webhookBaseUrl: string;
}

/** What the handler works with; all of it but the settings is the operator's commands' own. */
export interface AdminParts extends DisconnectParts {
  readonly store: Pick<Store, 'connections' | 'workspaces'>;
  readonly webhookBaseUrl: string;
  readonly logger: Logger;
}

/** @throws {ConfigurationError} when a setting is missing, or a URL is none */
export function readAdminSettings(environment: NodeJS.ProcessEnv): AdminSettings {
  const settings = required(environment, ['TABLE_NAME', 'CREDENTIALS_PATH', 'OPENTRAIN_BASE_URL', 'WEBHOOK_BASE_URL']);
  return {
    tableName: settings.TABLE_NAME,
    credentialsPath: settings.CREDENTIALS_PATH,
    opentrainBaseUrl: parseBaseUrl(settings.OPENTRAIN_BASE_URL, 'OPENTRAIN_BASE_URL'),
    webhookBaseUrl: parseBaseUrl(settings.WEBHOOK_BASE_URL, 'WEBHOOK_BASE_URL'),
  };
}

export function createAdminParts(
  { credentialsPath, opentrainBaseUrl, webhookBaseUrl }: AdminSettings,
  edges: { store: Store; parameters: ParameterStore; clock: Clock; logger: Logger },
): AdminParts {
  const { store, parameters, clock, logger } = edges;
  return {
    store,
    connections: store.connections,
    grants: store.grants,
    parameters,
    names: credentialNames(credentialsPath),
    // Somebody waits, and API Gateway no longer than 30 s: that is for five calls, where one is in trouble.
    opentrain: {
      baseUrl: opentrainBaseUrl,
      clock,
      maxAttempts: 2,
      timeoutMilliseconds: 4_000,
      budgetMilliseconds: 5_000,
    },
    webhookBaseUrl,
    clock,
    logger,
  };
}

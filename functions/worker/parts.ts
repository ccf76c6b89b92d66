import type { ParameterStore } from '../../shared/aws/parameter-store.ts';
import type { Clock } from '../../shared/clock.ts';
import { numberSetting, required } from '../../shared/config.ts';
import { credentialNames } from '../../shared/connections/credential-names.ts';
import { createSecretReader } from '../../shared/connections/secret-reader.ts';
import { type BackOff, DEFAULT_BACK_OFF } from '../../shared/deliveries/back-off.ts';
import type { DeliveryParts } from '../../shared/deliveries/process-delivery.ts';
import type { Logger } from '../../shared/logging.ts';
import { createOpenTrainClient } from '../../shared/opentrain/client.ts';
import type { Store } from '../../shared/store/store.ts';
import type { WorkspaceSettings } from '../../shared/store/workspaces.ts';
import { openWorkspaces } from '../../shared/workspace/open-workspaces.ts';
import { readWorkspaceSettings } from '../../shared/workspace/workspace-settings.ts';

export interface WorkerSettings {
  readonly tableName: string;
  readonly queueUrl: string;
  readonly credentialsPath: string;
  readonly opentrainBaseUrl: string;
  readonly workspace: WorkspaceSettings;
  readonly backOff: BackOff;
}

/** @throws {ConfigurationError} when a setting is missing or out of range */
export function readWorkerSettings(environment: NodeJS.ProcessEnv): WorkerSettings {
  const { baseSeconds, capSeconds } = DEFAULT_BACK_OFF;
  const settings = required(environment, [
    'TABLE_NAME',
    'QUEUE_URL',
    'CREDENTIALS_PATH',
    'OPENTRAIN_BASE_URL',
    'WORKSPACE',
    'WORKSPACE_URL',
  ]);
  return {
    tableName: settings.TABLE_NAME,
    queueUrl: settings.QUEUE_URL,
    credentialsPath: settings.CREDENTIALS_PATH,
    opentrainBaseUrl: settings.OPENTRAIN_BASE_URL,
    workspace: readWorkspaceSettings(environment),
    backOff: {
      baseSeconds: numberSetting(environment, 'RETRY_BASE_SECONDS', { byDefault: baseSeconds, least: 1, most: 900 }),
      capSeconds: numberSetting(environment, 'RETRY_CAP_SECONDS', { byDefault: capSeconds, least: 1, most: 900 }),
    },
  };
}

/** Puts together what the worker works with; the queue is the handler's own. */
export function createWorkerParts(
  settings: WorkerSettings,
  edges: { store: Store; parameters: ParameterStore; clock: Clock; logger: Logger },
): DeliveryParts {
  const { store, parameters, clock, logger } = edges;
  const names = credentialNames(settings.credentialsPath);
  const readSecret = createSecretReader(parameters, clock);
  return {
    store,
    clock,
    logger,
    backOff: settings.backOff,
    random: Math.random,
    opentrain: (connection) =>
      createOpenTrainClient({
        baseUrl: settings.opentrainBaseUrl,
        token: (options) => readSecret(names.token(connection), options),
        clock,
        // A delivery that must wait longer waits in the queue, not in a lane that others need.
        maxAttempts: 2,
        budgetMilliseconds: 12_000,
      }),
    placeOf: openWorkspaces({
      defaultSettings: settings.workspace,
      settingsOf: (workspace) => store.workspaces.get(workspace),
      readSecret,
      names,
      clock,
    }),
  };
}

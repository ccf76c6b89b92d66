import type { ParameterStore } from '../shared/aws/parameter-store.ts';
import type { Clock } from '../shared/clock.ts';
import { numberSetting, required } from '../shared/config.ts';
import { credentialNames } from '../shared/connections/credential-names.ts';
import { createSecretReader } from '../shared/connections/secret-reader.ts';
import { type BackOff, DEFAULT_BACK_OFF } from '../shared/deliveries/back-off.ts';
import type { WorkerParts } from '../shared/events/event-context.ts';
import type { Logger } from '../shared/logging.ts';
import { createOpenTrainClient } from '../shared/opentrain/client.ts';
import type { Store } from '../shared/store/store.ts';
import type { WorkspaceSettings } from '../shared/store/workspaces.ts';
import { measuredPlace } from '../shared/workspace/measured-place.ts';
import { openWorkspaces } from '../shared/workspace/open-workspaces.ts';
import { readWorkspaceSettings } from '../shared/workspace/workspace-settings.ts';

/** What every function between OpenTrain and the workspace is told by the stack. */
export interface ConnectorSettings {
  readonly tableName: string;
  readonly credentialsPath: string;
  readonly opentrainBaseUrl: string;
  readonly workspace: WorkspaceSettings;
  /** Where budget notices lead; `{contractId}` in it stands for the contract. */
  readonly topUpUrl: string;
  readonly keepAfterUnlink: boolean;
  readonly backOff: BackOff;
}

/** The edges to the world, so that a test or local mode can have its own. */
export interface ConnectorEdges {
  readonly store: Store;
  readonly parameters: ParameterStore;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Whether each call of the workspace leaves a line, for metrics. @default false */
  readonly countsCalls?: boolean;
}

/** What those functions work with. */
export interface ConnectorParts extends WorkerParts {
  readonly backOff: BackOff;
  /** Within [0, 1). */
  readonly random: () => number;
}

/** @throws {ConfigurationError} when a setting is missing or out of range */
export function readConnectorSettings(environment: NodeJS.ProcessEnv): ConnectorSettings {
  const { baseSeconds, capSeconds } = DEFAULT_BACK_OFF;
  const settings = required(environment, [
    'TABLE_NAME',
    'CREDENTIALS_PATH',
    'OPENTRAIN_BASE_URL',
    'WORKSPACE',
    'WORKSPACE_URL',
  ]);
  return {
    tableName: settings.TABLE_NAME,
    credentialsPath: settings.CREDENTIALS_PATH,
    opentrainBaseUrl: settings.OPENTRAIN_BASE_URL,
    workspace: readWorkspaceSettings(environment),
    topUpUrl: environment.TOP_UP_URL || `${new URL(settings.OPENTRAIN_BASE_URL).origin}/`,
    keepAfterUnlink: environment.KEEP_AFTER_UNLINK === 'true',
    backOff: {
      baseSeconds: numberSetting(environment, 'RETRY_BASE_SECONDS', { byDefault: baseSeconds, least: 1, most: 900 }),
      capSeconds: numberSetting(environment, 'RETRY_CAP_SECONDS', { byDefault: capSeconds, least: 1, most: 900 }),
    },
  };
}

export function createConnectorParts(
  settings: ConnectorSettings,
  { store, parameters, clock, logger, countsCalls = false }: ConnectorEdges,
): ConnectorParts {
  const names = credentialNames(settings.credentialsPath);
  const readSecret = createSecretReader(parameters, clock);
  const placeOf = openWorkspaces({
    defaultSettings: settings.workspace,
    settingsOf: (workspace) => store.workspaces.get(workspace),
    readSecret,
    names,
    clock,
  });
  return {
    store,
    clock,
    logger,
    topUpUrl: settings.topUpUrl,
    keepAfterUnlink: settings.keepAfterUnlink,
    backOff: settings.backOff,
    random: Math.random,
    opentrain: (connection) =>
      createOpenTrainClient({
        baseUrl: settings.opentrainBaseUrl,
        token: (options) => readSecret(names.token(connection), options),
        clock,
        // What must wait longer waits in the queue, not in a lane that others need.
        maxAttempts: 2,
        budgetMilliseconds: 12_000,
      }),
    placeOf: countsCalls ? async (workspace) => measuredPlace(await placeOf(workspace), clock, logger) : placeOf,
  };
}

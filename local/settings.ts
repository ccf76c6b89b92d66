import { numberSetting } from '../shared/config.ts';
import { ConfigurationError } from '../shared/errors.ts';
import { readWorkspaceSettings } from '../shared/workspace/workspace-settings.ts';
import type { LocalWorkspace } from './connector.ts';

/** What local mode is told by the environment; every part that is not named is played. */
export interface LocalSettings {
  /** The gateway's; the others take the next free ports. */
  readonly port: number;
  /** A real OpenTrain, or another's. */
  readonly opentrain?: { readonly baseUrl: string; readonly token: string; readonly webhookSecret: string };
  /** A real workspace. */
  readonly workspace?: LocalWorkspace;
  /** Other emulators, by the SDKs' names. */
  readonly endpoints: { readonly AWS_ENDPOINT_URL_DYNAMODB?: string; readonly AWS_ENDPOINT_URL_SQS?: string };
  /** The workspace's own id of the project that the simulation links. */
  readonly project: string;
  /** Seconds from one report of usage to the next; 0: none is made. */
  readonly usageSeconds: number;
  /** Of the simulated employer. It opens nothing but the simulation. */
  readonly employerToken: string;
}

const OPENTRAIN = ['OPENTRAIN_BASE_URL', 'OPENTRAIN_PARTNER_TOKEN', 'OPENTRAIN_WEBHOOK_SECRET'] as const;
const WORKSPACE = ['WORKSPACE_URL', 'WORKSPACE_TOKEN'] as const;
const USAGE_WORKSPACE = ['USAGE_WORKSPACE', 'USAGE_WORKSPACE_URL', 'USAGE_WORKSPACE_TOKEN'] as const;

/** @throws {ConfigurationError} when a part is named only in part */
export function readLocalSettings(environment: NodeJS.ProcessEnv): LocalSettings {
  const opentrain = allOrNone(environment, OPENTRAIN);
  const workspace = readWorkspace(environment);
  const { AWS_ENDPOINT_URL_DYNAMODB, AWS_ENDPOINT_URL_SQS } = environment;
  return {
    port: numberSetting(environment, 'PORT', { byDefault: 8787, least: 0, most: 65_000 }),
    employerToken: environment.OPENTRAIN_EMPLOYER_TOKEN ?? 'ot_pat_local',
    // A deployment's hour is long for somebody who watches.
    usageSeconds: numberSetting(environment, 'USAGE_SECONDS', { byDefault: 60, least: 0, most: 86_400 }),
    project: environment.WORKSPACE_PROJECT ?? 'demo-project',
    endpoints: {
      ...(AWS_ENDPOINT_URL_DYNAMODB ? { AWS_ENDPOINT_URL_DYNAMODB } : {}),
      ...(AWS_ENDPOINT_URL_SQS ? { AWS_ENDPOINT_URL_SQS } : {}),
    },
    ...(opentrain && {
      opentrain: {
        baseUrl: opentrain.OPENTRAIN_BASE_URL,
        token: opentrain.OPENTRAIN_PARTNER_TOKEN,
        webhookSecret: opentrain.OPENTRAIN_WEBHOOK_SECRET,
      },
    }),
    ...(workspace && { workspace }),
  };
}

function readWorkspace(environment: NodeJS.ProcessEnv): LocalWorkspace | undefined {
  const given = allOrNone(environment, WORKSPACE);
  const usage = allOrNone(environment, USAGE_WORKSPACE);
  const { WORKSPACE: adapter = 'http' } = environment;
  if (given === undefined) {
    if (adapter === 'http' && usage === undefined) return undefined;
    throw new ConfigurationError(
      `A real workspace has an address and a token: set ${WORKSPACE.join(' and ')} as well.`,
    );
  }
  const settings = readWorkspaceSettings({ ...environment, WORKSPACE: adapter });
  return { ...settings, token: given.WORKSPACE_TOKEN, usageToken: usage?.USAGE_WORKSPACE_TOKEN };
}

function allOrNone<const Name extends string>(
  environment: NodeJS.ProcessEnv,
  names: readonly Name[],
): Record<Name, string> | undefined {
  const missing = names.filter((name) => !environment[name]);
  if (missing.length === names.length) return undefined;
  if (missing.length > 0) {
    throw new ConfigurationError(`These settings go together: ${names.join(', ')}. Missing: ${missing.join(', ')}.`);
  }
  return Object.fromEntries(names.map((name) => [name, environment[name]])) as Record<Name, string>;
}

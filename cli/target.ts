import type { WorkspaceSettings } from '../shared/store/workspaces.ts';
import { UsageError } from './errors.ts';

/** What a command works on: a deployed stage, or local mode on this machine. */
export interface Target {
  readonly kind: 'stage' | 'local';
  /** For people: `stage prod`, `local mode`. */
  readonly name: string;
  /** In what messages tell people to run: `--stage prod`, `--local …`. */
  readonly flag: string;
  /** Where OpenTrain reaches the deployment. */
  readonly apiUrl: string;
  readonly opentrainUrl: string;
  readonly credentialsPath: string;
  readonly tableName: string;
  readonly queues: readonly TargetQueue[];
  readonly droppedQueues: readonly DroppedQueue[];
  /** The deployment's own workspace; undefined where an older stack does not tell. */
  readonly workspace: WorkspaceSettings | undefined;
  /** Where budget notices lead. */
  readonly topUpUrl: string;
  /** Whether trainers keep their access when their project's link is removed. */
  readonly keepAfterUnlink: boolean;
  /** For how long a disconnected connection keeps its trainers' access. */
  readonly graceHours: number;
  readonly reconcileMinutes: number;
  /** The CloudFormation stack; local mode has none. */
  readonly stackName: string | undefined;
  /** Region, credentials and endpoints by the SDKs' names. */
  readonly environment: NodeJS.ProcessEnv;
}

/** A queue that functions work off, with the one beside it where they put what they give up. */
export interface TargetQueue {
  readonly name: QueueName;
  readonly url: string;
  readonly deadLetterUrl: string;
}

export const QUEUE_NAMES = ['deliveries', 'usage', 'reconcile'] as const;
export type QueueName = (typeof QUEUE_NAMES)[number];

/** Where events of a schedule are kept that came to nothing; nobody works them off. */
export interface DroppedQueue {
  readonly name: DroppedQueueName;
  readonly url: string;
}

export const DROPPED_QUEUE_NAMES = ['usage-dropped', 'reconcile-dropped'] as const;
export type DroppedQueueName = (typeof DROPPED_QUEUE_NAMES)[number];

/** Of what can be thrown away: a delivery is said only once, while a later run does the same work. */
export const PURGED_QUEUE_NAMES = ['usage', 'reconcile', ...DROPPED_QUEUE_NAMES] as const;

/** The options that every command has which works on a deployment. */
export interface TargetOptions {
  readonly stage?: string | undefined;
  /** True without a URL. */
  readonly local?: string | true | undefined;
  readonly region?: string | undefined;
  readonly opentrainUrl?: string | undefined;
  readonly webhookBaseUrl?: string | undefined;
}

export const STAGE_VARIABLE = 'OPENTRAIN_CONNECTOR_STAGE';
export const LOCAL_URL = 'http://127.0.0.1:8787';

/** How to name the same target again, in what messages tell people to run. */
export function flagOf({ stage, local, region, opentrainUrl, webhookBaseUrl }: TargetOptions): string {
  const flags = [
    ['--stage', stage],
    ['--local', local],
    ['--region', region],
    ['--opentrain-url', opentrainUrl],
    ['--webhook-base-url', webhookBaseUrl],
  ] as const;
  return flags
    .flatMap(([flag, value]) => (value === undefined ? [] : value === true ? [flag] : [`${flag} ${value}`]))
    .join(' ');
}

/** @throws {UsageError} when neither a stage nor local mode is named, or both */
export async function openTarget(options: TargetOptions, environment: NodeJS.ProcessEnv): Promise<Target> {
  if (options.local !== undefined) {
    if (options.stage !== undefined) throw new UsageError('--stage and --local name two targets: give one of them.');
    const { openLocal } = await import('./local-target.ts');
    return openLocal(options.local === true ? LOCAL_URL : options.local, options);
  }
  const stage = options.stage ?? environment[STAGE_VARIABLE] ?? '';
  if (stage === '') {
    throw new UsageError(
      `A target must be named: --stage <stage> for a deployment (or ${STAGE_VARIABLE} in the environment), --local for npm run local.`,
    );
  }
  if (!/^[a-z0-9-]+$/.test(stage)) {
    throw new UsageError('--stage must be the name of a stage, such as prod: lower-case letters, digits, hyphens.');
  }
  const { openStage } = await import('./stage-target.ts');
  return openStage(stage, { ...options, stage }, environment);
}

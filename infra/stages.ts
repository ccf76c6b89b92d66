import * as v from 'valibot';

/**
 * The settings of one deployment, and where they come from: a named stage below, then context on top
 * (`cdk deploy -c stage=prod -c workspaceUrl=https://… -c alarmEmail=…`), so that a stage needs no file of its own.
 *
 * To add a stage, add an entry to `STAGES`; every setting can be stated there or on the command line.
 */
export interface StageSettings {
  /**
   * Part of the stack's name and of the credentials' path `/opentrain/<stage>`: lower-case letters, digits, hyphens.
   */
  readonly stage: string;

  /** Which adapter reaches the workspace, see docs/workspaces. */
  readonly workspace: WorkspaceAdapter;

  /** Base URL of the workspace's API: https, or http on this machine. Without a default outside dev. */
  readonly workspaceUrl: string;

  /**
   * Which adapter tells the work that was done, and shows notices. It has to be one that can, and needs a URL as well.
   *
   * @default - the one of `workspace`
   */
  readonly usageWorkspace?: WorkspaceAdapter;

  /** Base URL of the API of `usageWorkspace`. */
  readonly usageWorkspaceUrl?: string;

  /**
   * Base URL of OpenTrain's Partner API.
   *
   * @default - OpenTrain's own
   */
  readonly openTrainBaseUrl: string;

  /**
   * Where customers top up their funds, which notices of a low budget link to: https, or http on this machine. In it
   * `{contractId}` stands for the contract.
   *
   * @default - the origin of `openTrainBaseUrl`
   */
  readonly topUpUrl: string;

  /**
   * Where OpenTrain reaches the API, if that is not the API's own address but a domain of yours in front of it: https,
   * or http on this machine. `/webhooks/opentrain/<connection>` comes after it.
   *
   * @default - the API's own address
   */
  readonly webhookBaseUrl?: string;

  /**
   * Who is told of alarms. AWS sends a confirmation first.
   *
   * @default - nobody: subscribe to the topic by hand
   */
  readonly alarmEmail?: string;

  /**
   * Keeps table, queues and logs when the stack is deleted, and refuses their deletion where AWS can.
   *
   * @default true
   */
  readonly retainData: boolean;

  /**
   * Days, one of the numbers that CloudWatch Logs knows.
   *
   * @default 90
   */
  readonly logRetentionDays: number;

  /**
   * Requests a second that the API lets through, 1 to 10,000. What it turns away OpenTrain counts as a failed delivery.
   *
   * @default 100
   */
  readonly requestsPerSecond: number;

  /**
   * Requests at once that the API lets through, 1 to 5,000.
   *
   * @default 200
   */
  readonly requestBurst: number;

  /**
   * Batches that the worker handles at the same time, 2 to 1,000. It bounds the load on the workspace's API.
   *
   * @default 10
   */
  readonly workerConcurrency: number;

  /**
   * Seconds of the first back-off, 1 to 900. It doubles with every attempt.
   *
   * @default 4
   */
  readonly retryBaseSeconds: number;

  /**
   * Seconds that no back-off exceeds, 1 to 900.
   *
   * @default 900
   */
  readonly retryCapSeconds: number;

  /**
   * Attempts at a delivery before it goes to the dead-letter queue, 1 to 1,000.
   *
   * @default 100 - about 12 hours, see `certainRetrySeconds`
   */
  readonly maxReceiveCount: number;

  /**
   * Hours of a workspace's outage that no delivery may be lost to, 0 to 168. The three settings above must add up to
   * it.
   *
   * @default 6
   */
  readonly outageToOutlastHours: number;

  /**
   * Minutes from one report of usage to the next, 1 to 1,440. OpenTrain takes any cadence; budgets are as fresh as
   * that.
   *
   * @default 60
   */
  readonly usageMinutes: number;

  /**
   * Days before today that each report covers once more, 1 to 30, in case work was added to them or corrected.
   *
   * @default 3
   */
  readonly usageLookBackDays: number;

  /**
   * Connections whose usage is reported at the same time, 2 to 1,000. It bounds the load on the workspace's API.
   *
   * @default 5
   */
  readonly usageConcurrency: number;

  /**
   * Minutes from one reconciliation to the next, 1 to 1,440: what no delivery told is set right after so long.
   *
   * @default 30
   */
  readonly reconcileMinutes: number;

  /**
   * Connections that are reconciled at the same time, 2 to 1,000. It bounds the load on the workspace's API.
   *
   * @default 5
   */
  readonly reconcileConcurrency: number;

  /**
   * Hours for which the trainers of a disconnected customer keep their access, 0 to 720.
   *
   * @default 24
   */
  readonly graceHours: number;

  /**
   * Whether trainers keep their access when a project is unlinked from their job, until their contract ends.
   *
   * @default false
   */
  readonly keepAccessAfterUnlink: boolean;

  /**
   * Deliveries with a wrong signature within 15 minutes that raise the alarm, 1 to 10,000.
   *
   * @default 5 - OpenTrain disables an endpoint after ten failed deliveries in a row, and tries each three times in the
   * first 15 minutes: two deliveries under a wrong secret raise the alarm while eight more may still fail
   */
  readonly signatureFailures: number;

  /**
   * ARN of a KMS key of your own, in the same region, that encrypts the table, the queues and the logs. Its policy has to
   * let CloudWatch Logs use it, see docs/security.md.
   *
   * @default - AWS's keys
   */
  readonly encryptionKeyArn?: string;

  /**
   * Whether X-Ray traces what the worker does. It takes a request a second and 5 % of those beyond, so nearly every
   * delivery at usual rates, at $5 per million.
   *
   * @default false
   */
  readonly traceDeliveries: boolean;
}

/** Adapters by name, and whether they tell the work that was done. A test holds the list to that of the functions. */
export const WORKSPACE_ADAPTERS = {
  http: { hasTotals: true },
  'label-studio': { hasTotals: true },
  'label-studio-by-hand': { hasTotals: true },
  scim: { hasTotals: false },
  'scim-label-studio-enterprise': { hasTotals: false },
} as const;

export type WorkspaceAdapter = keyof typeof WORKSPACE_ADAPTERS;

/** Lets `cdk synth` run with nothing configured; `deploy` warns while it is still in place. */
export const PLACEHOLDER_WORKSPACE_URL = 'https://workspace.example.com/opentrain';

const DEFAULTS = {
  workspace: 'http',
  openTrainBaseUrl: 'https://app.opentrain.ai/api/partner/v1',
  retainData: true,
  logRetentionDays: 90,
  requestsPerSecond: 100,
  requestBurst: 200,
  workerConcurrency: 10,
  retryBaseSeconds: 4,
  retryCapSeconds: 900,
  maxReceiveCount: 100,
  outageToOutlastHours: 6,
  usageMinutes: 60,
  usageLookBackDays: 3,
  usageConcurrency: 5,
  reconcileMinutes: 30,
  reconcileConcurrency: 5,
  graceHours: 24,
  keepAccessAfterUnlink: false,
  signatureFailures: 5,
  traceDeliveries: false,
} as const satisfies Partial<StageSettings>;

const STAGES: Readonly<Record<string, Partial<StageSettings>>> = {
  /** To try things out: everything goes when the stack goes. */
  dev: {
    workspaceUrl: PLACEHOLDER_WORKSPACE_URL,
    retainData: false,
    logRetentionDays: 14,
    requestsPerSecond: 20,
    requestBurst: 40,
  },
  /** For customers: data outlives the stack, and the workspace's URL has to be stated. */
  prod: {},
};

/** Settings that make no sense; names every mistake, not only the first. */
export class StageSettingsError extends Error {
  override readonly name = 'StageSettingsError';
  readonly mistakes: readonly string[];

  constructor(mistakes: readonly string[]) {
    super(['The stage settings cannot be used:', ...mistakes.map((mistake) => `  - ${mistake}`)].join('\n'));
    this.mistakes = mistakes;
  }
}

/**
 * Merges defaults, stage and context, and checks the result.
 *
 * @param context - the app's whole context, CDK's own keys among it; values from the command line are text
 * @throws {StageSettingsError} with every mistake found
 */
export function readStageSettings(context: Readonly<Record<string, unknown>>): StageSettings {
  const stage = context.stage ?? 'dev';
  const given = Object.fromEntries(SETTING_NAMES.flatMap((name) => (name in context ? [[name, context[name]]] : [])));
  const known = typeof stage === 'string' && Object.hasOwn(STAGES, stage) ? STAGES[stage] : undefined;
  // An unknown stage is read like dev's, so that its other mistakes are told as well.
  const parsed = v.safeParse(SettingsSchema, { ...DEFAULTS, ...(known ?? STAGES.dev), ...given, stage });

  const mistakes = [
    ...(known
      ? []
      : [`stage: ${show(stage)} is none of ${Object.keys(STAGES).join(', ')}; infra/stages.ts says how to add one`]),
    ...misspelt(context),
    ...(parsed.issues ?? []).map((issue) => `${v.getDotPath(issue)}: ${issue.message}`),
  ];
  if (mistakes.length > 0 || !parsed.success) throw new StageSettingsError(mistakes);
  return parsed.output;
}

type BackOff = Pick<StageSettings, 'retryBaseSeconds' | 'retryCapSeconds'>;

/**
 * For how long a failing delivery is retried before it goes to the dead-letter queue, with a certainty of four standard
 * deviations (more than 99.99 %).
 *
 * A delivery waits after each of its receives, with full jitter: evenly between 0 and min(cap, base × 2ⁿ). Such a
 * wait of at most c has the mean c/2 and the variance c²/12. With the defaults: 100 waits of at most 4, 8, 16, … 512
 * and then 92 times 900 s make 11.6 h in the mean, with a standard deviation of 0.7 h, so 8.9 h for certain, where an
 * outage of the workspace of 6 h has to be outlasted. (Fewer attempts with a cap of hours would do as well, but keep
 * trainers waiting for hours after the workspace has come back.)
 *
 * @returns seconds
 */
export function certainRetrySeconds(settings: BackOff & Pick<StageSettings, 'maxReceiveCount'>): number {
  const ceilings = Array.from({ length: settings.maxReceiveCount }, (_, wait) => longestWait(wait, settings));
  const mean = ceilings.reduce((sum, ceiling) => sum + ceiling / 2, 0);
  const variance = ceilings.reduce((sum, ceiling) => sum + ceiling ** 2 / 12, 0);
  return Math.max(0, mean - 4 * Math.sqrt(variance));
}

/**
 * At which attempt, 1 for the first, a failing delivery has waited for so long in the mean: with the defaults the
 * tenth for 15 min.
 */
export function attemptAfter(seconds: number, backOff: BackOff): number {
  let attempt = 1;
  for (let waited = 0; waited < seconds; attempt += 1) waited += longestWait(attempt - 1, backOff) / 2;
  return attempt;
}

const longestWait = (wait: number, { retryBaseSeconds, retryCapSeconds }: BackOff): number =>
  Math.min(retryCapSeconds, retryBaseSeconds * 2 ** wait);

function misspelt(context: Readonly<Record<string, unknown>>): string[] {
  const plain = (name: string) => name.toLowerCase().replaceAll(/[^a-z0-9]/g, '');
  return Object.keys(context).flatMap((key) => {
    const meant = SETTING_NAMES.find((name) => name !== key && plain(name) === plain(key));
    return meant ? [`${key}: there is no such setting; did you mean ${meant}?`] : [];
  });
}

const show = (value: unknown): string => (typeof value === 'string' ? `"${value}"` : String(JSON.stringify(value)));

const wholeNumber = (least: number, most: number) =>
  v.pipe(
    v.unknown(),
    v.check(
      (input) => {
        const value = typeof input === 'string' && /^\d{1,9}$/.test(input) ? Number(input) : input;
        return Number.isInteger(value) && Number(value) >= least && Number(value) <= most;
      },
      ({ input }) => `must be a whole number from ${least} to ${most}, not ${show(input)}`,
    ),
    v.transform(Number),
  );

const LOOPBACK = new Set(['localhost', '127.0.0.1', '[::1]']);

function isSafeLink(text: string): boolean {
  const url = URL.parse(text);
  if (url === null || url.username !== '' || url.password !== '') return false;
  return url.protocol === 'https:' || (url.protocol === 'http:' && LOOPBACK.has(url.hostname));
}

function isSafeUrl(text: string): boolean {
  const url = URL.parse(text);
  return isSafeLink(text) && url?.search === '' && url.hash === '';
}

// A URL may hold a password, so it is not repeated.
const url = v.pipe(
  v.string('must be a URL'),
  v.check(isSafeUrl, 'must be an https URL (http only on this machine) without a user, a query or a fragment'),
);

const link = v.pipe(
  v.string('must be a URL'),
  v.check(isSafeLink, 'must be an https URL (http only on this machine) without a user'),
);

const yesOrNo = v.pipe(
  v.union([v.boolean(), v.picklist(['true', 'false'])], ({ input }) => `must be true or false, not ${show(input)}`),
  v.transform((value) => value === true || value === 'true'),
);

const LOG_RETENTION_DAYS = [
  1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653,
];

/** Not an alias, which may point to another key tomorrow, and which no policy of a role can name. */
const KEY_ARN = /^arn:aws(-[a-z]+)*:kms:[a-z0-9-]+:\d{12}:key\/[\w-]+$/;

const ADAPTER_NAMES = Object.keys(WORKSPACE_ADAPTERS) as WorkspaceAdapter[];

const adapter = v.picklist(
  ADAPTER_NAMES,
  ({ input }) => `must be one of ${ADAPTER_NAMES.join(', ')}, not ${show(input)}`,
);

const SettingEntries = {
  stage: v.string(),
  workspace: adapter,
  workspaceUrl: url,
  usageWorkspace: v.exactOptional(
    v.pipe(
      adapter,
      v.check(
        (name) => WORKSPACE_ADAPTERS[name].hasTotals,
        ({ input }) => `must be an adapter that tells totals, and ${show(input)} does not`,
      ),
    ),
  ),
  usageWorkspaceUrl: v.exactOptional(url),
  openTrainBaseUrl: url,
  topUpUrl: v.exactOptional(link),
  webhookBaseUrl: v.exactOptional(
    v.pipe(
      url,
      v.transform((text) => text.replace(/\/+$/, '')),
    ),
  ),
  alarmEmail: v.exactOptional(
    v.pipe(
      v.string(),
      v.email(({ input }) => `must be an e-mail address, not ${show(input)}`),
    ),
  ),
  retainData: yesOrNo,
  logRetentionDays: v.pipe(
    wholeNumber(1, 3653),
    v.check(
      (days) => LOG_RETENTION_DAYS.includes(days),
      ({ input }) => `must be one of ${LOG_RETENTION_DAYS.join(', ')}, not ${input}`,
    ),
  ),
  requestsPerSecond: wholeNumber(1, 10_000),
  requestBurst: wholeNumber(1, 5_000),
  workerConcurrency: wholeNumber(2, 1_000),
  retryBaseSeconds: wholeNumber(1, 900),
  retryCapSeconds: wholeNumber(1, 900),
  maxReceiveCount: wholeNumber(1, 1_000),
  outageToOutlastHours: wholeNumber(0, 168),
  usageMinutes: wholeNumber(1, 1_440),
  usageLookBackDays: wholeNumber(1, 30),
  usageConcurrency: wholeNumber(2, 1_000),
  reconcileMinutes: wholeNumber(1, 1_440),
  reconcileConcurrency: wholeNumber(2, 1_000),
  graceHours: wholeNumber(0, 720),
  keepAccessAfterUnlink: yesOrNo,
  signatureFailures: wholeNumber(1, 10_000),
  encryptionKeyArn: v.exactOptional(
    v.pipe(
      v.string('must be text'),
      v.regex(
        KEY_ARN,
        ({ input }) =>
          `must be a KMS key's ARN, arn:aws:kms:<region>:<account>:key/<id> (no alias), not ${show(input)}`,
      ),
    ),
  ),
  traceDeliveries: yesOrNo,
} satisfies Record<keyof StageSettings, v.GenericSchema>;

const SettingsSchema = v.pipe(
  // The message for a setting that is missing: only workspaceUrl has no default.
  v.object(SettingEntries, 'must be stated, for example with -c workspaceUrl=https://…'),
  v.forward(
    v.partialCheck(
      [['maxReceiveCount'], ['retryBaseSeconds'], ['retryCapSeconds'], ['outageToOutlastHours']],
      (settings) => certainRetrySeconds(settings) >= settings.outageToOutlastHours * 3600,
      ({ input }) =>
        `${input.maxReceiveCount} attempts may be over after ${(certainRetrySeconds(input) / 3600).toFixed(1)} h, ` +
        `but an outage of ${input.outageToOutlastHours} h has to be outlasted (outageToOutlastHours)`,
    ),
    ['maxReceiveCount'],
  ),
  v.forward(
    v.partialCheck(
      [['usageWorkspace'], ['usageWorkspaceUrl']],
      ({ usageWorkspace, usageWorkspaceUrl }) => (usageWorkspace === undefined) === (usageWorkspaceUrl === undefined),
      'goes together with usageWorkspaceUrl: state both or neither',
    ),
    ['usageWorkspace'],
  ),
  v.transform((settings) => ({ topUpUrl: new URL(settings.openTrainBaseUrl).origin, ...settings })),
);

const SETTING_NAMES = Object.keys(SettingEntries) as (keyof StageSettings)[];

import type { LogFields } from './logging.ts';

type NumberField =
  | 'durationMs'
  | 'workspaceMs'
  | 'count'
  | 'sent'
  | 'setAside'
  | 'held'
  | 'failed'
  | 'overdue'
  | 'lagSeconds'
  | 'unattributedSeconds';
type WordField = 'outcome' | 'reason';

/** One metric that CloudWatch makes of a log line. */
export interface Metric {
  readonly name: string;
  readonly unit: 'Count' | 'Milliseconds' | 'Seconds';
  /** Where the value is. A line without it tells nothing. @default each line counts 1 */
  readonly value?: NumberField;
  /** Only lines where the field is this word. */
  readonly onlyIf?: { readonly field: WordField; readonly word: string };
  readonly by?: Breakdown;
}

/** What a metric is told apart by: each word is a series that costs money, so that every other word is `other`. */
export interface Breakdown {
  readonly dimension: 'Reason' | 'Call';
  readonly field: WordField;
  readonly words: readonly string[];
}

const reason = (...words: readonly string[]): Breakdown => ({ dimension: 'Reason', field: 'reason', words });

const NEEDS_ATTENTION = reason('opentrain_forbidden', 'usage_forbidden');

const REJECTED = reason('missing', 'malformed', 'stale', 'mismatch', 'unknown-connection', 'too-large');

const RETRIED = reason(
  'workspace_unavailable',
  'workspace_forbidden',
  'opentrain_unavailable',
  'opentrain_forbidden',
  'out_of_time',
  'unforeseen',
);

const PARKED = reason(
  'action_required',
  'waiting_for_consent',
  'trainer_unclear',
  'trainer_changed',
  'project_unknown',
  'provisioning_mode_unknown',
  'no_contract',
  'no_link',
  'no_install',
  'not_json',
  'not_an_event',
  'connection_disconnected',
);

const REPAIRED = reason(
  'record-link',
  'remove-link',
  'contract_unheard_of',
  'was_parked',
  'reconnected',
  'claim_lost',
  'claim_left_behind',
  'contract_ended',
  'contract_untold',
  'link_removed',
  'disconnected',
  'missing_in_workspace',
  'still_in_workspace',
  'unsettled',
  'still_listed',
);

const WORKSPACE_CALL: Breakdown = {
  dimension: 'Call',
  field: 'outcome',
  words: ['ping', 'ensureAccess', 'revokeAccess', 'listAccess', 'dailyTotals', 'setNotice'],
};

const WORKSPACE_ERROR = reason('unavailable', 'rate_limited', 'forbidden', 'rejected', 'unsupported', 'needs_person');

/** The maximum of a lag is the connection that is worst off. Lines of a run that came to nothing tell it, too. */
const USAGE_LAG: Metric = { name: 'UsageLag', unit: 'Seconds', value: 'lagSeconds' };
const RECONCILE_LAG: Metric = { name: 'ReconcileLag', unit: 'Seconds', value: 'lagSeconds' };

/** Of one connection's run. */
const USAGE: readonly Metric[] = [
  { name: 'UsageEntriesSent', unit: 'Count', value: 'sent' },
  { name: 'UsageEntriesSetAside', unit: 'Count', value: 'setAside' },
  { name: 'UsageUnattributedSeconds', unit: 'Seconds', value: 'unattributedSeconds' },
  USAGE_LAG,
];

/** Of one connection's run, too. */
const RECONCILE: readonly Metric[] = [
  { name: 'ReconcileChecked', unit: 'Count', value: 'count' },
  { name: 'ReconcileDuration', unit: 'Milliseconds', value: 'durationMs' },
  { name: 'ReconcileFailures', unit: 'Count', value: 'failed' },
  { name: 'ActionsOverdue', unit: 'Count', value: 'overdue' },
];

/** Which metrics there are, by the event of the line that carries them. A connection or a trainer is never a dimension. */
export const METRICS: Readonly<Record<string, readonly Metric[]>> = {
  'delivery.accepted': [{ name: 'DeliveriesAccepted', unit: 'Count' }],
  'delivery.rejected': [{ name: 'DeliveriesRejected', unit: 'Count', by: REJECTED }],
  'delivery.duplicate': [{ name: 'DuplicateDeliveries', unit: 'Count' }],
  'delivery.done': [
    { name: 'DeliveryAge', unit: 'Milliseconds', value: 'durationMs' },
    // Here rather than in lines of their own, as in the other functions: a million lines cost more than a million fields.
    { name: 'DeliveryWorkspaceTime', unit: 'Milliseconds', value: 'workspaceMs' },
    { name: 'Provisioned', unit: 'Count', onlyIf: { field: 'outcome', word: 'provisioned' } },
    { name: 'Offboarded', unit: 'Count', onlyIf: { field: 'outcome', word: 'offboarded' } },
  ],
  'delivery.parked': [
    { name: 'DeliveriesParked', unit: 'Count', by: PARKED },
    { name: 'ActionsRequired', unit: 'Count', onlyIf: { field: 'reason', word: 'action_required' } },
  ],
  'delivery.retried': [{ name: 'DeliveriesRetried', unit: 'Count', by: RETRIED }],
  'workspace.called': [{ name: 'WorkspaceLatency', unit: 'Milliseconds', value: 'durationMs', by: WORKSPACE_CALL }],
  'workspace.failed': [
    { name: 'WorkspaceLatency', unit: 'Milliseconds', value: 'durationMs', by: WORKSPACE_CALL },
    { name: 'WorkspaceErrors', unit: 'Count', by: WORKSPACE_ERROR },
  ],
  'usage.connection-done': USAGE,
  'usage.connection-unfinished': USAGE,
  'usage.failed': [USAGE_LAG],
  'usage.superseded': [USAGE_LAG],
  'connection.needs-attention': [
    { name: 'ConnectionsNeedingAttention', unit: 'Count', by: NEEDS_ATTENTION },
    // Of a usage run that ended with it.
    ...USAGE,
  ],
  'connection.disconnected': [{ name: 'ConnectionsDisconnected', unit: 'Count' }],
  'endpoint.disabled': [{ name: 'EndpointsDisabled', unit: 'Count' }],
  'endpoint.given-up': [{ name: 'EndpointsGivenUp', unit: 'Count' }],
  'reconcile.repaired': [{ name: 'ReconcileRepairs', unit: 'Count', by: REPAIRED }],
  'reconcile.needs-person': [{ name: 'ActionsRequired', unit: 'Count' }],
  'reconcile.held': [{ name: 'RemovalsHeld', unit: 'Count', value: 'held' }],
  'reconcile.connection-done': [...RECONCILE, RECONCILE_LAG],
  'reconcile.connection-unfinished': RECONCILE,
  'reconcile.failed': [RECONCILE_LAG],
  'reconcile.superseded': [RECONCILE_LAG],
};

/** What stands for every word that is not on a list. */
export const OTHER = 'other';

interface MetricDirective {
  readonly Namespace: string;
  readonly Dimensions: readonly (readonly string[])[];
  readonly Metrics: { readonly Name: string; readonly Unit: Metric['unit'] }[];
}

/**
 * The members that make CloudWatch take metrics out of a log line (its embedded metric format), none where the event has
 * none. Zeros are left out: they would cost as much as anything else.
 *
 * @param now - milliseconds since the epoch
 * Source: CloudWatch User Guide, "Specification: Embedded metric format".
 */
export function metricsOf(fields: LogFields, namespace: string, now: number): Record<string, unknown> {
  const directives = new Map<string, MetricDirective>();
  const members: Record<string, string | number> = {};
  for (const metric of METRICS[fields.event] ?? []) {
    const value = readValue(metric, fields);
    if (value === undefined) continue;
    const { name, unit, by } = metric;
    const dimension = by?.dimension;
    const directive = directives.get(dimension ?? '') ?? {
      Namespace: namespace,
      Dimensions: [dimension === undefined ? [] : [dimension]],
      Metrics: [],
    };
    directives.set(dimension ?? '', directive);
    directive.Metrics.push({ Name: name, Unit: unit });
    members[name] = value;
    if (by !== undefined) members[by.dimension] = readWord(by, fields);
  }
  if (directives.size === 0) return {};
  return { ...members, _aws: { Timestamp: now, CloudWatchMetrics: [...directives.values()] } };
}

/** Of a time, zero is as good as any; of what is added up, it is nothing. */
const TIMES: readonly NumberField[] = ['durationMs', 'workspaceMs', 'lagSeconds'];

function readValue({ value: field, onlyIf }: Metric, fields: LogFields): number | undefined {
  if (onlyIf !== undefined && fields[onlyIf.field] !== onlyIf.word) return undefined;
  if (field === undefined) return 1;
  const value = fields[field];
  if (value === undefined || !Number.isFinite(value)) return undefined;
  if (value === 0 && !TIMES.includes(field)) return undefined;
  // Two machines' clocks differ by a little.
  return Math.max(0, value);
}

function readWord({ field, words }: Breakdown, fields: LogFields): string {
  const word = fields[field];
  return word !== undefined && words.includes(word) ? word : OTHER;
}

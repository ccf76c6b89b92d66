import * as v from 'valibot';
import {
  type ContractId,
  type InstallId,
  type JobId,
  type LinkId,
  type ProjectId,
  parseWorkEmail,
  type TrainerId,
  type WorkEmail,
} from '../ids.ts';

/**
 * OpenTrain's event record, parsed at the edge. Only `id` and `type` are insisted upon; everything else that is missing
 * or odd is left out here and looked up through the API where it matters (rule 6: the webhook is the doorbell).
 */
export interface OpenTrainEvent {
  /** Increases monotonically; digits longer than a double can hold. Compare with `eventOrder`. */
  readonly id: string;
  readonly type: string;
  readonly resourceId: string | undefined;
  readonly jobId: JobId | undefined;
  /** Milliseconds since the epoch. */
  readonly createdAt: number | undefined;
  readonly data: EventData;
}

export type ParsedBody =
  | { readonly kind: 'event'; readonly event: OpenTrainEvent }
  | { readonly kind: 'nonsense'; readonly reason: 'not_json' | 'not_an_event' };

/** A trainer as an event or the API tells it; what was not told is undefined. */
export interface TrainerFacts {
  readonly opentrainUserId: TrainerId | undefined;
  readonly displayName: string | undefined;
  /** Undefined, too, for an address that is no Work Email (rule 5). */
  readonly workEmail: WorkEmail | undefined;
}

export interface ContractFacts {
  readonly id: ContractId | undefined;
  readonly status: string | undefined;
  readonly jobId: JobId | undefined;
  readonly title: string | undefined;
  readonly startDate: string | undefined;
  readonly endDate: string | undefined;
}

export interface LinkFacts {
  readonly id: LinkId;
  readonly jobId: JobId | undefined;
  readonly projectId: ProjectId | undefined;
  readonly provisioningMode: string | undefined;
}

/** Everything but an object counts as absent, and so does every field of the wrong type: odd data is no reason to fail. */
const text = v.fallback(v.optional(v.pipe(v.string(), v.minLength(1))), undefined);
/** Ids become parts of keys, where `#` and `/` separate: one that holds them is none of OpenTrain's. */
const identifier = v.fallback(v.optional(v.pipe(v.string(), v.regex(/^[^\s#/]{1,200}$/))), undefined);
const amount = v.fallback(v.optional(v.number()), undefined);
const block = <const Entries extends v.ObjectEntries>(entries: Entries) =>
  v.fallback(v.optional(v.object(entries)), undefined);

const dataSchema = v.object({
  contract: block({ id: identifier, status: text, jobId: identifier, title: text, startDate: text, endDate: text }),
  freelancer: block({ opentrainUserId: identifier, userId: identifier, displayName: text, workEmail: text }),
  projectLink: block({ id: identifier, jobId: identifier, externalProjectId: text, provisioningMode: text }),
  budget: block({
    contractId: identifier,
    state: text,
    paymentType: text,
    consumedFraction: amount,
    fundedVolume: amount,
    consumedVolume: amount,
    remainingVolume: amount,
  }),
  /** Null says that no milestone applies; absent or odd says nothing. */
  milestone: v.fallback(
    v.optional(v.nullable(v.object({ id: identifier, budget: block({ contractId: identifier }) }))),
    undefined,
  ),
});

const eventSchema = v.object({
  id: v.pipe(v.string(), v.minLength(1), v.maxLength(200)),
  type: v.pipe(v.string(), v.minLength(1), v.maxLength(200)),
  resourceId: identifier,
  jobId: identifier,
  createdAt: text,
  data: v.fallback(v.optional(dataSchema, {}), {}),
});

export type EventData = v.InferOutput<typeof dataSchema>;

const decoder = new TextDecoder('utf-8', { fatal: true });

/** @param body - the delivery's bytes, already verified */
export function parseEvent(body: Uint8Array): ParsedBody {
  let value: unknown;
  try {
    value = JSON.parse(decoder.decode(body));
  } catch {
    return { kind: 'nonsense', reason: 'not_json' };
  }
  const parsed = v.safeParse(eventSchema, value);
  if (!parsed.success) return { kind: 'nonsense', reason: 'not_an_event' };
  const { id, type, resourceId, jobId, createdAt, data } = parsed.output;
  return {
    kind: 'event',
    event: { id, type, resourceId, jobId: jobId as JobId | undefined, createdAt: timeOf(createdAt), data: data ?? {} },
  };
}

function timeOf(iso: string | undefined): number | undefined {
  const time = Date.parse(iso ?? '');
  return Number.isNaN(time) ? undefined : time;
}

/** The contract that a contract event is about: `resourceId` names it, `data.contract` describes it. */
export function contractOf(event: OpenTrainEvent): ContractFacts {
  const { contract } = event.data;
  return {
    id: (event.resourceId ?? contract?.id) as ContractId | undefined,
    status: contract?.status,
    jobId: (event.jobId ?? contract?.jobId) as JobId | undefined,
    title: contract?.title,
    startDate: contract?.startDate,
    endDate: contract?.endDate,
  };
}

export function trainerOf(event: OpenTrainEvent): TrainerFacts {
  const { freelancer } = event.data;
  return {
    opentrainUserId: (freelancer?.opentrainUserId ?? freelancer?.userId) as TrainerId | undefined,
    displayName: freelancer?.displayName,
    workEmail: parseWorkEmail(freelancer?.workEmail),
  };
}

/** @returns undefined when the event names no link: then the job's links are asked for */
export function linkOf(event: OpenTrainEvent): LinkFacts | undefined {
  const { projectLink } = event.data;
  const id = projectLink?.id ?? (event.type.startsWith('project_link.') ? event.resourceId : undefined);
  if (id === undefined) return undefined;
  return {
    id: id as LinkId,
    jobId: (projectLink?.jobId ?? event.jobId) as JobId | undefined,
    projectId: projectLink?.externalProjectId as ProjectId | undefined,
    provisioningMode: projectLink?.provisioningMode,
  };
}

/** Wherever a budget event names its contract; `resourceId` is the contract where no milestone applies. */
export function budgetContractOf(event: OpenTrainEvent): ContractId | undefined {
  const { budget, contract, milestone } = event.data;
  const named = budget?.contractId ?? contract?.id ?? milestone?.budget?.contractId;
  return (named ?? (milestone === null ? event.resourceId : undefined)) as ContractId | undefined;
}

export function installOf(event: OpenTrainEvent): InstallId | undefined {
  return event.resourceId as InstallId | undefined;
}

const DIGITS = /^\d+$/;

/**
 * A key whose order as a string is the events' order: digits are compared as numbers of any length, never as doubles,
 * by putting their count in front of them. Ids that are not digits keep their own order, after all that are.
 */
export function eventOrder(eventId: string): string {
  if (!DIGITS.test(eventId)) return `~${eventId}`;
  const digits = eventId.replace(/^0+(?=\d)/, '');
  return `${String(digits.length).padStart(3, '0')}.${digits}`;
}

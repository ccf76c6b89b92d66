import * as v from 'valibot';
import {
  type ContractId,
  type InstallId,
  type JobId,
  type LinkId,
  type ProjectId,
  parseWorkEmail,
  type TrainerId,
} from '../ids.ts';

/**
 * What the connector relies on at OpenTrain's Platform API: every operation that it calls, the scope that each needs,
 * whether it may be repeated, and the fields that it reads of the answer. Unknown fields are ignored; what is optional
 * here may be missing. `openapi.yaml` describes more; where the two differ, this is what breaks us.
 */
const text = v.pipe(v.string(), v.minLength(1));
const id = <Id extends string>() =>
  v.pipe(
    text,
    v.transform((value) => value as Id),
  );
/** Missing, null and of another type are all the same: not told. */
const optional = <Schema extends v.GenericSchema>(schema: Schema) =>
  v.fallback(v.optional(v.nullable(schema), null), null);

const install = v.object({
  id: id<InstallId>(),
  status: text,
  scopes: v.array(v.string()),
  /** Null when not told; only `true` lets Work Emails through. */
  piiConsent: optional(v.boolean()),
  organizationId: optional(text),
  partnerApp: optional(v.object({ slug: text, name: text })),
});

const projectLink = v.object({
  id: id<LinkId>(),
  jobId: v.nullish(id<JobId>(), null),
  externalProjectId: id<ProjectId>(),
  externalProjectName: optional(text),
  externalProjectUrl: optional(text),
  /** PARTNER_WEBHOOK, MANAGED_ADAPTER or one that is not known yet. Required: a guess could provision what OpenTrain does. */
  provisioningMode: text,
});

const contract = v.object({
  id: id<ContractId>(),
  /** `active` or `ended`; others may come. */
  status: text,
  jobId: id<JobId>(),
  title: optional(text),
  startDate: optional(text),
  /** Null while the contract runs. */
  endDate: optional(text),
  projectLinkIds: v.array(id<LinkId>()),
});

const participant = v.object({
  opentrainUserId: id<TrainerId>(),
  displayName: v.fallback(v.string(), ''),
  /** Null without the scope and the consent, and for an address that is no Work Email (rule 5). */
  workEmail: v.pipe(
    v.optional(v.unknown(), null),
    v.transform((value) => parseWorkEmail(value) ?? null),
  ),
});

const budget = v.object({
  contractId: id<ContractId>(),
  /** OK, LOW or DEPLETED; others may come. */
  state: text,
  paymentType: optional(text),
  /** Of the funded volume; may exceed 1. */
  consumedFraction: optional(v.number()),
  /** Hours or labels, by the payment type. */
  fundedVolume: optional(v.number()),
  consumedVolume: optional(v.number()),
  remainingVolume: optional(v.number()),
  activeMilestone: optional(v.object({ id: text, name: optional(text) })),
});

const webhookEndpoint = v.object({
  id: text,
  url: text,
  eventTypes: v.array(v.string()),
  /** ACTIVE or DISABLED. */
  status: text,
  consecutiveFailures: v.fallback(v.number(), 0),
  disabledAt: optional(text),
  disabledReason: optional(text),
});

/** For answers whose wrapping field is inferred: the content may lie in the field or be the whole answer. */
const inField = <Schema extends v.GenericSchema>(name: string, schema: Schema) =>
  v.pipe(
    v.unknown(),
    v.transform((value) =>
      value instanceof Object && name in value ? (value as Record<string, unknown>)[name] : value,
    ),
    schema,
  );

const within = <Schema extends v.GenericSchema, Inner>(
  schema: Schema,
  take: (output: v.InferOutput<Schema>) => Inner,
) => v.pipe(schema, v.transform(take));

/** A deletion's snapshot tells us nothing that we need. */
const nothing = v.pipe(
  v.unknown(),
  v.transform((): void => undefined),
);

/**
 * - `repeatable`: a second call leaves what the first one left, so an answer that was lost costs nothing.
 * - `once`: a second call may do it twice (a conflict, a second secret), so it is repeated only when nothing was done.
 */
export type Repetition = 'repeatable' | 'once';

interface Operation {
  /** What the token must hold; null where any will do. */
  readonly scope: string | null;
  readonly repetition: Repetition;
  readonly answer: v.GenericSchema;
}

export const OPERATIONS = {
  getCurrentInstall: {
    scope: null,
    repetition: 'repeatable',
    answer: within(v.object({ install }), (body) => body.install),
  },
  listProjectLinks: {
    scope: 'project-links:read',
    repetition: 'repeatable',
    answer: within(v.object({ projectLinks: v.array(projectLink) }), (body) => body.projectLinks),
  },
  getProjectLink: {
    scope: 'project-links:read',
    repetition: 'repeatable',
    answer: within(v.object({ projectLink }), (body) => body.projectLink),
  },
  createProjectLink: {
    scope: 'project-links:write',
    repetition: 'once',
    answer: within(v.object({ projectLink }), (body) => body.projectLink),
  },
  deleteProjectLink: { scope: 'project-links:write', repetition: 'repeatable', answer: nothing },
  listContracts: {
    scope: 'contracts:read',
    repetition: 'repeatable',
    answer: within(v.object({ contracts: v.array(contract) }), (body) => body.contracts),
  },
  listContractParticipants: {
    scope: 'participants:read',
    repetition: 'repeatable',
    answer: within(v.object({ participants: v.array(participant) }), (body) => body.participants),
  },
  getContractBudget: { scope: 'contracts:read', repetition: 'repeatable', answer: budget },
  /** Cumulative totals replace what is stored, so this POST may be repeated. */
  reportContractUsage: {
    scope: 'usage:write',
    repetition: 'repeatable',
    answer: v.object({ accepted: v.number(), budget: optional(budget) }),
  },
  listWebhookEndpoints: {
    scope: 'webhooks:manage',
    repetition: 'repeatable',
    answer: inField('webhookEndpoints', v.array(webhookEndpoint)),
  },
  getWebhookEndpoint: {
    scope: 'webhooks:manage',
    repetition: 'repeatable',
    answer: inField('webhookEndpoint', webhookEndpoint),
  },
  createWebhookEndpoint: {
    scope: 'webhooks:manage',
    repetition: 'once',
    /** The secret is told here and never again. */
    answer: v.object({ webhookEndpoint, secret: v.pipe(v.string(), v.startsWith('whsec_')) }),
  },
  updateWebhookEndpoint: {
    scope: 'webhooks:manage',
    repetition: 'repeatable',
    answer: inField('webhookEndpoint', webhookEndpoint),
  },
  deleteWebhookEndpoint: { scope: 'webhooks:manage', repetition: 'repeatable', answer: nothing },
  redeliverWebhookEndpoint: {
    scope: 'webhooks:manage',
    repetition: 'once',
    answer: within(v.object({ requeued: v.number() }), (body) => body.requeued),
  },
} as const satisfies Record<string, Operation>;

export type OperationName = keyof typeof OPERATIONS;
export type AnswerOf<Name extends OperationName> = v.InferOutput<(typeof OPERATIONS)[Name]['answer']>;

export type Install = v.InferOutput<typeof install>;
export type ProjectLink = v.InferOutput<typeof projectLink>;
export type Contract = v.InferOutput<typeof contract>;
export type Participant = v.InferOutput<typeof participant>;
export type Budget = v.InferOutput<typeof budget>;
export type WebhookEndpoint = v.InferOutput<typeof webhookEndpoint>;

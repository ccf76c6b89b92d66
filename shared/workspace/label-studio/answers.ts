import * as v from 'valibot';

/**
 * What is relied on in Label Studio's answers (seen on 1.23.2), and nothing more: unknown fields are ignored.
 */
const id = v.pipe(v.number(), v.integer());

export const release = v.object({ release: v.string() });

export const whoAmI = v.object({
  id,
  email: v.string(),
  active_organization: v.nullish(id),
  /** `email` is the organisation owner's; empty when there is no owner any more. */
  active_organization_meta: v.object({ email: v.string() }),
});

export const account = v.object({
  id,
  email: v.string(),
  username: v.nullish(v.string()),
  /** Null until the first sign-in, for accounts that were made without it. */
  active_organization: v.nullish(id),
});
export type Account = v.InferOutput<typeof account>;

export const membershipPage = v.object({
  count: id,
  next: v.nullable(v.string()),
  results: v.array(v.object({ user: account })),
});

/** An int in lists, the whole person in some exports; null once somebody deleted the account for good. */
const completedBy = v.pipe(
  v.nullish(v.union([id, v.object({ id })])),
  v.transform((person) => (typeof person === 'object' ? person?.id : person)),
);

export const annotation = v.object({
  id,
  completed_by: completedBy,
  created_at: v.pipe(
    v.string(),
    v.transform((text) => Date.parse(text)),
    v.finite(),
  ),
  /** Null for work that came through the API or an import. */
  lead_time: v.nullish(v.number()),
  was_cancelled: v.nullish(v.boolean()),
  result: v.nullish(v.array(v.unknown())),
});
export type Annotation = v.InferOutput<typeof annotation>;

export const taskPage = v.object({ total: id, tasks: v.array(v.object({ annotations: v.array(annotation) })) });

export const project = v.object({
  expert_instruction: v.nullish(v.string()),
  show_instruction: v.nullish(v.boolean()),
});

export const accessToken = v.object({ access: v.string() });

/** Label Studio's own error envelope. A page in HTML is an answer of another kind, or of another server. */
const failure = v.object({
  status_code: v.number(),
  detail: v.string(),
  validation_errors: v.nullish(v.record(v.string(), v.unknown())),
});
export type Failure = v.InferOutput<typeof failure>;

export function parseFailure(body: unknown): Failure | undefined {
  const result = v.safeParse(failure, body);
  return result.success ? result.output : undefined;
}

const MASKED_ADDRESS = /^deleted-\d+(?:-user)?@example\.com$/i;

/**
 * Whether the account has been removed from the organisation. Label Studio goes on listing it, with every name and the
 * address replaced: by `Deleted` in 1.23.2, by `deleted-<id>-user@example.com` in other releases.
 */
export function isRemoved({ email }: Account): boolean {
  return !email.includes('@') || MASKED_ADDRESS.test(email);
}

import * as v from 'valibot';
import { parseWorkEmail, type WorkEmail } from '../../ids.ts';

export const USER_SCHEMA = 'urn:ietf:params:scim:schemas:core:2.0:User';
export const PATCH_SCHEMA = 'urn:ietf:params:scim:api:messages:2.0:PatchOp';
const ERROR_SCHEMA = 'urn:ietf:params:scim:api:messages:2.0:Error';

/**
 * What is relied on in a server's answers. Objects are kept loose, because a PUT has to send back what was read, the
 * attributes that we do not know among it.
 */
const id = v.pipe(v.string(), v.minLength(1));

/** Some servers write booleans as text. */
const flag = v.union([
  v.boolean(),
  v.pipe(
    v.picklist(['true', 'false', 'True', 'False']),
    v.transform((text) => text.toLowerCase() === 'true'),
  ),
]);

const reference = v.looseObject({ value: id, type: v.nullish(v.string()) });

export const user = v.looseObject({
  id,
  userName: v.nullish(v.string()),
  externalId: v.nullish(v.string()),
  active: v.nullish(flag),
  emails: v.nullish(v.array(v.looseObject({ value: v.nullish(v.string()) }))),
  groups: v.nullish(v.array(reference)),
});

export const group = v.looseObject({
  id,
  displayName: v.nullish(v.string()),
  members: v.nullish(v.array(reference)),
});

/** Some servers leave `Resources` out of an empty list. */
export const listOf = <Row extends v.GenericSchema>(row: Row) =>
  v.object({ totalResults: v.pipe(v.number(), v.integer()), Resources: v.optional(v.array(row), []) });

const supported = v.fallback(v.object({ supported: v.fallback(v.optional(flag), undefined) }), {});
export const serviceProviderConfig = v.object({ patch: supported, etag: supported });

export type ScimUser = v.InferOutput<typeof user>;
export type ScimGroup = v.InferOutput<typeof group>;

const refusal = v.object({
  schemas: v.pipe(v.array(v.string()), v.includes(ERROR_SCHEMA)),
  scimType: v.fallback(v.nullish(v.string()), undefined),
  detail: v.fallback(v.nullish(v.string()), undefined),
});

export type Refusal = v.InferOutput<typeof refusal>;

/** The SCIM server's own error; undefined for anything else, such as the 404 of a gateway in front of it. */
export function parseRefusal(body: unknown): Refusal | undefined {
  const result = v.safeParse(refusal, body);
  return result.success ? result.output : undefined;
}

/** The Work Email of an account, by userName or else by any of its e-mails; a private address is never told. */
export function workEmailOf({ userName, emails }: ScimUser): WorkEmail | undefined {
  return [userName, ...(emails ?? []).map(({ value }) => value)].map(parseWorkEmail).find((one) => one !== undefined);
}

/** Case-insensitive on our side, whatever the server does (RFC 7643, section 4.1.1: userName is not case-exact). */
export function hasAddress({ userName, emails }: ScimUser, address: WorkEmail): boolean {
  return [userName, ...(emails ?? []).map(({ value }) => value)].some((one) => one?.toLowerCase() === address);
}

/** A string as filters and paths quote it: as in JSON (RFC 7644, section 3.4.2.2). */
export const quote = (text: string): string => JSON.stringify(text);

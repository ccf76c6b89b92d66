/**
 * Branded identifiers: plain strings at run time, distinct types for the compiler, because two of them are easily swapped.
 * They are made where outside data is parsed (`connectionId(…)`, `opentrain/events.ts`, the adapters), nowhere else.
 */
declare const brand: unique symbol;
type Branded<Name extends string> = string & { readonly [brand]: Name };

/** One customer's install of the platform's app: chosen by the operator, part of the webhook URL. */
export type ConnectionId = Branded<'ConnectionId'>;
/** OpenTrain's id of an install; a reconnect makes a new one. */
export type InstallId = Branded<'InstallId'>;
export type ContractId = Branded<'ContractId'>;
export type LinkId = Branded<'LinkId'>;
export type JobId = Branded<'JobId'>;
/** `opentrainUserId`: the only stable key of a trainer; display names are masked and change. */
export type TrainerId = Branded<'TrainerId'>;
/** A managed address that ends in `@opentrain.work`, lower-cased: see `parseWorkEmail`. */
export type WorkEmail = Branded<'WorkEmail'>;
/** The platform's own id of a project, as registered in the project link. */
export type ProjectId = Branded<'ProjectId'>;
/** One account space of the platform, shared by the connections that do not name one of their own. */
export type WorkspaceId = Branded<'WorkspaceId'>;
/** The workspace's own id of a person. */
export type MemberId = Branded<'MemberId'>;
/** `X-OpenTrain-Delivery`: the same over all attempts at one delivery. */
export type DeliveryId = Branded<'DeliveryId'>;

const CONNECTION_ID = /^[a-z0-9](?:[a-z0-9-]{0,62}[a-z0-9])?$/;

/**
 * Checks an id that came from outside (a URL, a command line).
 *
 * @returns undefined unless it is 1 to 64 lower-case letters, digits and inner hyphens, so that it can be part of a URL,
 * an SSM parameter's name and a DynamoDB key as it is.
 */
export function parseConnectionId(text: string): ConnectionId | undefined {
  return CONNECTION_ID.test(text) ? (text as ConnectionId) : undefined;
}

const WORK_EMAIL = /^[\p{L}\p{M}\p{N}!#$%&'*+/=?^_`{|}~.-]+@opentrain\.work$/u;

/**
 * Rule 5: nobody whose address does not end in `@opentrain.work` is ever provisioned, whatever a payload says.
 *
 * @returns the address, trimmed and lower-cased; undefined for everything that is not one plain Work Email
 */
export function parseWorkEmail(text: unknown): WorkEmail | undefined {
  if (typeof text !== 'string') return undefined;
  const address = text.trim().toLowerCase();
  return address.length <= 254 && WORK_EMAIL.test(address) ? (address as WorkEmail) : undefined;
}

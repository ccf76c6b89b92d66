import type { TokenSource } from '../../bearer-fetch.ts';
import type { Clock } from '../../clock.ts';
import { type MemberId, type ProjectId, parseWorkEmail, type TrainerId } from '../../ids.ts';
import {
  NeedsPersonError,
  WorkspaceRejectedError,
  WorkspaceUnavailableError,
  WorkspaceUnsupportedError,
} from '../errors.ts';
import type { Member, ProjectRef, Workspace } from '../port.ts';
import { createChangeResource } from './change-resource.ts';
import { DIALECTS, type Dialect, type DialectName } from './dialect.ts';
import { canonicalId, createGroups, hasMember } from './groups.ts';
import { hasAddress, listOf, type ScimGroup, type ScimUser, user, workEmailOf } from './resources.ts';
import { createScimClient } from './scim-client.ts';
import { createUsers, describeId } from './users.ts';

export interface ScimWorkspaceOptions {
  /** Where the server serves `/Users` and `/Groups`; https, but for loopback. */
  readonly baseUrl: string;
  /** Asked before every request, so it should come out of a cache. */
  readonly token: TokenSource;
  /** @default 'rfc' */
  readonly dialect?: DialectName;
  readonly fetch?: typeof globalThis.fetch;
  readonly clock?: Clock;
  /** For each request, reading the body and a repeat after a 401 included. @default 10000 */
  readonly timeoutMilliseconds?: number;
}

/**
 * The workspace of a tool that is provisioned by SCIM 2.0 (RFC 7643, 7644).
 *
 * A project is a group, named by the group's id or else its displayName. Access is membership of the group together with an
 * account that is active. The group decides; `active` follows it:
 *
 * - Whoever is let in is made active, which is also how somebody who was hired before comes back, under the same id.
 * - Whoever is taken out of their last group is made inactive. Where the server cannot show credibly that it was the last
 *   one, the account stays active: without the group it opens no project, whereas a wrong deactivation would lock a
 *   trainer out of a project of another contract (rule 4).
 *
 * @throws {ConfigurationError} when the base URL is not one to send a token to
 */
export function createScimWorkspace(options: ScimWorkspaceOptions): Workspace {
  const dialect: Dialect = DIALECTS[options.dialect ?? 'rfc'];
  const client = createScimClient(options);
  const change = createChangeResource(client, dialect);
  const users = createUsers(client, dialect, change);
  const groups = createGroups(options.baseUrl, client, dialect, change);

  async function groupOf({ projectId }: ProjectRef, signal: AbortSignal | undefined): Promise<ScimGroup> {
    const found = await groups.find(projectId, signal);
    if (found === undefined) throw groupUnknown(projectId);
    return found;
  }

  async function activate(found: ScimUser, signal: AbortSignal | undefined): Promise<void> {
    if (found.active !== false) return;
    await users.setActive(found, true, signal);
    const now = await users.get(found.id as MemberId, signal);
    if (now?.active === false) throw staysInactive(found);
  }

  /**
   * Whom a removal is about: the account of the noted id if it shows to be theirs, else the one that is found by Work Email or
   * `externalId`. A server that was rebuilt or replaced may have given the id to somebody else.
   *
   * @throws {WorkspaceRejectedError} when it is the account of one of the tool's own people, or may be anybody's
   */
  async function whoIs(member: Member, signal: AbortSignal | undefined): Promise<ScimUser | undefined> {
    const byId = member.memberId === undefined ? undefined : await users.get(member.memberId, signal);
    const theirs = byId !== undefined && isTheirs(byId, member) ? byId : await users.find(member, signal);
    if (theirs !== undefined && workEmailOf(theirs) !== undefined) return theirs;
    const doubtful = theirs ?? byId;
    if (doubtful === undefined) return undefined;
    // The connector gives every account that it makes an `externalId`: with another's, it is another's account.
    if (theirs === undefined && dialect.hasExternalId && doubtful.externalId) return undefined;
    throw notToRemove(doubtful);
  }

  /** Every group that the server tells of, by either of the two ways that there are; neither has to work. */
  async function groupsOf(found: ScimUser, signal: AbortSignal | undefined): Promise<Set<string>> {
    const now = await users.get(found.id as MemberId, signal);
    const told = (now?.groups ?? []).map(({ value }) => value);
    return new Set([...told, ...((await groups.idsOf(found, signal)) ?? [])]);
  }

  /**
   * Deactivates, and looks again: if meanwhile somebody let the trainer into a group, they are made active again.
   * `ensureAccess` works the other way round (first the group, then it looks at `active`), so whichever of two workers
   * looks last sees what the other did.
   */
  async function deactivate(found: ScimUser, signal: AbortSignal | undefined): Promise<void> {
    if ((await groupsOf(found, signal)).size > 0) return;
    const now = await users.get(found.id as MemberId, signal);
    if (now?.active !== true) return;
    await users.setActive(now, false, signal);
    if ((await groupsOf(found, signal)).size > 0) await users.setActive({ ...now, active: false }, true, signal);
  }

  return {
    accessScope: 'project',

    async ping(signal) {
      // Not ServiceProviderConfig, which many servers show without a token.
      await client.read(listOf(user), { what: 'listing users', path: ['Users'], query: { count: 1 }, signal });
      return { name: `SCIM 2.0 at ${new URL(options.baseUrl).host}` };
    },

    async ensureAccess(trainer, project, signal) {
      const group = await groupOf(project, signal);
      const found = await users.findOrCreate(trainer, signal);
      await activate(found, signal);
      if (await groups.setMembership(group, found, true, signal)) {
        const now = await users.get(found.id as MemberId, signal);
        if (now !== undefined) await activate(now, signal);
      }
      const { opentrainUserId, workEmail } = trainer;
      return { memberId: found.id as MemberId, opentrainUserId, workEmail };
    },

    async revokeAccess(member, project, signal) {
      const found = await whoIs(member, signal);
      if (found === undefined) return;
      const group = await groups.find(project.projectId, signal);
      if (group === undefined) {
        // Renamed, or removed, or never there. Whoever is inactive gets in nowhere; for others, that has to be seen.
        if (found.active === false) return;
        throw groupUnknown(project.projectId);
      }
      // Whether what the server tells of an account's groups can be believed shows while it is known to be in one.
      const isCredible = (await groupsOf(found, signal)).has(group.id);
      if (isCredible && !hasMember(group, found.id)) throw contradiction(group, found);
      const wasMember = await groups.setMembership(group, found, false, signal);
      if (wasMember && isCredible) await deactivate(found, signal);
    },

    async *listAccess(project, signal) {
      const { members } = await groupOf(project, signal);
      const inGroup = new Set(
        (members ?? []).filter(({ type }) => type !== 'Group').map(({ value }) => canonicalId(value)),
      );
      if (inGroup.size === 0) return;
      for await (const one of users.all(signal)) {
        if (!inGroup.has(canonicalId(one.id)) || one.active === false) continue;
        const member = describeMember(one, dialect);
        if (member !== undefined) yield member;
      }
    },

    // biome-ignore lint/correctness/useYield: it is the port's way to refuse on the first row that is asked for.
    async *dailyTotals() {
      throw new WorkspaceUnsupportedError(
        'The scim adapter has no daily totals, because SCIM knows people and groups but not their work. ' +
          'Set USAGE_WORKSPACE and USAGE_WORKSPACE_URL to an adapter that counts work, such as http.',
      );
    },
  };
}

/** By Work Email or `externalId`; and an id that is a Work Email itself means the same person on every server. */
function isTheirs(found: ScimUser, { workEmail, opentrainUserId }: Member): boolean {
  if (workEmail !== undefined && hasAddress(found, workEmail)) return true;
  if (opentrainUserId !== undefined && found.externalId === opentrainUserId) return true;
  return parseWorkEmail(found.id) !== undefined;
}

/** Rule 5 the other way round: the tool's own people are not ours to remove, whatever a seat says. */
function notToRemove(found: ScimUser): WorkspaceRejectedError {
  const why =
    workEmailOf(found) === undefined
      ? 'has no Work Email'
      : 'has another Work Email than the trainer, and no externalId to know them by';
  return new WorkspaceRejectedError(
    `User ${describeId(found.id)} ${why}, so the connector does not remove them. If it is the trainer’s account all the same, take it out of the group in the tool’s user administration.`,
  );
}

/** @returns undefined for the tool's own people: their addresses, which may be their ids, are none of our business */
function describeMember(found: ScimUser, { hasExternalId }: Dialect): Member | undefined {
  const workEmail = workEmailOf(found);
  if (workEmail === undefined) return undefined;
  const { id, externalId } = found;
  const opentrainUserId = hasExternalId && externalId ? { opentrainUserId: externalId as TrainerId } : {};
  return { memberId: id as MemberId, workEmail, ...opentrainUserId };
}

function groupUnknown(projectId: ProjectId): WorkspaceRejectedError {
  return new WorkspaceRejectedError(
    `The SCIM server has no group with the id or displayName "${projectId}". Create it in the tool, or put the right one into the project link (externalProjectId).`,
  );
}

function staysInactive({ id }: ScimUser): NeedsPersonError {
  return new NeedsPersonError(
    `User ${describeId(id)} stays inactive, although the SCIM server accepted the activation.`,
    {
      steps: [
        `In the tool’s user administration, activate user ${describeId(id)}, or accept the invitation that is open.`,
        'If the tool counts licences, free one first.',
      ],
    },
  );
}

/** The one answer says in, the other out: access that stays must not look removed, so it is looked at again later. */
function contradiction(group: ScimGroup, { id }: ScimUser): WorkspaceUnavailableError {
  return new WorkspaceUnavailableError(
    `The SCIM server counts user ${describeId(id)} to group ${group.id}, but does not show them among its members. It is tried again later.`,
  );
}

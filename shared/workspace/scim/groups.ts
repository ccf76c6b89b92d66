import type { ProjectId } from '../../ids.ts';
import { isPathSegment } from '../../path-segment.ts';
import { WorkspaceRejectedError, WorkspaceUnavailableError } from '../errors.ts';
import { isOk } from '../json-api.ts';
import type { Change, ChangeResource } from './change-resource.ts';
import type { Dialect } from './dialect.ts';
import { createInTurn } from './in-turn.ts';
import { group, listOf, parseRefusal, quote, type ScimGroup, type ScimUser } from './resources.ts';
import type { ScimClient } from './scim-client.ts';
import { describeId } from './users.ts';

/** Groups of the tool, each of which stands for a project. */
export interface Groups {
  /** The group with this id, or else the one with this displayName. */
  find(project: ProjectId, signal?: AbortSignal): Promise<ScimGroup | undefined>;
  /**
   * Puts the account into the group or takes it out, and looks again.
   *
   * @param group - as it was found; it is read anew, because others may have changed it meanwhile
   * @returns whether anything had to be written
   */
  setMembership(group: ScimGroup, user: ScimUser, isMember: boolean, signal?: AbortSignal): Promise<boolean>;
  /**
   * Ids of the groups that the server shows to hold the account; undefined when it cannot be asked: it has no such filter, or
   * leaves out groups or their members.
   */
  idsOf(user: ScimUser, signal?: AbortSignal): Promise<string[] | undefined>;
}

/** Rounds of writing and looking again: one more than an honest server under two workers needs. */
const ROUNDS = 3;

/** Of the whole process: workspaces that are opened by several settings may be one server. */
const inTurn = createInTurn();

/** @param server - its base URL, which tells its groups from those of another server */
export function createGroups(server: string, client: ScimClient, dialect: Dialect, change: ChangeResource): Groups {
  /** By what the project link calls them. Ids never change, names do. */
  const known = new Map<ProjectId, string>();
  const withoutMembers = dialect.selectsAttributes ? { excludedAttributes: 'members' } : {};

  /** @returns undefined when the server says that there is none */
  async function get(id: string, signal?: AbortSignal): Promise<ScimGroup | undefined> {
    const what = `reading group ${id}`;
    const answer = await client.send({ what, path: ['Groups', id], signal });
    // 400: a server whose ids have a form of their own refuses to look for a name.
    if ((answer.status === 404 || answer.status === 400) && parseRefusal(answer.body)) return undefined;
    if (!isOk(answer)) throw client.failure(what, answer);
    return client.parse(group, what, answer);
  }

  async function idByName(name: string, signal?: AbortSignal): Promise<string | undefined> {
    const what = `looking for group ${name}`;
    const query = { filter: `displayName eq ${quote(name)}`, ...withoutMembers };
    const answer = await client.send({ what, path: ['Groups'], query, signal });
    if (answer.status === 404 && parseRefusal(answer.body)) return undefined;
    if (!isOk(answer)) throw client.failure(what, answer);
    const { Resources } = client.parse(listOf(group), what, answer);
    const named = Resources.filter(({ displayName }) => displayName === name);
    const [first, ...others] = named;
    if (others.length === 0) return first?.id;
    throw new WorkspaceRejectedError(
      `There are ${named.length} groups with the displayName "${name}". Put the id of the right one into the project link.`,
    );
  }

  return {
    async find(project, signal) {
      const id = known.get(project);
      const found =
        (id === undefined ? undefined : await get(id, signal)) ??
        (isPathSegment(project) ? await get(project, signal) : undefined);
      if (found !== undefined) {
        known.set(project, found.id);
        return found;
      }
      const named = await idByName(project, signal);
      const byName = named === undefined ? undefined : await get(named, signal);
      if (byName !== undefined) known.set(project, byName.id);
      return byName;
    },

    setMembership({ id: groupId }, { id }, isMember, signal) {
      const what = `${isMember ? 'adding' : 'removing'} user ${describeId(id)} ${isMember ? 'to' : 'from'} group ${groupId}`;
      // A PUT replaces the whole list, so what is not in the list that it was made from is lost: nobody of this process
      // writes between this reading and this writing.
      return inTurn(JSON.stringify([server, groupId]), async () => {
        for (let round = 0; ; round += 1) {
          const current = await get(groupId, signal);
          // Whoever removes the group removes everybody's access with it.
          if (current === undefined && !isMember) return true;
          if (current === undefined) throw new WorkspaceUnavailableError(`Group ${groupId} vanished while ${what}.`);
          // Servers store a member twice that is added twice, so nothing is written that is so already.
          if (hasMember(current, id) === isMember) return round > 0;
          if (round === ROUNDS) throw noChange(what);
          await change(membershipChange(what, current, id, isMember, dialect), signal);
        }
      });
    },

    async idsOf({ id }, signal) {
      const what = `looking for the groups of user ${describeId(id)}`;
      // With their members: a server that ignores the filter sends groups that the account is not in.
      const query = { filter: `members.value eq ${quote(id)}` };
      const answer = await client.send({ what, path: ['Groups'], query, signal });
      if (isOk(answer)) {
        const { Resources, totalResults } = client.parse(listOf(group), what, answer);
        const isWhole = Resources.length >= totalResults && Resources.every(({ members }) => members != null);
        return isWhole ? Resources.filter((one) => hasMember(one, id)).map((one) => one.id) : undefined;
      }
      if (answer.status === 404 || answer.status === 400 || answer.status === 501) return undefined;
      throw client.failure(what, answer);
    },
  };
}

function membershipChange(
  what: string,
  current: ScimGroup,
  id: string,
  isMember: boolean,
  { groupPatch }: Dialect,
): Change {
  const others: unknown[] = (current.members ?? []).filter(({ value }) => !isSameId(value, id));
  const value = [{ value: id }];
  const removal =
    groupPatch === 'entra'
      ? ({ op: 'Remove', path: 'members', value } as const)
      : ({ op: 'remove', path: `members[value eq ${quote(id)}]` } as const);
  const addition = { op: groupPatch === 'entra' ? 'Add' : 'add', path: 'members', value } as const;
  return {
    what,
    kind: 'Groups',
    resource: current,
    operations: [isMember ? addition : removal],
    attributes: { members: isMember ? [...others, ...value] : others },
  };
}

function noChange(what: string): WorkspaceRejectedError {
  return new WorkspaceRejectedError(
    `The SCIM server accepted ${what} ${ROUNDS} times, and shows no change. Look for a setting or a rule in the tool that manages this group’s members by itself.`,
  );
}

export function hasMember({ members }: ScimGroup, id: string): boolean {
  return (members ?? []).some(({ value }) => isSameId(value, id));
}

/** Ids are case-exact; those that are addresses are not. */
export const canonicalId = (id: string): string => (id.includes('@') ? id.toLowerCase() : id);

const isSameId = (a: string, b: string): boolean => canonicalId(a) === canonicalId(b);

import { parseBaseUrl } from '../../base-url.ts';
import type { TokenSource } from '../../bearer-fetch.ts';
import { type Clock, type Sleep, sleep, systemClock } from '../../clock.ts';
import type { MemberId, ProjectId, WorkEmail } from '../../ids.ts';
import { WorkspaceRejectedError } from '../errors.ts';
import type { DailyTotal, Member, Trainer, UsageQuery, Workspace } from '../port.ts';
import { sumAnnotations } from './annotation-totals.ts';
import { readAnnotations } from './annotations.ts';
import { type Account, account, isRemoved, parseFailure, project, release } from './answers.ts';
import { createLabelStudioClient } from './client.ts';
import { countNotices, isSameInstruction, withNotice } from './notice.ts';
import { needsFirstPassword, needsLowerCase, needsRestoring, USERNAME_PREFIX, usernameOf } from './operator-steps.ts';
import { findByAddress, memberOf, type Organization, openOrganization } from './organization.ts';

export interface LabelStudioWorkspaceOptions {
  /** Where Label Studio is opened in a browser; https, but for loopback. */
  readonly baseUrl: string;
  /** The organisation owner's: a personal access token, or a legacy one. Asked before every request. */
  readonly token: TokenSource;
  /**
   * How a trainer whose account is new gets a password. `arranged`: by what runs beside Label Studio, see
   * docs/workspaces/label-studio.md. `by-person`: an operator is asked, for each trainer, until the first sign-in.
   *
   * @default 'arranged'
   */
  readonly firstPassword?: 'arranged' | 'by-person';
  readonly fetch?: typeof globalThis.fetch;
  readonly clock?: Clock;
  readonly sleep?: Sleep;
  /** For each call, the exchange of the token and a repeat after a 401 included. @default 15000 */
  readonly timeoutMilliseconds?: number;
  /** Members on a page. @default 200 */
  readonly pageRows?: number;
}

const TIMEOUT_MILLISECONDS = 15_000;
const PAGE_ROWS = 200;

/** How long another worker that just made the same account may need to make it a member as well. */
const RACE_MILLISECONDS = 1_000;

/**
 * A self-hosted Label Studio (Community). Everybody in the organisation sees every project of it, so access is to the
 * workspace: `project` is not looked at but for totals and the notice.
 *
 * @throws {ConfigurationError} when the base URL is not one to send a token to
 */
export function createLabelStudioWorkspace(options: LabelStudioWorkspaceOptions): Workspace {
  const { firstPassword = 'arranged', pageRows = PAGE_ROWS, sleep: pause = sleep } = options;
  const baseUrl = parseBaseUrl(options.baseUrl, 'Label Studio’s base URL');
  const client = createLabelStudioClient({
    baseUrl,
    token: options.token,
    fetch: options.fetch ?? globalThis.fetch,
    clock: options.clock ?? systemClock,
    timeoutMilliseconds: options.timeoutMilliseconds ?? TIMEOUT_MILLISECONDS,
  });

  /** The account that belongs to the trainer, made if there is none. @throws {NeedsPersonError} if it was removed */
  async function ensureAccount(trainer: Trainer, signal?: AbortSignal): Promise<Account> {
    const { opentrainUserId, workEmail, memberId } = trainer;
    const organization = await openOrganization(client, pageRows, signal);
    const restore = (id?: MemberId) =>
      needsRestoring({ baseUrl, organization, trainer: opentrainUserId, memberId: id });

    const known = memberId && (await organization.accountBy(memberId, signal));
    if (known && isTheirs(known, trainer)) return known;
    const found = findByAddress(await organization.accounts(signal), workEmail);
    if (found !== undefined) return found;
    const made = await makeAccount(trainer, signal);
    if (made !== undefined) return made;
    // The address is taken: by an account that was removed, which the lists do not name, or by a worker that was quicker.
    if (known && isRemoved(known)) throw restore(memberId);
    const quicker = await findAfterRace(organization, workEmail, signal);
    if (quicker !== undefined) return quicker;
    throw restore();
  }

  /** @returns undefined when the address is taken */
  async function makeAccount(trainer: Trainer, signal?: AbortSignal): Promise<Account | undefined> {
    const { opentrainUserId, workEmail, displayName } = trainer;
    const body = { email: workEmail, username: usernameOf(opentrainUserId), first_name: displayName };
    const what = `make an account for trainer ${opentrainUserId}`;
    const answer = await client.send({ what, method: 'POST', path: ['users', ''], body, signal });
    if (answer.status === 400 && parseFailure(answer.body)?.validation_errors?.email !== undefined) return undefined;
    if (answer.status !== 201) throw client.failure(what, answer);
    return client.parse(account, what, answer);
  }

  async function findAfterRace(
    organization: Organization,
    workEmail: WorkEmail,
    signal?: AbortSignal,
  ): Promise<Account | undefined> {
    const found = findByAddress(await organization.accounts(signal), workEmail);
    if (found !== undefined) return found;
    await pause(RACE_MILLISECONDS, signal);
    return findByAddress(await organization.accounts(signal), workEmail);
  }

  return {
    accessScope: 'workspace',

    async ping(signal) {
      await openOrganization(client, pageRows, signal);
      const request = { what: 'tell the version', path: ['version', ''], signal };
      const { release: version } = await client.read(release, request);
      return { name: 'Label Studio', version };
    },

    async ensureAccess(trainer: Trainer, _project, signal) {
      const account = await ensureAccount(trainer, signal);
      if (account.email !== account.email.toLowerCase()) throw needsLowerCase(baseUrl, account.id);
      if (firstPassword === 'by-person' && account.active_organization == null) {
        throw needsFirstPassword(baseUrl, account.id);
      }
      const { opentrainUserId, workEmail } = trainer;
      return { memberId: String(account.id) as MemberId, workEmail, opentrainUserId };
    },

    async revokeAccess(member, _project, signal) {
      const { memberId, workEmail } = member;
      const organization = await openOrganization(client, pageRows, signal);
      const known = memberId && (await organization.accountBy(memberId, signal));
      // Removed already by its id, or that was never noted: the address tells whether there is still somebody to remove.
      const account =
        known && isTheirs(known, member)
          ? known
          : workEmail && findByAddress(await organization.accounts(signal), workEmail);
      if (!account && known && !isRemoved(known) && !isAnotherTrainers(known)) throw notToRemove(known);
      if (!account) return;
      const what = `remove member ${account.id}`;
      const path = ['organizations', String(organization.id), 'memberships', String(account.id), ''];
      const answer = await client.send({ what, method: 'DELETE', path, signal });
      if (answer.status === 204) return;
      // Somebody else was quicker.
      if (answer.status === 404 && parseFailure(answer.body) !== undefined) return;
      throw client.failure(what, answer);
    },

    async *listAccess(_project, signal) {
      const organization = await openOrganization(client, pageRows, signal);
      for (const account of await organization.accounts(signal)) {
        if (!isRemoved(account)) yield memberOf(account);
      }
    },

    async *dailyTotals(query: UsageQuery, signal?: AbortSignal) {
      const projectId = numberOf(query.project.projectId);
      const days = sumAnnotations(await readAnnotations(client, projectId, query.from, signal), query);
      if (days.length === 0) return;
      const members = await membersById(signal);
      for (const { memberId, ...day } of days) {
        yield { member: members.get(memberId) ?? { memberId }, project: query.project, ...day } satisfies DailyTotal;
      }
    },

    async setNotice({ projectId }, notice, signal) {
      const path = ['projects', String(numberOf(projectId)), ''];
      const what = `${notice === null ? 'take the notice out of' : 'show the notice in'} project ${projectId}`;
      const read = await client.read(project, { what: `read project ${projectId}`, path, signal });
      const current = { html: read.expert_instruction ?? '', isShown: read.show_instruction === true };
      const wanted = withNotice(current, notice);
      if (isSameInstruction(wanted, current)) return;
      const write = ({ html, isShown }: typeof wanted) =>
        client.read(project, {
          what,
          path,
          method: 'PATCH',
          body: { expert_instruction: html, show_instruction: isShown },
          signal,
        });
      const written = await write(wanted);
      if (countNotices(written.expert_instruction ?? '') === (notice === null ? 0 : 1)) return;
      // A notice that could not be found again would be there for good.
      await write(current);
      throw new WorkspaceRejectedError(
        `Label Studio changed the notice while it stored it in project ${projectId}; the instruction was put back.`,
      );
    },
  };

  /** Removed members have no address any more; the seat still knows their member id. */
  async function membersById(signal?: AbortSignal): Promise<ReadonlyMap<MemberId, Member>> {
    const organization = await openOrganization(client, pageRows, signal);
    const present = (await organization.accounts(signal)).filter((one) => !isRemoved(one));
    return new Map(present.map((one) => [String(one.id) as MemberId, memberOf(one)]));
  }
}

/** @throws {WorkspaceRejectedError} unless it is a project's number */
function numberOf(projectId: ProjectId): number {
  if (/^[1-9]\d{0,15}$/.test(projectId)) return Number(projectId);
  throw new WorkspaceRejectedError(
    `"${projectId}" is no project of Label Studio. Register the number in the project’s URL (…/projects/12/) as externalProjectId.`,
  );
}

/**
 * In the organisation, and the trainer's by Work Email; or by the username that the connector gave it, where the Work Email has
 * changed since. The id alone says nothing: an installation that was rebuilt or replaced gives it to somebody else.
 */
function isTheirs(found: Account, { workEmail, opentrainUserId }: Member): boolean {
  const told = memberOf(found).workEmail;
  if (isRemoved(found) || told === undefined) return false;
  return told === workEmail || (opentrainUserId !== undefined && found.username === usernameOf(opentrainUserId));
}

/** Asked of an account that is not this trainer's: whether it is one that the connector made. */
const isAnotherTrainers = (found: Account): boolean =>
  memberOf(found).workEmail !== undefined && found.username?.startsWith(USERNAME_PREFIX) === true;

/** Rule 5 the other way round: the tool's own people are not ours to remove, whatever a seat says. */
function notToRemove(found: Account): WorkspaceRejectedError {
  const why =
    memberOf(found).workEmail === undefined
      ? 'has no Work Email'
      : 'has another Work Email than the trainer, and was not made by the connector';
  return new WorkspaceRejectedError(
    `Member ${found.id} ${why}, so the connector does not remove them. If it is the trainer’s account all the same, remove it by hand.`,
  );
}

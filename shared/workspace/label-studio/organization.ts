import { type MemberId, parseWorkEmail, type WorkEmail } from '../../ids.ts';
import { WorkspaceForbiddenError, WorkspaceUnavailableError } from '../errors.ts';
import type { Member } from '../port.ts';
import { type Account, account, isRemoved, membershipPage, parseFailure, whoAmI } from './answers.ts';
import type { LabelStudioClient } from './client.ts';
import { OWNER_ADVICE } from './explain.ts';

/** The people of the organisation that the token belongs to, the removed ones (nameless by then) included. */
export interface Organization {
  readonly id: number;
  /** Everybody, read anew. */
  accounts(signal?: AbortSignal): Promise<readonly Account[]>;
  /** @returns undefined when there is no such account, because it was deleted for good or is another organisation's */
  accountBy(id: MemberId, signal?: AbortSignal): Promise<Account | undefined>;
}

/** A list that changes while it is read is read again; one that does so three times is left to the next try. */
const READINGS = 3;

/**
 * Asks for whom the token speaks. Everything that grants or takes access begins here, so that nobody is let in with a
 * token that could not remove them again.
 *
 * @throws {WorkspaceForbiddenError} unless the token is the organisation owner's
 */
export async function openOrganization(
  client: LabelStudioClient,
  pageRows: number,
  signal?: AbortSignal,
): Promise<Organization> {
  const self = await client.read(whoAmI, {
    what: 'tell whose token this is',
    path: ['current-user', 'whoami'],
    signal,
  });
  const owner = self.active_organization_meta.email.toLowerCase();
  if (self.active_organization == null || owner !== self.email.toLowerCase()) {
    throw new WorkspaceForbiddenError(
      `Label Studio takes the token, but it belongs to another member of the organisation. ${OWNER_ADVICE}`,
    );
  }
  const id = self.active_organization;

  /** @returns undefined when the pages do not fit together, because somebody came or was renamed in between */
  async function readAll(signal?: AbortSignal): Promise<readonly Account[] | undefined> {
    const found = new Map<number, Account>();
    for (let page = 1; ; page += 1) {
      const { count, next, results } = await client.read(membershipPage, {
        what: `list the members of organisation ${id}`,
        path: ['organizations', String(id), 'memberships'],
        query: { page, page_size: pageRows },
        signal,
      });
      for (const { user } of results) found.set(user.id, user);
      // Rows are sorted by a name that need not be unique, so only the count tells whether none slipped through.
      if (next === null) return found.size >= count ? [...found.values()] : undefined;
    }
  }

  return {
    id,
    async accounts(signal) {
      for (let reading = 0; reading < READINGS; reading += 1) {
        const all = await readAll(signal);
        if (all !== undefined) return all;
      }
      throw new WorkspaceUnavailableError('Label Studio’s list of members kept changing while it was read.');
    },
    async accountBy(memberId, signal) {
      // Noted under another adapter: not one of Label Studio's, whose ids are numbers.
      if (!/^\d+$/.test(memberId)) return undefined;
      const request = { what: `read account ${memberId}`, path: ['users', memberId, ''], signal };
      const answer = await client.send(request);
      if (answer.status === 404 && parseFailure(answer.body) !== undefined) return undefined;
      if (answer.status !== 200) throw client.failure(request.what, answer);
      return client.parse(account, request.what, answer);
    },
  };
}

/**
 * The account of an address. Label Studio takes `Maria@…` and `maria@…` for two people, so we compare without case, and
 * of several the one that is spelled like a Work Email wins.
 */
export function findByAddress(accounts: readonly Account[], workEmail: WorkEmail): Account | undefined {
  const same = accounts.filter((one) => !isRemoved(one) && one.email.toLowerCase() === workEmail);
  return same.find(({ email }) => email === workEmail) ?? same[0];
}

/** A private address goes no further than this (rule 5, and data protection). */
export function memberOf({ id, email }: Account): Member {
  const workEmail = parseWorkEmail(email);
  const memberId = String(id) as MemberId;
  return workEmail === undefined ? { memberId } : { memberId, workEmail };
}

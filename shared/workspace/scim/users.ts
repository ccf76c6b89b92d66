import type { MemberId } from '../../ids.ts';
import { NeedsPersonError, WorkspaceRejectedError } from '../errors.ts';
import { isOk } from '../json-api.ts';
import type { Member, Trainer } from '../port.ts';
import type { ChangeResource } from './change-resource.ts';
import type { Dialect } from './dialect.ts';
import { hasAddress, listOf, parseRefusal, quote, type ScimUser, USER_SCHEMA, user } from './resources.ts';
import type { ScimClient } from './scim-client.ts';

/** Accounts of the tool. */
export interface Users {
  /** @returns undefined when the server says that there is none */
  get(id: MemberId, signal?: AbortSignal): Promise<ScimUser | undefined>;
  /** Looks for the account by what is known of the person: Work Email first, then `externalId`. */
  find(person: Member, signal?: AbortSignal): Promise<ScimUser | undefined>;
  findOrCreate(trainer: Trainer, signal?: AbortSignal): Promise<ScimUser>;
  setActive(user: ScimUser, active: boolean, signal?: AbortSignal): Promise<void>;
  all(signal?: AbortSignal): AsyncIterable<ScimUser>;
}

export function createUsers(client: ScimClient, dialect: Dialect, change: ChangeResource): Users {
  /** Whether the server tells `A@x` from `a@x`, against the RFC; learnt from an account that it has. */
  let isCaseExact: boolean | undefined;

  const all = (signal?: AbortSignal): AsyncIterable<ScimUser> => {
    const attributes = dialect.selectsAttributes ? 'userName,emails,externalId,active' : undefined;
    return client.pages(user, { what: 'listing users', path: ['Users'], query: { attributes }, signal });
  };

  /** @returns undefined when the server cannot search like that */
  async function search(filter: string, what: string, signal?: AbortSignal): Promise<ScimUser[] | undefined> {
    const answer = await client.send({ what, path: ['Users'], query: { filter }, signal });
    if (isOk(answer)) return client.parse(listOf(user), what, answer).Resources;
    // 404 for nobody found is Label Studio Enterprise's way. Only the server's own counts: a gateway's means a wrong URL.
    if (answer.status === 404 && parseRefusal(answer.body)) return [];
    if (answer.status === 400 || answer.status === 501) return undefined;
    throw client.failure(what, answer);
  }

  async function find({ workEmail, opentrainUserId }: Member, signal?: AbortSignal): Promise<ScimUser | undefined> {
    const what = `looking for the account of trainer ${opentrainUserId ?? '(unknown)'}`;
    const matches = (one: ScimUser) => workEmail !== undefined && hasAddress(one, workEmail);

    if (workEmail !== undefined) {
      const address = quote(workEmail);
      const byUserName = await search(`userName eq ${address}`, what, signal);
      const filters = dialect.searchesEmails ? [`emails.value eq ${address}`, `emails[value eq ${address}]`] : [];
      // Servers that ignore a filter send everybody, so the answer is matched again here.
      let found = only((byUserName ?? []).filter(matches), what);
      for (const filter of filters) found ??= only(((await search(filter, what, signal)) ?? []).filter(matches), what);
      if (found !== undefined) return found;
      if (byUserName === undefined || (await tellsCases(signal))) {
        const scanned: ScimUser[] = [];
        for await (const one of all(signal)) if (matches(one)) scanned.push(one);
        found = only(scanned, what);
        // The list may be shortened to a few attributes, and a PUT needs them all.
        if (found !== undefined) return get(found.id as MemberId, signal);
      }
    }
    if (opentrainUserId === undefined || !dialect.hasExternalId) return undefined;
    const byExternalId = await search(`externalId eq ${quote(opentrainUserId)}`, what, signal);
    return only(
      (byExternalId ?? []).filter(({ externalId }) => externalId === opentrainUserId),
      what,
    );
  }

  /** Asks for an account that is there, with its letters' case swapped. */
  async function tellsCases(signal?: AbortSignal): Promise<boolean> {
    if (isCaseExact !== undefined) return isCaseExact;
    const what = 'finding out whether user names are case-sensitive';
    const { Resources } = await client.read(listOf(user), { what, path: ['Users'], query: { count: 10 }, signal });
    const sample = Resources.find(({ userName }) => userName != null && swapCase(userName) !== userName);
    // Nobody there yet: nothing to mistake anybody for.
    if (sample?.userName == null) return false;
    const found = await search(`userName eq ${quote(swapCase(sample.userName))}`, what, signal);
    isCaseExact = !found?.some(({ id }) => id === sample.id);
    return isCaseExact;
  }

  async function get(id: MemberId, signal?: AbortSignal): Promise<ScimUser | undefined> {
    const what = `reading user ${describeId(id)}`;
    const answer = await client.send({ what, path: ['Users', id], signal });
    if (answer.status === 404 && parseRefusal(answer.body)) return undefined;
    if (!isOk(answer)) throw client.failure(what, answer);
    return client.parse(user, what, answer);
  }

  async function create(trainer: Trainer, signal?: AbortSignal): Promise<ScimUser> {
    const what = `creating an account for trainer ${trainer.opentrainUserId}`;
    const body = newUser(trainer, dialect);
    const answer = await client.send({ what, method: 'POST', path: ['Users'], body, signal });
    if (isOk(answer)) {
      const created = client.parse(user, what, answer);
      if (hasAddress(created, trainer.workEmail)) return created;
      throw client.makesNoSense(what, 'it names another person than was asked for');
    }
    if (answer.status !== 409) throw client.failure(what, answer);
    // Another worker was faster, or an answer was lost.
    const found = await find(trainer, signal);
    if (found === undefined) throw hiddenAccount(trainer);
    return found;
  }

  return {
    get,
    find,
    all,
    async findOrCreate(trainer, signal) {
      const found = await find(trainer, signal);
      if (found === undefined) return create(trainer, signal);
      if (hasAddress(found, trainer.workEmail)) return found;
      // Found by externalId: the same person under a new Work Email keeps the account.
      const { userName, emails } = newUser(trainer, dialect);
      const what = `giving trainer ${trainer.opentrainUserId} the new Work Email`;
      const operations = [
        { op: 'replace', path: 'userName', value: userName },
        { op: 'replace', path: 'emails', value: emails },
      ] as const;
      await change({ what, kind: 'Users', resource: found, operations, attributes: { userName, emails } }, signal);
      return { ...found, userName, emails };
    },
    async setActive(resource, active, signal) {
      const what = `${active ? 'activating' : 'deactivating'} user ${describeId(resource.id)}`;
      const operations = [{ op: 'replace', path: 'active', value: active }] as const;
      await change({ what, kind: 'Users', resource, operations, attributes: { active } }, signal);
    },
  };
}

function newUser({ workEmail, displayName, opentrainUserId }: Trainer, { hasExternalId }: Dialect) {
  const [givenName = displayName, ...rest] = displayName.split(/\s+/).filter(Boolean);
  const familyName = rest.join(' ');
  return {
    schemas: [USER_SCHEMA],
    userName: workEmail,
    name: { givenName, ...(familyName === '' ? {} : { familyName }) },
    emails: [{ value: workEmail, type: 'work', primary: true }],
    active: true,
    ...(hasExternalId ? { externalId: opentrainUserId } : {}),
  };
}

/** @throws {WorkspaceRejectedError} when there are several: which one is right, only a person can tell */
function only(found: readonly ScimUser[], what: string): ScimUser | undefined {
  const [first, ...others] = found;
  if (others.every(({ id }) => id === first?.id)) return first;
  throw new WorkspaceRejectedError(
    `The SCIM server knows ${found.length} accounts for one person, on ${what}. Remove all but one in the tool’s user administration.`,
  );
}

function hiddenAccount({ opentrainUserId }: Trainer): NeedsPersonError {
  return new NeedsPersonError(
    `The SCIM server says that trainer ${opentrainUserId} has an account, and does not show it: it was probably deleted there.`,
    {
      steps: [
        `In the tool’s user administration, look among the deleted or archived users for the Work Email of trainer ${opentrainUserId}.`,
        'Restore that account, or delete it for good so that its address is free.',
      ],
    },
  );
}

/** Where ids are addresses they are not told. */
export const describeId = (id: string): string => (id.includes('@') ? '(named by its address)' : id);

const swapCase = (text: string): string =>
  text.replace(/[a-z]/gi, (letter) => (letter === letter.toLowerCase() ? letter.toUpperCase() : letter.toLowerCase()));

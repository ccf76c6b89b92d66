import type { ConnectionId, JobId, LinkId, ProjectId } from '../ids.ts';
import type { Item, Key, Table } from './table.ts';

/** One project link. Links are never re-pointed, only deleted; a deleted one stays here as a gravestone. */
export interface Link {
  readonly id: LinkId;
  readonly jobId?: JobId | undefined;
  readonly projectId?: ProjectId | undefined;
  readonly provisioningMode?: string | undefined;
  /** Milliseconds since the epoch: when the connector first heard of it. */
  readonly recordedAt?: number | undefined;
  /** Milliseconds since the epoch; set once the link was deleted, for good: see `restore`. */
  readonly removedAt?: number | undefined;
}

export interface Links {
  get(connection: ConnectionId, link: LinkId): Promise<Link | undefined>;
  /** @returns false when the link was removed already: its creation was told late */
  record(connection: ConnectionId, link: Omit<Link, 'recordedAt' | 'removedAt'>, now: number): Promise<boolean>;
  remove(connection: ConnectionId, link: LinkId, now: number): Promise<void>;
  /** Takes that removal back: it was a mistake, since OpenTrain never makes a deleted link again. */
  restore(connection: ConnectionId, removed: Link, now: number): Promise<void>;
  /** Every link of a connection that was ever recorded, removed ones too. */
  list(connection: ConnectionId): AsyncIterable<Link>;
}

const LINK = 'LINK#';

export const linkKey = (connection: ConnectionId, link: LinkId): Key => ({
  pk: `CONN#${connection}`,
  sk: `${LINK}${link}`,
});

export function readLink(id: LinkId, item: Item | undefined): Link | undefined {
  return item === undefined ? undefined : { ...(item as Partial<Link>), id };
}

export function createLinks(table: Table): Links {
  return {
    async get(connection, link) {
      return readLink(link, await table.get(linkKey(connection, link)));
    },
    async record(connection, { id, ...fields }, now) {
      const { kind } = await table.change(linkKey(connection, id), {
        set: { ...fields, updatedAt: now },
        setIfAbsent: { recordedAt: now },
        onlyIf: 'attribute_not_exists(#removedAt)',
      });
      return kind === 'changed';
    },
    async remove(connection, link, now) {
      await table.change(linkKey(connection, link), { set: { updatedAt: now }, setIfAbsent: { removedAt: now } });
    },
    async restore(connection, { id, removedAt }, now) {
      await table.change(linkKey(connection, id), {
        set: { updatedAt: now },
        remove: ['removedAt'],
        onlyIf: '#removedAt = :read',
        values: { read: removedAt },
      });
    },
    async *list(connection) {
      for await (const { sk, ...item } of table.list(`CONN#${connection}`, LINK)) {
        yield { ...(item as Partial<Link>), id: String(sk).slice(LINK.length) as LinkId };
      }
    },
  };
}

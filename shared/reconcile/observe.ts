import type { ConnectionId, ContractId, LinkId } from '../ids.ts';
import { CONTRACTS_AT_MOST, type OpenTrainClient } from '../opentrain/client.ts';
import { unlessGone } from '../opentrain/errors.ts';
import type { Contract, ProjectLink } from '../opentrain/relied-on.ts';
import { type Grant, grantName } from '../store/grants.ts';
import type { Link } from '../store/links.ts';
import type { WorkspaceProject } from '../store/notices.ts';
import type { Store } from '../store/store.ts';

/** As long as a delivery's record is kept: what went wrong longer ago was seen by many runs. */
const LATELY_MILLISECONDS = 35 * 24 * 3600_000;

/** What the table says about one connection. */
export interface Observation {
  readonly connectionId: ConnectionId;
  /** Removed ones too. */
  readonly knownLinks: ReadonlyMap<LinkId, Link>;
  /** Every grant that has not ended, by its name. */
  readonly grants: ReadonlyMap<string, Grant>;
  /** Where those are, and where some ended lately: the last step of an end may have come to nothing. */
  readonly projects: readonly WorkspaceProject[];
}

/** What OpenTrain says. */
export interface Told {
  readonly links: readonly ObservedLink[];
  /** Those among the active contracts' grants that have ended here: final, whatever OpenTrain says (rule 3). */
  readonly over: ReadonlySet<string>;
}

/** A link as OpenTrain has it, with what runs on it. */
export interface ObservedLink {
  readonly link: ProjectLink;
  /** Running contracts, newest first. */
  readonly active: readonly Contract[];
  /** There may be more: OpenTrain tells 200 at most, and has no second page. */
  readonly isActiveFull: boolean;
  /** Asked for only when a grant of the link is not among the active ones. */
  readonly ended: ReadonlyMap<ContractId, Contract>;
  readonly isEndedFull: boolean;
}

export interface ObserveParts {
  readonly store: Pick<Store, 'grants' | 'links'>;
  readonly now: number;
}

export async function observeTable(connectionId: ConnectionId, { store, now }: ObserveParts): Promise<Observation> {
  const grants = new Map<string, Grant>();
  const projects = new Map<string, WorkspaceProject>();
  for await (const grant of store.grants.list(connectionId)) {
    const { state, workspaceId, projectId, endedAt = 0 } = grant;
    if (state !== 'ended') grants.set(grantName(grant), grant);
    else if (endedAt < now - LATELY_MILLISECONDS) continue;
    if (workspaceId === undefined || projectId === undefined) continue;
    projects.set(JSON.stringify([workspaceId, projectId]), { workspaceId, projectId });
  }
  const knownLinks = new Map<LinkId, Link>();
  for await (const link of store.links.list(connectionId)) knownLinks.set(link.id, link);
  return { connectionId, knownLinks, grants, projects: [...projects.values()] };
}

/**
 * Asks OpenTrain after the table was read: a grant that is not among the active contracts of a later answer is over, while
 * one that begins in between is nobody's business yet.
 */
export async function observeOpenTrain(
  { connectionId, knownLinks, grants }: Observation,
  { store, opentrain }: { readonly store: Pick<Store, 'grants'>; readonly opentrain: OpenTrainClient },
  signal: AbortSignal,
): Promise<Told> {
  const listed = await opentrain.listProjectLinks(signal);
  const unlisted = await findUnlisted(new Set(listed.map(({ id }) => id)), { knownLinks, grants }, opentrain, signal);
  const links: ObservedLink[] = [];
  for (const link of [...listed, ...unlisted]) {
    const observed = await observeLink(link, grants, opentrain, signal);
    if (observed !== undefined) links.push(observed);
  }
  return { links, over: await findOver(connectionId, links, grants, store) };
}

/**
 * Those that are missing on the list, and yet there: to take a link for removed is final, and not done for the want of a
 * line on a list.
 */
async function findUnlisted(
  listed: ReadonlySet<LinkId>,
  { knownLinks, grants }: Pick<Observation, 'knownLinks' | 'grants'>,
  opentrain: OpenTrainClient,
  signal: AbortSignal,
): Promise<ProjectLink[]> {
  const ofGrants = [...grants.values()].map(({ linkId }) => linkId);
  const missing = [...new Set([...knownLinks.keys(), ...ofGrants])].filter(
    (id) => !listed.has(id) && knownLinks.get(id)?.removedAt === undefined,
  );
  const found: ProjectLink[] = [];
  for (const id of missing) {
    const link = await unlessGone(opentrain.getProjectLink(id, signal));
    if (link !== undefined) found.push(link);
  }
  return found;
}

/** @returns undefined for a link that was deleted in between */
async function observeLink(
  link: ProjectLink,
  grants: ReadonlyMap<string, Grant>,
  opentrain: OpenTrainClient,
  signal: AbortSignal,
): Promise<ObservedLink | undefined> {
  const ofLink = [...grants.values()].filter(({ linkId }) => linkId === link.id);
  // Others are provisioned by OpenTrain itself; and nobody can be hired for no job.
  if (link.provisioningMode !== 'PARTNER_WEBHOOK' || (link.jobId === null && ofLink.length === 0)) {
    return { link, active: [], isActiveFull: false, ended: new Map(), isEndedFull: false };
  }
  const query = { projectLinkId: link.id, limit: CONTRACTS_AT_MOST };
  const active = await unlessGone(opentrain.listContracts({ ...query, status: 'active' }, signal));
  if (active === undefined) return undefined;
  const running = new Set(active.map(({ id }) => id));
  const isMissing = ofLink.some(({ contractId }) => !running.has(contractId));
  const ended = isMissing ? await unlessGone(opentrain.listContracts({ ...query, status: 'ended' }, signal)) : [];
  if (ended === undefined) return undefined;
  return {
    link,
    active,
    isActiveFull: active.length >= CONTRACTS_AT_MOST,
    ended: new Map(ended.map((contract) => [contract.id, contract])),
    isEndedFull: ended.length >= CONTRACTS_AT_MOST,
  };
}

async function findOver(
  connectionId: ConnectionId,
  links: readonly ObservedLink[],
  grants: ReadonlyMap<string, Grant>,
  store: Pick<Store, 'grants'>,
): Promise<Set<string>> {
  const unknown = links.flatMap(({ link, active }) =>
    active
      .map(({ id: contractId }) => ({ connectionId, contractId, linkId: link.id }))
      .filter((ref) => !grants.has(grantName(ref))),
  );
  const found = await store.grants.getAll(unknown);
  return new Set(found.filter(({ state }) => state === 'ended').map(grantName));
}

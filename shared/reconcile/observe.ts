import { classify } from '../deliveries/classify.ts';
import { ConnectorError } from '../errors.ts';
import type { ConnectionId, ContractId, LinkId, ProjectId } from '../ids.ts';
import { CONTRACTS_AT_MOST, type OpenTrainClient } from '../opentrain/client.ts';
import { unlessGone } from '../opentrain/errors.ts';
import type { Contract, ProjectLink } from '../opentrain/relied-on.ts';
import { type Grant, grantName } from '../store/grants.ts';
import type { Link } from '../store/links.ts';
import type { WorkspaceProject } from '../store/notices.ts';
import type { Store } from '../store/store.ts';

/** OpenTrain tells of a link, and yet knows no contracts of it; nobody loses anything for that. */
export class LinkUnclearError extends ConnectorError {
  override readonly name = 'LinkUnclearError';
}

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
  /** Why a link could not be looked at: what belongs to it is left as it is. */
  readonly unreadable: ReadonlyMap<LinkId, unknown>;
  /** Their projects: whoever is in one of them may have their place by what could not be looked at. */
  readonly untoldProjects: ReadonlySet<ProjectId>;
  /** Those among the active contracts' grants that have ended here: final, whatever OpenTrain says (rule 3). */
  readonly over: ReadonlyMap<string, Grant>;
}

/** A link as OpenTrain has it, with what runs on it. */
export interface ObservedLink {
  readonly link: ProjectLink;
  /** Running contracts, newest first. */
  readonly active: readonly Contract[];
  /** There may be more: OpenTrain tells 200 at most, and has no second page. */
  readonly isActiveFull: boolean;
  /**
   * Asked for only when a grant of the link is not among the active ones, or one of another link of the job that is gone,
   * by which somebody may have been kept.
   */
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
 * one that begins in between is nobody's business yet. One link's trouble stays that link's.
 *
 * @throws what OpenTrain throws when it does not even list the links, or refuses the token
 */
export async function observeOpenTrain(
  { connectionId, knownLinks, grants }: Observation,
  { store, opentrain }: { readonly store: Pick<Store, 'grants'>; readonly opentrain: OpenTrainClient },
  signal: AbortSignal,
): Promise<Told> {
  const listed = await opentrain.listProjectLinks(signal);
  const { unreadable, look } = createLooks(signal);
  const found: ProjectLink[] = [...listed];
  for (const id of missingOn(listed, { knownLinks, grants })) {
    const link = await look(id, () => unlessGone(opentrain.getProjectLink(id, signal)));
    if (link !== undefined) found.push(link);
  }
  const there = new Set(found.map(({ id }) => id));
  const ofGoneLinks = [...grants.values()].filter(({ linkId }) => !there.has(linkId));
  const links: ObservedLink[] = [];
  for (const link of found) {
    const ofLink = [...grants.values()].filter(({ linkId }) => linkId === link.id);
    const ofJob = ofGoneLinks.filter(({ jobId }) => jobId !== undefined && jobId === link.jobId);
    const observed = await look(link.id, () => observeLink(link, { ofLink, ofJob }, opentrain, signal));
    if (observed !== undefined) links.push(observed);
  }
  const projectOf = (id: LinkId) =>
    found.find((link) => link.id === id)?.externalProjectId ?? knownLinks.get(id)?.projectId;
  const untoldProjects = new Set([...unreadable.keys()].flatMap((id) => projectOf(id) ?? []));
  return { links, unreadable, untoldProjects, over: await findOver(connectionId, links, grants, store) };
}

/**
 * Those that are missing on the list may be there yet: to take a link for removed is final, and not done for the want of a
 * line on a list.
 */
function missingOn(
  listed: readonly ProjectLink[],
  { knownLinks, grants }: Pick<Observation, 'knownLinks' | 'grants'>,
): LinkId[] {
  const there = new Set(listed.map(({ id }) => id));
  const ofGrants = [...grants.values()].map(({ linkId }) => linkId);
  return [...new Set([...knownLinks.keys(), ...ofGrants])].filter(
    (id) => !there.has(id) && knownLinks.get(id)?.removedAt === undefined,
  );
}

/** When so many links in a row were not told for the want of an answer, OpenTrain is away, and is asked for no others. */
const AWAY_AFTER = 2;

/** Looks at links one by one, and remembers those that could not be looked at. */
function createLooks(signal: AbortSignal) {
  const unreadable = new Map<LinkId, unknown>();
  let busyInARow = 0;
  let last: unknown;
  return {
    unreadable,
    /** @returns undefined also when it could not be looked at */
    async look<Answer>(id: LinkId, ask: () => Promise<Answer>): Promise<Answer | undefined> {
      if (busyInARow >= AWAY_AFTER) return void unreadable.set(id, last);
      try {
        const answer = await ask();
        busyInARow = 0;
        return answer;
      } catch (error) {
        const { kind } = classify(error, signal);
        if (kind === 'opentrain-refuses' || kind === 'out-of-time') throw error;
        busyInARow = kind === 'busy' ? busyInARow + 1 : 0;
        last = error;
        return void unreadable.set(id, error);
      }
    },
  };
}

/** Whose contracts are looked for on a link: its own grants, and those of the job's links that are gone. */
interface Concerned {
  readonly ofLink: readonly Grant[];
  readonly ofJob: readonly Grant[];
}

/** @returns undefined for a link that was deleted in between */
async function observeLink(
  link: ProjectLink,
  { ofLink, ofJob }: Concerned,
  opentrain: OpenTrainClient,
  signal: AbortSignal,
): Promise<ObservedLink | undefined> {
  // Others are provisioned by OpenTrain itself; and nobody can be hired for no job.
  if (link.provisioningMode !== 'PARTNER_WEBHOOK' || (link.jobId === null && ofLink.length === 0)) {
    return { link, active: [], isActiveFull: false, ended: new Map(), isEndedFull: false };
  }
  const active = await listContracts(link.id, 'active', opentrain, signal);
  if (active === undefined) return undefined;
  const running = new Set(active.map(({ id }) => id));
  const isMissing = [...ofLink, ...ofJob].some(({ contractId }) => !running.has(contractId));
  const ended = isMissing ? await listContracts(link.id, 'ended', opentrain, signal) : [];
  if (ended === undefined) return undefined;
  return {
    link,
    active,
    isActiveFull: active.length >= CONTRACTS_AT_MOST,
    ended: new Map(ended.map((contract) => [contract.id, contract])),
    isEndedFull: ended.length >= CONTRACTS_AT_MOST,
  };
}

/**
 * @returns undefined once OpenTrain has said in two ways that the link is gone
 * @throws {LinkUnclearError} when it says so in one way only
 */
async function listContracts(
  projectLinkId: LinkId,
  status: 'active' | 'ended',
  opentrain: OpenTrainClient,
  signal: AbortSignal,
): Promise<readonly Contract[] | undefined> {
  const query = { projectLinkId, status, limit: CONTRACTS_AT_MOST };
  const contracts = await unlessGone(opentrain.listContracts(query, signal));
  if (contracts !== undefined) return contracts;
  const link = await unlessGone(opentrain.getProjectLink(projectLinkId, signal));
  if (link === undefined) return undefined;
  throw new LinkUnclearError(
    `OpenTrain tells of the link ${projectLinkId}, but answers 404 when asked for its contracts. ` +
      'Nothing is changed for it; if that lasts, ask OpenTrain’s support.',
  );
}

async function findOver(
  connectionId: ConnectionId,
  links: readonly ObservedLink[],
  grants: ReadonlyMap<string, Grant>,
  store: Pick<Store, 'grants'>,
): Promise<Map<string, Grant>> {
  const unknown = links.flatMap(({ link, active }) =>
    active
      .map(({ id: contractId }) => ({ connectionId, contractId, linkId: link.id }))
      .filter((ref) => !grants.has(grantName(ref))),
  );
  const found = await store.grants.getAll(unknown);
  return new Map(found.filter(({ state }) => state === 'ended').map((grant) => [grantName(grant), grant]));
}

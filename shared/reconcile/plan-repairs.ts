import { isStanding } from '../budget/open-contracts.ts';
import type { ConnectionId, ContractId, LinkId } from '../ids.ts';
import { type Grant, type GrantRef, grantName } from '../store/grants.ts';
import type { Link } from '../store/links.ts';
import type { Seat } from '../store/seats.ts';
import type { Observation, ObservedLink, Told } from './observe.ts';
import type { LeftBehind } from './observe-seats.ts';
import type { Repair, Why } from './repairs.ts';

export interface Planned {
  readonly repairs: readonly Repair[];
  /** Grants of which nobody can tell: their link has more running contracts than OpenTrain tells of. */
  readonly untold: readonly Grant[];
  /** Grants that wait for their project to be linked anew, see `reconnectedAt`. */
  readonly unlinked: readonly Grant[];
  /**
   * Grants that have ended here, while OpenTrain lists their contracts as running: one of the two is wrong. Ended is final
   * (rule 3), so that a person must unlink the project and link it again.
   */
  readonly lockedOut: readonly Grant[];
}

export interface PlanOptions {
  /** Milliseconds since the epoch: when the run began. */
  readonly now: number;
  /** The seat that the grant's claim is in. */
  readonly seatWith: (grant: GrantRef) => Seat | undefined;
  /** Whether grants stay open when their link is removed. */
  readonly keepAfterUnlink: boolean;
  /**
   * Milliseconds since the epoch: when the customer has reconnected, if that was lately. A link belongs to an install, so that
   * the new one may have none yet: what was there before, and is gone without a word, is then not taken for removed, but
   * waits for its project to be linked anew.
   */
  readonly reconnectedAt: number | undefined;
}

/** What must be set right so that grants and seats say what OpenTrain says. It reads nothing and changes nothing. */
export function planRepairs(observation: Observation, told: Told, options: PlanOptions): Planned {
  const { knownLinks, grants } = observation;
  const { unreadable } = told;
  const planned = told.links.map((observed) => planLink(observed, told, observation, options));
  const listed = new Set(told.links.map(({ link }) => link.id));
  const linksOfGrants = [...grants.values()].map(({ linkId }) => linkId);
  const gone = [...new Set([...knownLinks.keys(), ...linksOfGrants])].filter(
    (id) => !listed.has(id) && !unreadable.has(id),
  );
  planned.push(...gone.map((id) => planGoneLink(id, told, observation, options)));
  return {
    repairs: planned.flatMap(({ repairs }) => repairs),
    untold: planned.flatMap(({ untold }) => untold),
    unlinked: planned.flatMap(({ unlinked }) => unlinked),
    lockedOut: planned.flatMap(({ lockedOut }) => lockedOut),
  };
}

/** Takes back those claims whose grants are over. */
export const planReleases = (leftBehind: readonly LeftBehind[]): Repair[] =>
  leftBehind.map(({ seat, grant }) => ({ kind: 'release', why: 'claim_left_behind', seat, grant }));

/** For connections that are over: what they grant is taken back until they are back. */
export const planSuspensions = ({ grants }: Observation): Repair[] =>
  [...grants.values()]
    .filter(({ state }) => state !== 'suspended')
    .map((grant) => ({ kind: 'suspend', why: 'disconnected', grant }));

/** For so long, OpenTrain's lists may be behind what its events have told. */
const LAG_MILLISECONDS = 10 * 60_000;

function planLink(
  { link, active, isActiveFull, ended }: ObservedLink,
  { over }: Told,
  { connectionId, knownLinks, grants }: Observation,
  { seatWith, now }: PlanOptions,
): Planned {
  if (link.provisioningMode !== 'PARTNER_WEBHOOK') return NOTHING;
  const known = knownLinks.get(link.id);
  const ofLink = [...grants.values()].filter(({ linkId }) => linkId === link.id);
  // OpenTrain deletes links for good, so that one that it lists was never removed: then nobody loses anything by the
  // gravestone, which is taken back. What else the link calls for is the next run's business, which knows of none.
  if (known?.removedAt !== undefined) {
    const isLately = known.removedAt > now - LAG_MILLISECONDS;
    return { ...NOTHING, repairs: isLately ? [] : [{ kind: 'restore-link', why: 'still_listed', link: known }] };
  }

  const admissions = active.flatMap((contract): Repair[] => {
    const name = grantName({ connectionId, contractId: contract.id, linkId: link.id });
    const grant = grants.get(name);
    const why = whyToAdmit(grant, seatWith);
    return why === undefined || over.has(name) ? [] : [{ kind: 'admit', why, link, contract, grant }];
  });
  const running = new Set<ContractId>(active.map(({ id }) => id));
  const missing = ofLink.filter(({ contractId }) => !running.has(contractId));
  const isUntold = ({ contractId }: Grant) => isActiveFull && !ended.has(contractId);
  const removals = missing
    .filter((grant) => !isUntold(grant))
    .flatMap((grant): Repair[] => {
      const contract = ended.get(grant.contractId);
      if (contract !== undefined) return [dismissal(grant, 'contract_ended', contract.endDate ?? undefined)];
      // Also where the list of those that have ended is full: that is no word about this one, and an end is final.
      return grant.state === 'suspended' ? [] : [{ kind: 'suspend', why: 'contract_untold', grant }];
    });
  const record = known === undefined ? [{ kind: 'record-link', link } as const] : [];
  const lockedOut = active
    .flatMap(({ id: contractId }) => over.get(grantName({ connectionId, contractId, linkId: link.id })) ?? [])
    .filter(({ endedAt = 0 }) => endedAt < now - LAG_MILLISECONDS);
  return { ...NOTHING, repairs: [...record, ...admissions, ...removals], untold: missing.filter(isUntold), lockedOut };
}

const NOTHING: Planned = { repairs: [], untold: [], unlinked: [], lockedOut: [] };

function whyToAdmit(grant: Grant | undefined, seatWith: PlanOptions['seatWith']): Why | undefined {
  if (grant === undefined) return 'contract_unheard_of';
  if (grant.state === 'parked') return 'was_parked';
  if (grant.state === 'suspended') return 'reconnected';
  return seatWith(grant) === undefined ? 'claim_lost' : undefined;
}

function planGoneLink(
  linkId: LinkId,
  told: Told,
  { connectionId, knownLinks, grants }: Observation,
  { seatWith, keepAfterUnlink, reconnectedAt = Number.NEGATIVE_INFINITY }: PlanOptions,
): Planned {
  const link = knownLinks.get(linkId);
  const ofLink = [...grants.values()].filter((grant) => grant.linkId === linkId);
  if (link?.removedAt === undefined && heardOf(link, ofLink) < reconnectedAt) {
    const successor = successorOf(link ?? ofLink[0], told);
    const isSettled = ({ contractId }: Grant) =>
      successor !== undefined && isPassedOn(contractId, successor, { connectionId, grants, seatWith });
    return {
      ...NOTHING,
      repairs: ofLink.filter(isSettled).map((grant) => dismissal(grant, 'link_removed')),
      unlinked: ofLink.filter((grant) => !isSettled(grant)),
    };
  }
  const remove = { kind: 'remove-link', linkId, projectId: link?.projectId ?? ofLink[0]?.projectId } as const;
  return {
    ...NOTHING,
    repairs: [
      ...(link?.removedAt === undefined ? [remove] : []),
      ...ofLink.flatMap((grant) => planUnlinked(grant, told, keepAfterUnlink)),
    ],
  };
}

/** When the connector first heard of the link, milliseconds since the epoch: by the link itself, or by a contract on it. */
const heardOf = (link: Link | undefined, ofLink: readonly Grant[]): number =>
  Math.min(
    link?.recordedAt ?? Number.POSITIVE_INFINITY,
    ...ofLink.map(({ openedAt, updatedAt }) => openedAt ?? updatedAt ?? 0),
  );

/** The link that the new install has for the same project and the same job. */
function successorOf(gone: Pick<Link, 'projectId' | 'jobId'> | undefined, { links }: Told): ObservedLink | undefined {
  return links.find(
    ({ link }) => link.externalProjectId === gone?.projectId && link.jobId !== null && link.jobId === gone.jobId,
  );
}

/** Whether the contract is over, or has its place by the new link already: then nobody loses it with the old one. */
function isPassedOn(
  contractId: ContractId,
  { link, active, isActiveFull }: ObservedLink,
  { connectionId, grants, seatWith }: PassingOn,
): boolean {
  if (!active.some(({ id }) => id === contractId)) return !isActiveFull;
  const grant = grants.get(grantName({ connectionId, contractId, linkId: link.id }));
  return grant !== undefined && isStanding(grant) && seatWith(grant) !== undefined;
}

interface PassingOn extends Pick<PlanOptions, 'seatWith'> {
  readonly connectionId: ConnectionId;
  readonly grants: ReadonlyMap<string, Grant>;
}

/**
 * Of a link that was removed, nobody is let in any more. Whoever is in may stay, if that is configured, until another link
 * of the job tells that their contract has ended.
 */
function planUnlinked(grant: Grant, { links }: Told, keepAfterUnlink: boolean): Repair[] {
  if (!keepAfterUnlink || !isStanding(grant)) return [dismissal(grant, 'link_removed')];
  const contract = links.map(({ ended }) => ended.get(grant.contractId)).find((one) => one !== undefined);
  return contract === undefined ? [] : [dismissal(grant, 'contract_ended', contract.endDate ?? undefined)];
}

const dismissal = (grant: Grant, why: Why, endDate?: string): Repair => ({ kind: 'dismiss', why, grant, endDate });

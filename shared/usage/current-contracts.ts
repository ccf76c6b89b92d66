import type { ConnectionId, ContractId, TrainerId } from '../ids.ts';
import { isInPart, type JobPart } from '../jobs/connection-job.ts';
import type { Grant, Grants } from '../store/grants.ts';
import { KEPT_DAYS } from '../store/usage.ts';
import { type Claim, claimOf, endOf, isCurrent } from './claims.ts';
import type { UsageWindow } from './usage-window.ts';
import { DAY_MILLISECONDS, midnightOf } from './work-days.ts';

/** A contract whose work may have changed since it was reported. */
export interface CurrentContract {
  readonly contractId: ContractId;
  /** Of all of its grants: a day's total is the sum over all of them. */
  readonly claims: readonly Claim[];
  /** A midnight, milliseconds since the epoch: from then on its days are looked at. */
  readonly since: number;
  /** When one of its grants last changed, milliseconds since the epoch. */
  readonly touchedAt: number;
  /** Whether somebody may work on it now. */
  readonly isOpen: boolean;
}

export interface FoundContracts {
  readonly contracts: readonly CurrentContract[];
  /** What contracts claim that are over, and that nobody else may have: those that ended in the last weeks. */
  readonly over: readonly Claim[];
}

export type CurrentContracts =
  | ({ readonly kind: 'contracts' } & FoundContracts)
  /** More than may be in memory at once. */
  | { readonly kind: 'too-many'; readonly count: number };

/** Which contracts are asked for. */
export interface ContractQuery extends UsageWindow {
  readonly part: JobPart | undefined;
  /** How many may be in memory. */
  readonly atMost: number;
}

/** The connection's contracts with a grant that is open or ended since the look-back. */
export async function findCurrentContracts(
  connection: ConnectionId,
  { since, until, part, atMost }: ContractQuery,
  grants: Pick<Grants, 'list'>,
): Promise<CurrentContracts> {
  const oldest = midnightOf(until) - KEPT_DAYS * DAY_MILLISECONDS;
  const contracts: CurrentContract[] = [];
  const over: Claim[] = [];
  let count = 0;
  for await (const [contractId, all] of byContract(grants.list(connection))) {
    const own = all.filter((grant) => claimOf(grant) !== undefined);
    const claims = claimsOf(all).filter(({ trainerId }) => part === undefined || isInPart(trainerId, part));
    const end = Math.max(...claims.map(({ to }) => to));
    if (!own.some((grant) => isCurrent(grant, since))) {
      if (end >= oldest) over.push(...claims);
      continue;
    }
    if (claims.length === 0) continue;
    count += 1;
    if (count > atMost) {
      contracts.length = 0;
      continue;
    }
    contracts.push({
      contractId,
      claims,
      // Of an end that was told late, all that was reported since is wrong. Farther back nothing is known.
      since: Math.min(since, Math.max(midnightOf(end), oldest)),
      touchedAt: Math.max(...own.map(({ updatedAt }) => updatedAt ?? 0)),
      isOpen: own.some(({ state }) => state !== 'ended'),
    });
  }
  return count > atMost ? { kind: 'too-many', count } : { kind: 'contracts', contracts: reachBack(contracts), over };
}

/** All grants of a contract come one after the other. */
async function* byContract(grants: AsyncIterable<Grant>): AsyncGenerator<readonly [ContractId, readonly Grant[]]> {
  let own: Grant[] = [];
  for await (const grant of grants) {
    const [first] = own;
    if (first !== undefined && first.contractId !== grant.contractId) {
      yield [first.contractId, own];
      own = [];
    }
    own.push(grant);
  }
  const [first] = own;
  if (first !== undefined) yield [first.contractId, own];
}

/** The contract's own end holds for all of its projects, also for one whose link was gone when the end was told. */
function claimsOf(grants: readonly Grant[]): Claim[] {
  const end = Math.min(...grants.map(({ endDate }) => endOf(endDate)));
  return grants.flatMap((grant) => {
    const claim = claimOf(grant);
    return claim === undefined ? [] : [{ ...claim, to: Math.min(claim.to, end) }];
  });
}

/** What a contract loses by an end that was told late may be another's, whose trainer was hired again meanwhile. */
function reachBack(contracts: readonly CurrentContract[]): CurrentContract[] {
  const reach = new Map<TrainerId, number>();
  for (const { claims, since } of contracts) {
    for (const { trainerId } of claims) reach.set(trainerId, Math.min(reach.get(trainerId) ?? since, since));
  }
  return contracts.map((contract) => ({
    ...contract,
    since: Math.min(contract.since, ...contract.claims.map(({ trainerId }) => reach.get(trainerId) ?? contract.since)),
  }));
}

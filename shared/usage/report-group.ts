import type { LimitFunction } from 'p-limit';
import { noteBudgetAnswer, refreshBudget } from '../budget/budgets.ts';
import type { ConnectionId, ContractId, TrainerId } from '../ids.ts';
import type { OpenTrainClient } from '../opentrain/client.ts';
import type { UsageRecord } from '../store/usage.ts';
import type { CurrentContract } from './current-contracts.ts';
import { type Decision, decideEntries } from './decide-entries.ts';
import type { ProjectGroup } from './project-groups.ts';
import { daysOf, type GroupWork } from './read-work.ts';
import type { UsageParts } from './report-connection.ts';
import { isHeld, type Reported, reportContract } from './report-contract.ts';
import type { NoticeShower } from './show-notices.ts';
import type { Tally } from './tally.ts';
import { workDateOf } from './work-days.ts';

/** How one contract fared. */
export interface ContractProgress {
  readonly contractId: ContractId;
  readonly trainerId: TrainerId | undefined;
  readonly decision: Decision;
  /** Undefined in a dry run. */
  readonly reported: Reported | undefined;
}

/** One run over one connection, as its groups see it. */
export interface UsageRun {
  readonly connectionId: ConnectionId;
  readonly runId: string;
  /** The end of the window, milliseconds since the epoch. */
  readonly until: number;
  /** Whether it has all contracts of the connection. */
  readonly isWhole: boolean;
  /** As they were before anything was read. */
  readonly records: ReadonlyMap<ContractId, UsageRecord | undefined>;
  readonly opentrain: OpenTrainClient;
  readonly tally: Tally;
  readonly showNotices: NoticeShower;
  /** So many contracts of the run are reported at once, of whatever group. */
  readonly senders: LimitFunction;
  readonly isDryRun: boolean;
  readonly onContract?: ((progress: ContractProgress) => void) | undefined;
}

export interface GroupReport {
  /** How many of its contracts could not be reported now. */
  readonly left: number;
  /** Contracts whose budget OpenTrain was asked for, and told. */
  readonly askedFor: number;
}

/** Reports a group's contracts, each on its own, and looks after the budgets and notices that this is news of. */
export async function reportGroup(
  group: ProjectGroup,
  work: GroupWork,
  run: UsageRun,
  parts: UsageParts,
  signal: AbortSignal,
): Promise<GroupReport> {
  const { senders, tally, isDryRun, showNotices } = run;
  const ends = await Promise.all(
    group.contracts.map((contract) => senders(() => report(contract, group, work, run, parts, signal))),
  );
  const left = ends.filter((end) => end === 'left').length;
  if (isDryRun) return { left, askedFor: 0 };
  const silent = group.contracts.filter(({ isOpen }, index) => isOpen && ends[index] !== 'funds told');
  const askedFor = tally.isOver() ? 0 : await refreshWarnings(silent, run, parts, signal);
  await showNotices(group.projects.values());
  return { left, askedFor };
}

/** What one contract's turn came to: reported or held, reported with word of its funds, or left to the next run. */
type End = 'settled' | 'funds told' | 'left';

async function report(
  contract: CurrentContract,
  group: ProjectGroup,
  work: GroupWork,
  { connectionId, runId, until, records, opentrain, tally, isDryRun, onContract }: UsageRun,
  parts: UsageParts,
  signal: AbortSignal,
): Promise<End> {
  const { contractId } = contract;
  const record = records.get(contractId);
  const days = daysOf(contract, group, work);
  if (record === undefined || days === undefined || tally.isOver() || signal.aborted) {
    tally.leave(signal);
    return 'left';
  }
  if (isHeld(record, contract.touchedAt, parts.clock.now())) {
    tally.hold();
    return 'settled';
  }
  // The window's end is not within it: the day that begins there was not looked at.
  const lookedAt = { firstDay: workDateOf(contract.since), lastDay: workDateOf(until - 1) };
  const decision = decideEntries(days, record, { ...lookedAt, now: parts.clock.now() });
  const progress = { contractId, trainerId: contract.claims[0]?.trainerId, decision };
  if (isDryRun) {
    onContract?.({ ...progress, reported: undefined });
    return 'settled';
  }
  try {
    const reported = await reportContract(
      { connectionId, contractId, runId },
      decision,
      record,
      {
        ...parts,
        opentrain,
        noteBudget: (id, answer, askedAt) => noteBudgetAnswer(connectionId, id, answer, askedAt, parts),
      },
      signal,
    );
    tally.note(reported);
    onContract?.({ ...progress, reported });
    if (reported.kind === 'busy') return 'left';
    return reported.kind === 'reported' && reported.isBudgetTold ? 'funds told' : 'settled';
  } catch (error) {
    tally.fail(error, signal, { contractId });
    return 'left';
  }
}

/**
 * Funding is told by an event, which may have been missed: so while nothing is reported of a contract that people are warned
 * of, OpenTrain is asked how it stands.
 *
 * @returns how many were asked for
 */
async function refreshWarnings(
  contracts: readonly CurrentContract[],
  { connectionId, opentrain, tally }: UsageRun,
  parts: UsageParts,
  signal: AbortSignal,
): Promise<number> {
  const ids = contracts.map(({ contractId }) => contractId);
  const budgets = await parts.store.budgets.getAll(connectionId, ids);
  let asked = 0;
  for (const [index, contractId] of ids.entries()) {
    const budget = budgets[index];
    if (budget === undefined || budget.state === 'OK') continue;
    if (tally.isOver() || signal.aborted) break;
    try {
      await refreshBudget(connectionId, contractId, opentrain, parts, signal);
      asked += 1;
    } catch (error) {
      tally.fail(error, signal, { contractId });
    }
  }
  return asked;
}

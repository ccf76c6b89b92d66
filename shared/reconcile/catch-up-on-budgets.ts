import { factsOfAnswer } from '../budget/budget-facts.ts';
import { noteBudgetAnswer } from '../budget/budgets.ts';
import { convergeNotice } from '../budget/converge-notice.ts';
import { isStanding } from '../budget/open-contracts.ts';
import { classify } from '../deliveries/classify.ts';
import type { WorkerParts } from '../events/event-context.ts';
import type { ConnectionId, ContractId } from '../ids.ts';
import type { OpenTrainClient } from '../opentrain/client.ts';
import { unlessGone } from '../opentrain/errors.ts';
import type { BudgetFacts, KnownBudget } from '../store/budgets.ts';
import type { Grant } from '../store/grants.ts';
import type { WorkspaceProject } from '../store/notices.ts';
import { noteFailure, type Repaired } from './make-repairs.ts';

export interface BudgetsToAskFor {
  readonly connectionId: ConnectionId;
  readonly grants: readonly Grant[];
  /** Milliseconds since the epoch: what is known from before may have been overtaken by events that never came. */
  readonly since: number;
}

/**
 * Of contracts whose budget was never told, or not lately enough: milestone events are not replayed. Of one that is warned
 * of, each run asks, since only an event tells of a top-up; that another one runs out is told by the answers to our own
 * reports, too.
 */
export async function catchUpOnBudgets(
  { connectionId, grants, since }: BudgetsToAskFor,
  repaired: Repaired,
  { parts, opentrain, signal }: { parts: WorkerParts; opentrain: OpenTrainClient; signal: AbortSignal },
): Promise<void> {
  const standing = grants.filter(isStanding);
  const contracts = [...new Set<ContractId>(standing.map(({ contractId }) => contractId))];
  const known = await parts.store.budgets.getAll(connectionId, contracts);
  const news = new Set<ContractId>();
  for (const [index, contractId] of contracts.entries()) {
    const budget = known[index];
    const isKnown = budget !== undefined && budget.asOf >= since;
    if (isKnown && budget.state === 'OK') continue;
    if (signal.aborted) return noteFailure(repaired, { kind: 'out-of-time' });
    if (repaired.failure?.kind === 'busy') break;
    const askedAt = parts.clock.now();
    try {
      const answer = await unlessGone(opentrain.getContractBudget(contractId, signal));
      // OpenTrain does not know the contract any more.
      if (answer === undefined) continue;
      // While nothing has changed, there is nothing to write.
      if (isKnown && isSame(budget, factsOfAnswer(answer))) continue;
      await noteBudgetAnswer(connectionId, contractId, answer, askedAt, parts);
      news.add(contractId);
    } catch (error) {
      fail(error, { contractId });
    }
  }

  // Once each, and not once a contract: see `convergeNotice`.
  const projects = new Map<string, WorkspaceProject>();
  for (const { contractId, workspaceId, projectId } of standing) {
    if (!news.has(contractId) || workspaceId === undefined || projectId === undefined) continue;
    projects.set(JSON.stringify([workspaceId, projectId]), { workspaceId, projectId });
  }
  for (const project of projects.values()) {
    try {
      await convergeNotice(project, parts, signal, { anew: false });
    } catch (error) {
      fail(error, project);
    }
  }

  function fail(error: unknown, about: { contractId: ContractId } | WorkspaceProject): void {
    const meaning = classify(error, signal);
    noteFailure(repaired, meaning);
    parts.logger.warn({ event: 'reconcile.budget-failed', connectionId, ...about, reason: meaning.kind, error });
  }
}

/** A contract keeps the payment type that was told once. */
function isSame(known: KnownBudget, { paymentType = known.paymentType, ...facts }: BudgetFacts): boolean {
  const names = Object.keys(facts) as (keyof typeof facts)[];
  return paymentType === known.paymentType && names.every((name) => facts[name] === known[name]);
}

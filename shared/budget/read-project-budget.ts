import type { ConnectionId, ProjectId } from '../ids.ts';
import type { BudgetCopy } from '../store/budgets.ts';
import type { Store } from '../store/store.ts';
import { worstFirst, worstOf } from './budget-state.ts';
import { noticeOf, unitOf } from './notice-text.ts';
import { openContracts } from './open-contracts.ts';
import type { ContractBudget, ProjectBudget } from './project-budget.ts';

/**
 * How the funds of one connection's contracts in a project stand, as far as the table knows.
 *
 * @returns undefined for a connection that was never made; a project of which nothing is known is OK
 */
export async function readProjectBudget(
  connectionId: ConnectionId,
  projectId: ProjectId,
  { connections, budgets, grants }: Pick<Store, 'connections' | 'budgets' | 'grants'>,
): Promise<ProjectBudget | undefined> {
  const connection = await connections.find(connectionId);
  if (connection === undefined) return undefined;
  const { workspaceId } = connection;
  const copies = [];
  for await (const copy of budgets.listCopies({ workspaceId, projectId }, connectionId)) copies.push(copy);
  const contracts = (await openContracts(copies, grants)).toSorted(worstFirst);
  const notice = noticeOf(contracts);
  return {
    connectionId,
    projectId,
    state: worstOf(contracts.map(({ state }) => state)),
    text: notice?.text ?? null,
    url: notice?.url ?? null,
    contracts: contracts.map(contractBudgetOf),
    updatedAt: contracts.length === 0 ? null : new Date(Math.max(...contracts.map(({ asOf }) => asOf))).toISOString(),
  };
}

function contractBudgetOf(copy: BudgetCopy): ContractBudget {
  return {
    contractId: copy.contractId,
    title: copy.title ?? null,
    state: copy.state,
    paymentType: copy.paymentType ?? null,
    consumedFraction: copy.consumedFraction ?? null,
    fundedVolume: copy.fundedVolume ?? null,
    consumedVolume: copy.consumedVolume ?? null,
    remainingVolume: copy.remainingVolume ?? null,
    unit: unitOf(copy),
  };
}

import type { BudgetCopy, BudgetRef } from '../store/budgets.ts';
import type { Grant, Grants } from '../store/grants.ts';

/** Whether the contract still has its place in the project, be it that a person must first put its trainer in. */
export function isStanding({ state, reason }: Grant): boolean {
  return state === 'open' || (state === 'parked' && reason === 'action_required');
}

/** Those of a project's copies whose contract is not over there. A hundred grants cost one request. */
export async function openContracts(
  copies: readonly BudgetCopy[],
  grants: Pick<Grants, 'getAll'>,
): Promise<readonly BudgetCopy[]> {
  const nameOf = ({ connectionId, contractId }: BudgetRef) => `${connectionId}/${contractId}`;
  const refs = copies.flatMap(({ connectionId, contractId, links }) =>
    links.map((linkId) => ({ connectionId, contractId, linkId })),
  );
  const open = new Set((await grants.getAll(refs)).filter(isStanding).map(nameOf));
  return copies.filter((copy) => open.has(nameOf(copy)));
}

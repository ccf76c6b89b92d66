import { noteMilestone } from '../budget/budgets.ts';
import type { ConnectionId, ContractId } from '../ids.ts';
import { budgetContractOf } from '../opentrain/events.ts';
import { done, type EventContext, parked, type Verdict, type WorkerParts } from './event-context.ts';

/** A milestone was funded or its funds run out: the latest word is kept, and the contract's projects show it. */
export async function onMilestone({ event, parts, situation, signal }: EventContext): Promise<Verdict> {
  const { id } = situation.connection;
  const contract = budgetContractOf(event) ?? (await knownContract(event.resourceId, id, parts));
  if (contract === undefined) return parked('no_contract');
  // Not the context's own client: a refusal is tolerated here, and must not pass for proof that the token is good.
  const opentrain = () => parts.opentrain(id);
  const kind = await noteMilestone(id, contract, event, opentrain, parts, signal);
  return done(kind === 'recorded' ? 'recorded' : 'older_than_known');
}

/** The resource of an event that says nothing of a milestone may be one: it is the contract only if one of that id is known. */
async function knownContract(
  resourceId: string | undefined,
  connection: ConnectionId,
  { store }: WorkerParts,
): Promise<ContractId | undefined> {
  if (resourceId === undefined) return undefined;
  for await (const { contractId } of store.grants.list(connection, resourceId as ContractId)) return contractId;
  return undefined;
}

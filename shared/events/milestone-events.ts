import { noteMilestone } from '../budget/budgets.ts';
import { budgetContractOf } from '../opentrain/events.ts';
import { done, type EventContext, parked, type Verdict } from './event-context.ts';

/** A milestone was funded or its funds run out: the latest word is kept, and the contract's projects show it. */
export async function onMilestone({ event, parts, situation, signal }: EventContext): Promise<Verdict> {
  const contract = budgetContractOf(event);
  if (contract === undefined) return parked('no_contract');
  const { id } = situation.connection;
  // Not the context's own client: a refusal is tolerated here, and must not pass for proof that the token is good.
  const opentrain = () => parts.opentrain(id);
  const kind = await noteMilestone(id, contract, event, opentrain, parts, signal);
  return done(kind === 'recorded' ? 'recorded' : 'older_than_known');
}

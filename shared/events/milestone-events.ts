import { budgetContractOf } from '../opentrain/events.ts';
import { done, type EventContext, parked, type Verdict } from './event-context.ts';

/** A milestone was funded or its funds run out: the latest word, by event id, is kept. */
export async function onMilestone({ event, parts, situation }: EventContext): Promise<Verdict> {
  const contract = budgetContractOf(event);
  if (contract === undefined) return parked('no_contract');
  const { budget, milestone } = event.data;
  const news = {
    eventId: event.id,
    eventType: event.type,
    state: budget?.state,
    consumedFraction: budget?.consumedFraction,
    milestoneId: milestone?.id,
  };
  const latest = await parts.store.budgets.record(situation.connection.id, contract, news, parts.clock.now());
  return done(latest ? 'recorded' : 'older_than_known');
}

import { dismiss } from '../access/access.ts';
import { CONTRACTS_AT_MOST } from '../opentrain/client.ts';
import { linkOf } from '../opentrain/events.ts';
import { admitTo, askForLink } from './contract-events.ts';
import { done, type EventContext, parked, type Verdict, worstOf } from './event-context.ts';

/** A project was linked to a job: the mapping is recorded, and contracts that began earlier are let in. */
export async function onLinkCreated(context: EventContext): Promise<Verdict> {
  const { event, opentrain, parts, signal, situation } = context;
  const connectionId = situation.connection.id;
  const told = linkOf(event);
  if (told === undefined) return parked('no_link');
  // Rule 5: who provisions is never guessed.
  const complete = told.projectId !== undefined && told.provisioningMode !== undefined;
  const [link] = complete ? [told] : await askForLink(told.id, context);
  if (link === undefined) return done('link_gone');
  const recorded = await parts.store.links.record(connectionId, link, parts.clock.now());
  if (!recorded) return done('link_gone');
  if (link.provisioningMode === 'MANAGED_ADAPTER') return done('managed_by_opentrain');

  const query = { projectLinkId: link.id, status: 'active', limit: CONTRACTS_AT_MOST } as const;
  const contracts = await opentrain().listContracts(query, signal);
  if (contracts.length === CONTRACTS_AT_MOST) {
    parts.logger.warn({ event: 'contracts.list-full', connectionId, linkId: link.id, count: contracts.length });
  }
  return forEachInTurn(contracts, async (listed) => {
    const contractId = listed.id;
    const contract = {
      id: contractId,
      status: listed.status,
      jobId: listed.jobId,
      title: listed.title ?? undefined,
      startDate: listed.startDate ?? undefined,
      endDate: listed.endDate ?? undefined,
    };
    const grant = await parts.store.grants.get({ connectionId, contractId, linkId: link.id });
    const trainer = {
      opentrainUserId: grant?.trainerId,
      displayName: grant?.displayName,
      workEmail: grant?.workEmail,
    };
    return admitTo(link, contract, contractId, trainer, { ...context, situation: { ...situation, grant } });
  });
}

/** A link was deleted for good: no contract.ended will ever come for its grants, so they end here. */
export async function onLinkRemoved(context: EventContext): Promise<Verdict> {
  const { event, parts, signal, situation } = context;
  const { connection } = situation;
  const link = linkOf(event);
  if (link === undefined) return parked('no_link');
  // Marked first, looked for afterwards: see `admit`.
  await parts.store.links.remove(connection.id, link.id, parts.clock.now());
  const grants = [];
  for await (const grant of parts.store.grants.list(connection.id)) if (grant.linkId === link.id) grants.push(grant);
  return forEachInTurn(grants, async (grant) => {
    await dismiss(grant, { workspaceId: connection.workspaceId, lastEventId: event.id }, parts, signal);
    return done('offboarded');
  });
}

/** One contract's trouble does not keep the others waiting; the delivery as a whole is tried again for it. */
async function forEachInTurn<One>(all: readonly One[], act: (one: One) => Promise<Verdict>): Promise<Verdict> {
  const verdicts: Verdict[] = [];
  const failures: unknown[] = [];
  for (const one of all) {
    try {
      verdicts.push(await act(one));
    } catch (error) {
      failures.push(error);
    }
  }
  if (failures.length > 0) throw failures[0];
  return worstOf(verdicts, done('nobody_concerned'));
}

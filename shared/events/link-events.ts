import { dismiss, isSettled } from '../access/access.ts';
import { convergeNotice } from '../budget/converge-notice.ts';
import type { LinkId } from '../ids.ts';
import { CONTRACTS_AT_MOST } from '../opentrain/client.ts';
import { unlessGone } from '../opentrain/errors.ts';
import { linkOf } from '../opentrain/events.ts';
import type { Grant } from '../store/grants.ts';
import type { WorkspaceProject } from '../store/notices.ts';
import { admitTo, askForLink } from './contract-events.ts';
import { done, type EventContext, parked, type Verdict, worstOf } from './event-context.ts';
import { forEachInTurn } from './for-each-in-turn.ts';

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
  if (!recorded) {
    // An earlier attempt at this very delivery may have opened a grant after the removal had looked for them.
    if (!parts.keepAfterUnlink) await endGrantsOf(link.id, context);
    return done('link_gone');
  }
  if (link.provisioningMode === 'MANAGED_ADAPTER') return done('managed_by_opentrain');

  const query = { projectLinkId: link.id, status: 'active', limit: CONTRACTS_AT_MOST } as const;
  const contracts = await unlessGone(opentrain().listContracts(query, signal));
  // Deleted meanwhile: its removal is on the way and ends what there is.
  if (contracts === undefined) return done('link_gone');
  if (contracts.length === CONTRACTS_AT_MOST) {
    parts.logger.warn({ event: 'contracts.list-full', connectionId, linkId: link.id, count: contracts.length });
  }
  const verdicts = await forEachInTurn(contracts, signal, async (listed) => {
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
    if (grant?.state === 'open' && (await isSettled(grant, parts))) return done('provisioned');
    const trainer = {
      opentrainUserId: grant?.trainerId,
      displayName: grant?.displayName,
      workEmail: grant?.workEmail,
    };
    return admitTo(link, contract, contractId, trainer, { ...context, situation: { ...situation, grant } });
  });
  return worstOf(verdicts, done('nobody_concerned'));
}

/** A link was deleted for good: no contract.ended will ever come for its grants, so they end here. */
export async function onLinkRemoved(context: EventContext): Promise<Verdict> {
  const { event, parts, situation } = context;
  const link = linkOf(event);
  if (link === undefined) return parked('no_link');
  // Marked first, looked for afterwards: see `admit`.
  await parts.store.links.remove(situation.connection.id, link.id, parts.clock.now());
  if (parts.keepAfterUnlink) return done('access_kept');
  return endGrantsOf(link.id, context);
}

async function endGrantsOf(linkId: LinkId, { event, parts, signal, situation }: EventContext): Promise<Verdict> {
  const { connection } = situation;
  const open: Grant[] = [];
  const ended: Grant[] = [];
  for await (const grant of parts.store.grants.list(connection.id)) {
    if (grant.linkId === linkId) (grant.state === 'ended' ? ended : open).push(grant);
  }
  /** Projects that may show a warning of a contract that is over: looked after once, however many contracts they had. */
  const warned = new Map<string, WorkspaceProject>();
  const note = async ({ workspaceId, projectId }: WorkspaceProject) => {
    warned.set(JSON.stringify([workspaceId, projectId]), { workspaceId, projectId });
  };
  try {
    // Those that an earlier attempt has ended come last, so that a long list gets on with every attempt.
    const verdicts = await forEachInTurn([...open, ...ended], signal, async (grant) => {
      const { workspaceId = connection.workspaceId, projectId } = grant;
      // An earlier attempt may have crashed before it came to the notice.
      if (grant.warned && projectId !== undefined) await note({ workspaceId, projectId });
      if (grant.state === 'ended' && (await isSettled(grant, parts))) return done('offboarded');
      const details = { workspaceId: connection.workspaceId, lastEventId: event.id };
      await dismiss(grant, details, parts, signal, note);
      return done('offboarded');
    });
    return worstOf(verdicts, done('nobody_concerned'));
  } finally {
    for (const project of warned.values()) await convergeNotice(project, parts, signal, { anew: true });
  }
}

import { admit, dismiss, type PlacedDetails } from '../access/access.ts';
import { findTrainer } from '../access/find-trainer.ts';
import { isStanding } from '../budget/open-contracts.ts';
import type { ContractId, JobId, LinkId } from '../ids.ts';
import { CONTRACTS_AT_MOST } from '../opentrain/client.ts';
import { unlessGone } from '../opentrain/errors.ts';
import {
  type ContractFacts,
  contractOf,
  type LinkFacts,
  linkOf,
  type OpenTrainEvent,
  type TrainerFacts,
  trainerOf,
} from '../opentrain/events.ts';
import type { ProjectLink } from '../opentrain/relied-on.ts';
import type { Grant } from '../store/grants.ts';
import { done, type EventContext, parked, type Verdict, worstOf } from './event-context.ts';
import { forEachInTurn } from './for-each-in-turn.ts';

/** A hire on a linked job: the trainer belongs into the linked project. */
export async function onContractStarted(context: EventContext): Promise<Verdict> {
  const contract = contractOf(context.event);
  if (contract.id === undefined) return parked('no_contract');
  if (contract.status === 'ended') return onContractEnded(context);
  const { id } = contract;
  const links = await linksOf(contract, context);
  const trainer = trainerOf(context.event);
  const verdicts = await forEachInTurn(links, context.signal, (link) => admitTo(link, contract, id, trainer, context));
  return worstOf(verdicts, done('no_link'));
}

/** The contract ended: this claim is over for good. */
export async function onContractEnded(context: EventContext): Promise<Verdict> {
  const contract = contractOf(context.event);
  if (contract.id === undefined) return parked('no_contract');
  const { id } = contract;
  const { connection, link: known } = context.situation;
  const told = linkOf(context.event);
  const links =
    told === undefined
      ? everyLinkOf(contract, id, context)
      : [{ ...told, projectId: told.projectId ?? known?.projectId }];

  const trainer = trainerOf(context.event);
  const verdicts = await forEachInTurn(links, context.signal, async (link) => {
    const mode = link.provisioningMode ?? known?.provisioningMode;
    if (mode === 'MANAGED_ADAPTER' && context.situation.grant === undefined) return done('managed_by_opentrain');
    const ref = { connectionId: connection.id, contractId: id, linkId: link.id };
    const details = { ...detailsOf(contract, link, context), trainerId: trainer.opentrainUserId };
    const dismissal = await dismiss(ref, details, context.parts, context.signal);
    return done(dismissal.kind === 'dismissed' ? 'offboarded' : 'ended_before_started');
  });
  return worstOf(verdicts, done('no_link'));
}

/**
 * Whether an end names its trainer, and a project whose people are ours to take out: then nothing of what `onContractEnded`
 * does depends on what the table knows of the link and the grant, and neither is read.
 */
export function isCompleteEnd(event: OpenTrainEvent): boolean {
  if (event.type !== 'contract.ended') return false;
  const link = linkOf(event);
  const isOurs = link?.provisioningMode === 'PARTNER_WEBHOOK' && link.projectId !== undefined;
  return isOurs && trainerOf(event).opentrainUserId !== undefined;
}

/**
 * Where an end that names no link must be remembered: at the grants that are there, first and without asking anybody; then
 * at the job's other links, so that a beginning that comes late grants nothing on any of them.
 */
async function* everyLinkOf(
  contract: ContractFacts,
  contractId: ContractId,
  context: EventContext,
): AsyncGenerator<LinkFacts> {
  const known = new Set<LinkId>();
  for await (const { linkId, projectId } of context.parts.store.grants.list(
    context.situation.connection.id,
    contractId,
  )) {
    known.add(linkId);
    yield { id: linkId, projectId, jobId: undefined, provisioningMode: undefined };
  }
  for (const link of await linksOf(contract, context)) if (!known.has(link.id)) yield link;
}

/** What letting somebody in needs to know; without an event where reconciliation does it. */
export type AdmissionContext = Omit<EventContext, 'event'> & { readonly event?: Pick<OpenTrainEvent, 'id'> };

/**
 * Lets one contract's trainer into one link's project, as far as that is ours to do.
 *
 * @param told - what is known of the trainer so far; the rest is asked for
 */
export async function admitTo(
  link: LinkFacts,
  contract: ContractFacts,
  contractId: ContractId,
  told: TrainerFacts,
  context: AdmissionContext,
): Promise<Verdict> {
  const { parts, signal, situation } = context;
  const connectionId = situation.connection.id;
  const ref = { connectionId, contractId, linkId: link.id };
  const grant = situation.grant?.linkId === link.id ? situation.grant : undefined;
  if (link.provisioningMode === 'MANAGED_ADAPTER') return done('managed_by_opentrain');
  const details = detailsOf(contract, link, context);
  const isUnlinked = situation.link?.removedAt !== undefined;
  // Nobody new is let in, but whoever may stay is not put out by an old event.
  if (isUnlinked && parts.keepAfterUnlink && grant !== undefined && isStanding(grant)) return done('access_kept');
  const over = grant?.state === 'ended' || isUnlinked;
  if (over) {
    // Run through the end once more: an earlier attempt at this very delivery may have crashed half-way in.
    await dismiss(ref, { ...details, trainerId: told.opentrainUserId }, parts, signal);
    return done('already_over');
  }
  if (link.provisioningMode !== 'PARTNER_WEBHOOK') return parked('provisioning_mode_unknown');
  if (link.projectId === undefined) return parked('project_unknown');

  const remembered = { ...told, workEmail: told.workEmail ?? grant?.workEmail };
  const found = await findTrainer(remembered, contractId, context.opentrain, signal);
  if (found.kind !== 'found') {
    const known =
      found.kind === 'waiting_for_consent' ? { trainerId: found.trainerId, displayName: found.displayName } : {};
    const state = await parts.store.grants.park(
      ref,
      { ...details, ...known },
      { reason: found.kind },
      parts.clock.now(),
    );
    return state === 'parked' ? parked(found.kind) : done(state === 'open' ? 'provisioned' : 'already_over');
  }
  if (isAnother(grant, found.trainer)) return parked('trainer_changed');
  const admission = await admit(ref, found.trainer, { ...details, projectId: link.projectId }, parts, signal);
  if (admission.kind === 'parked') return parked(admission.reason);
  return done(admission.kind === 'admitted' ? 'provisioned' : 'already_over');
}

/** A contract has one trainer for good; a payload that names another would leave the first one's claim behind. */
function isAnother(grant: Grant | undefined, { opentrainUserId }: { opentrainUserId: string }): boolean {
  return grant?.trainerId !== undefined && grant.trainerId !== opentrainUserId;
}

/** The links that the event is about: the one it carries, or else those of the contract's job (rule 6). */
async function linksOf(contract: ContractFacts, context: EventContext): Promise<LinkFacts[]> {
  const { event, opentrain, signal, situation } = context;
  const told = linkOf(event);
  if (told !== undefined) {
    const { link: known } = situation;
    const projectId = told.projectId ?? known?.projectId;
    // Rule 5: who provisions is never guessed.
    const provisioningMode = told.provisioningMode ?? known?.provisioningMode;
    const complete = projectId !== undefined && provisioningMode !== undefined;
    const link = { ...told, projectId, provisioningMode };
    return complete || known?.removedAt !== undefined ? [link] : askForLink(told.id, context);
  }
  const projectLinks = await opentrain().listProjectLinks(signal);
  const jobId = contract.jobId ?? (await jobOf(contract, context));
  return projectLinks.filter((link) => jobId !== undefined && link.jobId === jobId).map(toLinkFacts);
}

/** @returns none when the link was deleted meanwhile */
export async function askForLink(id: LinkId, { opentrain, signal }: EventContext): Promise<LinkFacts[]> {
  const link = await unlessGone(opentrain().getProjectLink(id, signal));
  return link === undefined ? [] : [toLinkFacts(link)];
}

/** There is no call for a single contract; the newest 200 hold the one that just began or ended. */
async function jobOf({ id }: ContractFacts, { opentrain, signal }: EventContext): Promise<JobId | undefined> {
  const contracts = await opentrain().listContracts({ limit: CONTRACTS_AT_MOST }, signal);
  return contracts.find((contract) => contract.id === id)?.jobId;
}

export function toLinkFacts({ id, jobId, externalProjectId, provisioningMode }: ProjectLink): LinkFacts {
  return { id, jobId: jobId ?? undefined, projectId: externalProjectId, provisioningMode };
}

function detailsOf(contract: ContractFacts, link: LinkFacts, { event, situation }: AdmissionContext): PlacedDetails {
  const { title, startDate, endDate } = contract;
  return {
    workspaceId: situation.connection.workspaceId,
    projectId: link.projectId,
    jobId: contract.jobId ?? link.jobId,
    title,
    startDate,
    endDate,
    lastEventId: event?.id,
  };
}

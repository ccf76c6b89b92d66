import { type AccessParts, dismiss, seatOf, suspend } from '../access/access.ts';
import { converge } from '../access/converge.ts';
import { findTrainer } from '../access/find-trainer.ts';
import { convergeNotice } from '../budget/converge-notice.ts';
import { isStanding } from '../budget/open-contracts.ts';
import { admitTo, toLinkFacts } from '../events/contract-events.ts';
import type { Verdict, WorkerParts } from '../events/event-context.ts';
import type { LinkId } from '../ids.ts';
import type { OpenTrainClient } from '../opentrain/client.ts';
import type { Connection } from '../store/connections.ts';
import type { Grant, GrantRef } from '../store/grants.ts';
import type { Link } from '../store/links.ts';
import type { Seat, SeatRef } from '../store/seats.ts';
import { NeedsPersonError } from '../workspace/errors.ts';
import { claimsOf } from './observe-seats.ts';
import type { Admission, Repair } from './repairs.ts';

export interface RepairContext {
  readonly runId: string;
  readonly connection: Connection;
  readonly parts: WorkerParts;
  readonly opentrain: OpenTrainClient;
  /** The table's, as they were before the run. */
  readonly knownLinks: ReadonlyMap<LinkId, Link>;
  /** The seat that a grant's claim is in. */
  readonly seatWith: (grant: GrantRef) => Seat | undefined;
  readonly signal: AbortSignal;
}

/** What a repair came to: made so, or parked for a person with the reason. */
export async function applyRepair(repair: Repair, context: RepairContext): Promise<Verdict> {
  const { connection, parts, signal } = context;
  const now = parts.clock.now();
  const done = (note: string): Verdict => ({ kind: 'done', note });
  switch (repair.kind) {
    case 'record-link': {
      await parts.store.links.record(connection.id, toLinkFacts(repair.link), now);
      return done('recorded');
    }
    case 'remove-link': {
      await parts.store.links.remove(connection.id, repair.linkId, now);
      return done('removed');
    }
    case 'restore-link': {
      await parts.store.links.restore(connection.id, repair.link, now);
      return done('restored');
    }
    case 'admit':
      return admit(repair, context);
    case 'dismiss':
      return done(await endGrant(repair.grant, repair.endDate, context));
    case 'suspend':
      if (context.seatWith(repair.grant) !== undefined) await suspend(repair.grant, parts, signal);
      else await parts.store.grants.suspend(repair.grant, now);
      return done('suspended');
    case 'release':
      await release(repair.seat, repair.grant, parts, signal);
      return done('released');
    case 'let-in':
      return letIn(repair.seat, context);
    case 'take-out':
    case 'settle':
      await settle(repair.seat, parts, signal);
      return done('settled');
  }
}

async function admit({ link, contract, grant }: Admission, context: RepairContext): Promise<Verdict> {
  const { connection, parts, opentrain, knownLinks, signal } = context;
  let told = { opentrainUserId: grant?.trainerId, displayName: grant?.displayName, workEmail: grant?.workEmail };
  // Looked at before anything is written: while nothing has changed, there is nothing to write.
  if (grant?.state === 'parked') {
    if (grant.reason === 'action_required') await settleSeatOf(grant, parts, signal);
    else {
      const found = await findTrainer(told, contract.id, () => opentrain, signal);
      if (found.kind === grant.reason) return { kind: 'parked', reason: found.kind };
      if (found.kind === 'found') told = found.trainer;
    }
  }
  const facts = {
    id: contract.id,
    status: contract.status,
    jobId: contract.jobId,
    title: contract.title ?? undefined,
    startDate: contract.startDate ?? undefined,
    endDate: contract.endDate ?? undefined,
  };
  const situation = { connection, delivery: undefined, link: knownLinks.get(link.id), grant };
  return admitTo(toLinkFacts(link), facts, contract.id, told, {
    situation,
    parts,
    opentrain: () => opentrain,
    signal,
  });
}

/**
 * Without a claim there is nobody to take out. Somebody who is in all the same is drift, of which the brake must know:
 * whoever counts claims has not counted them.
 */
async function endGrant(grant: Grant, endDate: string | undefined, context: RepairContext): Promise<string> {
  const { connection, parts, seatWith, signal } = context;
  const details = { workspaceId: connection.workspaceId, endDate };
  if (seatWith(grant) !== undefined) return (await dismiss(grant, details, parts, signal)).kind;
  const { workspaceId, projectId, warned = false } = await parts.store.grants.end(grant, details, parts.clock.now());
  if (warned && workspaceId !== undefined && projectId !== undefined) {
    await convergeNotice({ workspaceId, projectId }, parts, signal, { anew: true });
  }
  return 'ended';
}

/** Where only a person can let somebody in again, the connection's own claims wait for that, as they do for a newcomer. */
async function letIn(seat: Seat, { connection, parts, signal }: RepairContext): Promise<Verdict> {
  try {
    await settle(seat, parts, signal);
    return { kind: 'done', note: 'settled' };
  } catch (error) {
    if (!(error instanceof NeedsPersonError)) throw error;
    const why = { reason: 'action_required', steps: error.steps } as const;
    for (const grant of claimsOf(connection.id, seat)) {
      await parts.store.grants.park(grant, {}, why, parts.clock.now());
    }
    return { kind: 'parked', reason: 'action_required' };
  }
}

/** @throws {NeedsPersonError} while the person has not helped */
async function settleSeatOf(
  { workspaceId, projectId, trainerId }: Grant,
  parts: AccessParts,
  signal: AbortSignal,
): Promise<void> {
  if (workspaceId === undefined || projectId === undefined || trainerId === undefined) return;
  await settle(seatOf(await parts.placeOf(workspaceId), projectId, trainerId), parts, signal);
}

/** Takes a claim out of its seat, and puts it back if its grant was opened again meanwhile: see `admit` of access.ts. */
async function release(seat: Seat, grant: GrantRef, parts: AccessParts, signal: AbortSignal): Promise<void> {
  const { store, clock } = parts;
  await store.seats.release(seat, grant, clock.now());
  const standing = await store.standing(grant);
  if (standing.grant !== undefined && isStanding(standing.grant)) {
    await store.seats.claim(seat, grant, seat.trainer, clock.now());
  }
  await settle(seat, parts, signal);
}

/** As it is now, and not as it was when it was looked at: others may have settled it meanwhile. */
async function settle(ref: SeatRef, parts: AccessParts, signal: AbortSignal): Promise<void> {
  const { workspace } = await parts.placeOf(ref.workspaceId);
  const seat = await parts.store.seats.get(ref);
  if (seat !== undefined) await converge(seat, { workspace, seats: parts.store.seats, clock: parts.clock }, signal);
}

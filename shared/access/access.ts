import { convergeNotice, type NoticeParts } from '../budget/converge-notice.ts';
import type { ProjectId, TrainerId, WorkspaceId } from '../ids.ts';
import { type Grant, type GrantDetails, type GrantRef, grantName, type ParkedReason } from '../store/grants.ts';
import type { WorkspaceProject } from '../store/notices.ts';
import type { SeatRef } from '../store/seats.ts';
import type { Store } from '../store/store.ts';
import { NeedsPersonError } from '../workspace/errors.ts';
import type { Trainer, Workspace } from '../workspace/port.ts';
import { converge } from './converge.ts';

/** A workspace, ready to be called. */
export interface Place {
  readonly workspaceId: WorkspaceId;
  readonly workspace: Workspace;
}

export interface AccessParts extends NoticeParts {
  readonly store: Pick<Store, 'seats' | 'standing'> & NoticeParts['store'];
}

/** Where the claim is to be. */
export type PlacedDetails = GrantDetails & { readonly workspaceId: WorkspaceId };

export type Admission =
  | { readonly kind: 'admitted' }
  /** The contract has ended or the link was removed: nothing is granted, and nothing was left behind. */
  | { readonly kind: 'over' }
  | { readonly kind: 'parked'; readonly reason: ParkedReason };

/**
 * Opens a contract's claim and sees to it that the trainer is in.
 *
 * Three steps, each of which whoever comes next can see: the grant is opened, with its trainer and project, so that an end
 * or a removal finds the claim wherever this worker crashes; the seat is claimed; then grant and link are looked at once
 * more. Whoever ended the grant before the claim released nothing, but is seen by that look; whoever ends it afterwards
 * finds the claim. A removal marks the link before it looks for grants, so one of the two always sees the other.
 */
export async function admit(
  ref: GrantRef,
  trainer: Trainer,
  details: PlacedDetails & { readonly projectId: ProjectId },
  parts: AccessParts,
  signal: AbortSignal,
): Promise<Admission> {
  const { grants, seats } = parts.store;
  const now = parts.clock.now();
  const place = await parts.placeOf(details.workspaceId);
  const seatRef = seatOf(place, details.projectId, trainer.opentrainUserId);
  const { opentrainUserId: trainerId, displayName, workEmail } = trainer;
  const claim = { ...details, trainerId, displayName, workEmail };

  if (!(await grants.open(ref, claim, now))) {
    await dismiss(ref, claim, parts, signal);
    return { kind: 'over' };
  }
  const seat = await seats.claim(seatRef, ref, trainer, now);
  const { grant, link } = await parts.store.standing(ref);
  if (grant?.state === 'ended' || link?.removedAt !== undefined) {
    await dismiss(ref, claim, parts, signal);
    return { kind: 'over' };
  }
  try {
    await converge(seat, { workspace: place.workspace, seats, clock: parts.clock }, signal);
    return { kind: 'admitted' };
  } catch (error) {
    if (!(error instanceof NeedsPersonError)) throw error;
    // The claim stays in the seat: the trainer should be in, and the next converge lets them in once a person has helped.
    const why = { reason: 'action_required', steps: error.steps } as const;
    const state = await grants.park(ref, claim, why, parts.clock.now());
    return state === 'ended' ? { kind: 'over' } : { kind: 'parked', reason: 'action_required' };
  }
}

export type Dismissal =
  | { readonly kind: 'dismissed' }
  /** The end came before any beginning; it is remembered, so that a late beginning grants nothing. */
  | { readonly kind: 'never-admitted' };

/**
 * Ends a contract's claim for good and takes the trainer out, unless another open contract keeps them in.
 *
 * @param lookAfterNotice - takes the contract's warning out of a project that may show one, also where the trainer could
 * not be taken out; at once, unless the caller has many claims to end
 */
export async function dismiss(
  ref: GrantRef,
  details: PlacedDetails,
  parts: AccessParts,
  signal: AbortSignal,
  lookAfterNotice = (project: WorkspaceProject) => convergeNotice(project, parts, signal, { anew: true }),
): Promise<Dismissal> {
  const { workspaceId = details.workspaceId, ...grant } = await parts.store.grants.end(ref, details, parts.clock.now());
  const { projectId, warned = false } = grant;
  if (projectId === undefined) return { kind: 'never-admitted' };
  try {
    return await takeOut({ ...grant, workspaceId, projectId }, parts, signal);
  } finally {
    if (warned) await lookAfterNotice({ workspaceId, projectId });
  }
}

/**
 * Takes a contract's claim back until it is opened again, and the trainer out, unless another open contract keeps them in.
 *
 * @returns undefined when there is nothing to take back: it has ended
 */
export async function suspend(ref: GrantRef, parts: AccessParts, signal: AbortSignal): Promise<Dismissal | undefined> {
  const grant = await parts.store.grants.suspend(ref, parts.clock.now());
  if (grant === undefined) return undefined;
  const { workspaceId, projectId, warned = false } = grant;
  if (workspaceId === undefined || projectId === undefined) return { kind: 'never-admitted' };
  try {
    return await takeOut({ ...grant, workspaceId, projectId }, parts, signal);
  } finally {
    if (warned) await convergeNotice({ workspaceId, projectId }, parts, signal, { anew: true });
  }
}

async function takeOut(grant: Grant & WorkspaceProject, parts: AccessParts, signal: AbortSignal): Promise<Dismissal> {
  const { trainerId, projectId } = grant;
  const { seats } = parts.store;
  if (trainerId === undefined) return { kind: 'never-admitted' };
  const place = await parts.placeOf(grant.workspaceId);
  const seat = await seats.release(seatOf(place, projectId, trainerId), grant, parts.clock.now());
  if (seat === undefined) return { kind: 'never-admitted' };
  await converge(seat, { workspace: place.workspace, seats, clock: parts.clock }, signal);
  return { kind: 'dismissed' };
}

/**
 * Whether what the grant says was made so in the workspace and has not moved since. Spares a long list that is gone
 * through again the calls for those that are finished; a single event always looks at the workspace.
 */
export async function isSettled(grant: Grant, parts: AccessParts): Promise<boolean> {
  const { trainerId, projectId, workspaceId } = grant;
  if (grant.state === 'parked' || trainerId === undefined || projectId === undefined || workspaceId === undefined) {
    return false;
  }
  const seat = await parts.store.seats.get(seatOf(await parts.placeOf(workspaceId), projectId, trainerId));
  const holds = seat?.openGrants.has(grantName(grant)) ?? false;
  return seat?.settled === true && holds === (grant.state === 'open');
}

/** Where the trainer's seat is: in the project, or in the whole workspace where that is the finest that there is. */
export function seatOf({ workspaceId, workspace }: Place, projectId: ProjectId, trainerId: TrainerId): SeatRef {
  return { workspaceId, project: workspace.accessScope === 'project' ? projectId : '*', trainerId };
}

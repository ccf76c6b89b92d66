import { seatOf } from '../access/access.ts';
import { classify, type Meaning } from '../deliveries/classify.ts';
import type { ProjectId } from '../ids.ts';
import type { OpenTrainClient } from '../opentrain/client.ts';
import type { Connection } from '../store/connections.ts';
import { grantName } from '../store/grants.ts';
import type { Reconciliation } from '../store/reconciliations.ts';
import type { Seat, SeatRef } from '../store/seats.ts';
import { isLasting } from '../workspace/errors.ts';
import { brake, isRemoval, seatLeft, seatName } from './brake.ts';
import { type Drift, findDrift } from './find-drift.ts';
import { makeRepairs, noteFailure, type Repaired } from './make-repairs.ts';
import { nameNewcomers } from './name-newcomers.ts';
import type { Observation } from './observe.ts';
import type { ObservedPlace, ObservedSeats } from './observe-seats.ts';
import type { ReconcileParts, ReconcileRequest } from './reconcile-connection.ts';
import { type Admission, type Repair, type RepairRow, toRow } from './repairs.ts';

/** One run over one connection. */
export interface Run {
  readonly request: ReconcileRequest;
  readonly connection: Connection;
  readonly last: Reconciliation | undefined;
  readonly opentrain: OpenTrainClient;
  readonly parts: ReconcileParts;
  readonly signal: AbortSignal;
  readonly startedAt: number;
  readonly repaired: Repaired;
  /** Failures that are noted when all else is done: whoever is away there need not be away everywhere. */
  readonly setAside: Meaning[];
}

/** What a run found to be set right. */
export interface Found {
  readonly repairs: readonly Repair[];
  /** Removals that wait for a person, and what `Hold` calls them. */
  readonly held: readonly Repair[];
  readonly heldRemovals: readonly string[];
  /** Projects that could not be looked at in the workspace, though somebody is, or may be, in them. */
  readonly unread: number;
}

export interface ToRepair {
  readonly observation: Observation;
  readonly seats: ObservedSeats;
  readonly planned: readonly Repair[];
  /** See `Told`. */
  readonly untoldProjects: ReadonlySet<ProjectId>;
  /** Looks at the seats once more: what was repaired has moved them. */
  readonly lookAgain: () => Promise<ObservedSeats>;
}

/**
 * Sets right what grants and seats say, and who is in the workspace.
 *
 * Additions come first, so that the brake counts nobody who only moves from one claim to another; then it looks at all
 * removals of the run at once, those of people who are in without a claim included.
 */
export async function repairAll(
  run: Run,
  { observation, seats, planned, untoldProjects, lookAgain }: ToRepair,
): Promise<Found> {
  const { request, connection, opentrain, parts, signal, repaired } = run;
  const { isDryRun = false, only } = request;
  const needsNames = isDryRun || only?.trainerId !== undefined;
  const named = needsNames ? await nameNewcomers(planned, opentrain, signal) : planned;
  const wanted = named.filter((repair) => isWanted(repair, request));
  const additions = wanted.filter((repair) => !isRemoval(repair));
  const known = { runId: request.runId, connection, parts, opentrain, knownLinks: observation.knownLinks, signal };
  if (!isDryRun) await makeRepairs(additions, repaired, { ...known, seatWith: seats.seatWith });

  const { seatWith, places, leftBehind } = hasChangedAnything(repaired) ? await lookAgain() : seats;
  // Whose grant was opened again just now leaves no claim behind.
  const still = new Set(leftBehind.map(({ grant }) => grantName(grant)));
  const removals = wanted.filter(isRemoval).filter((one) => one.kind !== 'release' || still.has(grantName(one.grant)));
  const { drift, failures, unread } = await findAllDrift(run, observation, places);
  const isToStay = (removal: Repair) =>
    isUntold(removal, untoldProjects, seatWith) || isOutsideElse(removal, repaired.outside, seatWith);
  const left = new Set(removals.flatMap((repair) => seatLeft(repair, seatWith) ?? []).map(seatName));
  const others = drift.filter(
    (repair) =>
      isWanted(repair, request) && !left.has(seatName(repair.seat)) && !(isDryRun && isAbout(repair, additions)),
  );
  const isMeant = await findMeant(run, observation, additions);
  const going = [...removals, ...others].filter((repair) => !isToStay(repair));
  const { go, held, heldRemovals } = brake(going, {
    seats: seats.held,
    seatWith,
    approved: approvedRemovals(run),
    isMeant,
  });
  if (!isDryRun) await makeRepairs(go, repaired, { ...known, seatWith });
  // Only now: a project that cannot be listed is no reason to leave anybody in it, or in another.
  for (const failure of failures) noteFailure(repaired, failure);
  return { repairs: [...additions, ...go], held, heldRemovals, unread };
}

/**
 * Whether a removal is about a project of which OpenTrain did not tell everything: what makes up for it may be what was not
 * told, such as a link that was made anew.
 */
function isUntold(
  removal: Repair,
  untoldProjects: ReadonlySet<ProjectId>,
  seatWith: ObservedSeats['seatWith'],
): boolean {
  const project = removal.kind === 'remove-link' ? removal.projectId : seatLeft(removal, seatWith)?.project;
  if (project === undefined) return false;
  return project === '*' ? untoldProjects.size > 0 : untoldProjects.has(project);
}

/**
 * Whether a removal takes somebody out of a place that they are to have by another claim, too, by which they could not be let
 * in: whoever only moves from one claim to another keeps the one that they have until then.
 */
function isOutsideElse(removal: Repair, outside: readonly Admission[], seatWith: ObservedSeats['seatWith']): boolean {
  const seat = seatLeft(removal, seatWith);
  if (seat === undefined) return false;
  const isOf = ({ contract, grant }: Admission) =>
    grant?.trainerId === seat.trainerId || ('grant' in removal && removal.grant?.contractId === contract.id);
  const isThere = ({ link }: Admission) => seat.project === '*' || seat.project === link.externalProjectId;
  return outside.some((admission) => isThere(admission) && isOf(admission));
}

const hasChangedAnything = ({ counts, failed }: Repaired): boolean => Object.keys(counts).length > 0 || failed > 0;

function approvedRemovals({ request, last }: Run): ReadonlySet<string> {
  const hold = last?.hold;
  return new Set(hold !== undefined && hold.runId === request.approve ? hold.removals : []);
}

/**
 * Whether a seat is meant to be given up: all of a connection's are, once the customer or the operator has disconnected it on
 * purpose. In a dry run, those that would have been claimed anew before are not given up at all.
 */
async function findMeant({ request, connection, parts }: Run, { grants }: Observation, additions: readonly Repair[]) {
  const { status, disconnectedReason } = connection;
  const isDeliberate = status === 'disconnected' && disconnectedReason !== 'token_refused';
  const rows: readonly Pick<RepairRow, 'workspaceId' | 'projectId' | 'trainerId'>[] = [
    ...(isDeliberate ? grants.values() : []),
    ...(request.isDryRun ? additions.map(toRow) : []),
  ];
  const names = new Set<string>();
  for (const { workspaceId = connection.workspaceId, projectId, trainerId } of rows) {
    if (projectId === undefined || projectId === '*' || trainerId === undefined) continue;
    names.add(seatName(seatOf(await parts.placeOf(workspaceId), projectId, trainerId)));
  }
  return (seat: SeatRef) => names.has(seatName(seat));
}

function isWanted(repair: Repair, { only = {} }: ReconcileRequest): boolean {
  const { projectId, trainerId } = toRow(repair);
  const isOfProject = only.projectId === undefined || projectId === '*' || projectId === only.projectId;
  return isOfProject && (only.trainerId === undefined || trainerId === only.trainerId);
}

/** Whether the seat is one that a repair would have settled, had it been made. */
function isAbout(drift: Repair, planned: readonly Repair[]): boolean {
  const { trainerId, projectId } = toRow(drift);
  const isSame = (row: RepairRow) => row.trainerId === trainerId && (projectId === '*' || row.projectId === projectId);
  return planned.map(toRow).some(isSame);
}

async function findAllDrift(
  { connection, parts, signal, repaired }: Run,
  observation: Observation,
  places: readonly ObservedPlace[],
): Promise<Pick<Found, 'unread'> & { readonly drift: readonly Drift[]; readonly failures: readonly Meaning[] }> {
  const isStuck = (name: string) =>
    repaired.stuck.has(name) || observation.grants.get(name)?.reason === 'action_required';
  const isWaiting = ({ openGrants }: Seat) => [...openGrants].some(isStuck);
  const drift: Drift[] = [];
  const failures: Meaning[] = [];
  const unread = new Set(places.filter(({ seats }) => seats.length > 0));
  for (const place of places) {
    if (signal.aborted) return { drift, failures: [{ kind: 'out-of-time' }], unread: unread.size };
    if ([repaired.failure, ...failures].some(tellsOfWorkspaceAway)) break;
    try {
      drift.push(...(await findDrift(place, isWaiting, signal)));
      unread.delete(place);
    } catch (error) {
      const { workspaceId } = place.place;
      const about = { connectionId: connection.id, workspaceId, projectId: place.project };
      // A project that is not there is no reason to try again before the next run; and where nobody is to be, no reason
      // for a person to look.
      const isUrgent = !isLasting(error) || place.seats.some(({ openGrants }) => openGrants.size > 0);
      if (!isUrgent) unread.delete(place);
      parts.logger[isUrgent ? 'error' : 'warn']({ event: 'reconcile.project-unreadable', ...about, error });
      if (!isLasting(error)) failures.push(classify(error, signal));
    }
  }
  return { drift, failures, unread: unread.size };
}

const tellsOfWorkspaceAway = (failure: Meaning | undefined): boolean =>
  failure?.kind === 'busy' && failure.reason === 'workspace_unavailable';

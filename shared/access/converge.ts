import type { Clock } from '../clock.ts';
import { ConnectorError } from '../errors.ts';
import type { MemberId, ProjectId } from '../ids.ts';
import type { Seat, Seats } from '../store/seats.ts';
import type { Workspace } from '../workspace/port.ts';

/** The seat kept moving while it was being settled; the delivery tries again. */
export class SeatContendedError extends ConnectorError {
  override readonly name = 'SeatContendedError';
}

export interface ConvergeParts {
  readonly workspace: Workspace;
  readonly seats: Seats;
  readonly clock: Clock;
}

/** Each round costs a workspace call; a seat that moves five times in a few seconds is better taken up later. */
const ROUNDS = 5;

/**
 * Makes the workspace agree with the seat: in while a grant is open, out otherwise (rule 4).
 *
 * It always looks at the workspace itself instead of trusting what was noted before, and it is not done before the seat,
 * read back in the very write that notes the result, is still the one that it acted on. Whoever claims or releases later
 * converges later, and whoever crashed here is run again by the queue; so two workers at once, in any order and with a
 * crash between any two steps, end with the workspace as the last of them wants it (rule 2).
 */
export async function converge(seat: Seat, parts: ConvergeParts, signal: AbortSignal): Promise<void> {
  let current = seat;
  for (let round = 0; round < ROUNDS; round += 1) {
    signal.throwIfAborted();
    const made = await makeSo(current, parts.workspace, signal);
    const settled = await parts.seats.settle(current, made, parts.clock.now());
    if (settled.kind === 'settled') return;
    current = settled.seat;
  }
  throw new SeatContendedError(`The seat changed ${ROUNDS} times while it was being settled; it is tried again later.`);
}

async function makeSo(
  { openGrants, trainer, memberId, project }: Seat,
  workspace: Workspace,
  signal: AbortSignal,
): Promise<{ applied: 'in' | 'out'; memberId: MemberId | undefined }> {
  // Where a seat is in the whole workspace, the project is `*`, and the adapter does not look at it.
  const place = { projectId: project as ProjectId };
  const known = memberId === undefined ? {} : { memberId };
  if (openGrants.size > 0) {
    const member = await workspace.ensureAccess({ ...trainer, ...known }, place, signal);
    return { applied: 'in', memberId: member.memberId ?? memberId };
  }
  const { opentrainUserId, workEmail } = trainer;
  await workspace.revokeAccess({ opentrainUserId, workEmail, ...known }, place, signal);
  return { applied: 'out', memberId };
}

import type { Place } from '../access/access.ts';
import type { Clock } from '../clock.ts';
import { budgetContractOf, contractOf, linkOf, type OpenTrainEvent, trainerOf } from '../opentrain/events.ts';
import type { DeliveryAttempt, DeliveryRecord, DeliverySubjects, WorkspaceCall } from '../store/deliveries.ts';
import type { Situation } from '../store/store.ts';

/** An attempt at a link with two hundred contracts makes as many calls: the first few tell how it went. */
const CALLS_KEPT = 5;

/** What one attempt leaves behind for people who ask later; written along with the delivery's record. */
export interface Trace {
  /** What the attempts before this one came to. */
  earlier: readonly DeliveryAttempt[];
  subjects: DeliverySubjects;
  readonly calls: WorkspaceCall[];
  /** How long the workspace took for them, milliseconds; undefined before it was asked anything. */
  workspaceMs: number | undefined;
}

export function startTrace(event: OpenTrainEvent | undefined): Trace {
  return { earlier: [], subjects: event === undefined ? {} : subjectsOf(event), calls: [], workspaceMs: undefined };
}

/** Adds what was known before the attempt began. */
export function addSituation(trace: Trace, { delivery, grant }: Situation): void {
  trace.earlier = delivery?.history ?? [];
  trace.subjects = { ...trace.subjects, trainerId: trace.subjects.trainerId ?? grant?.trainerId };
}

/** The same workspace; what it is asked to change, how it answers, and how long that takes is kept in the trace. */
export function tracedPlace({ workspaceId, workspace }: Place, trace: Trace, clock: Clock): Place {
  async function keep<Answer>(call: Omit<WorkspaceCall, 'answer'>, answer: Promise<Answer>): Promise<Answer> {
    const began = clock.now();
    const note = (text: string) => {
      trace.workspaceMs = (trace.workspaceMs ?? 0) + clock.now() - began;
      if (trace.calls.length < CALLS_KEPT) trace.calls.push({ ...call, answer: text });
    };
    try {
      const value = await answer;
      note('ok');
      return value;
    } catch (error) {
      // The name of its class only: a message may be long, and is in the log.
      note(error instanceof Error ? error.name : 'error');
      throw error;
    }
  }
  return {
    workspaceId,
    workspace: {
      ...workspace,
      ensureAccess: (trainer, project, signal) =>
        keep({ call: 'ensureAccess', project: project.projectId }, workspace.ensureAccess(trainer, project, signal)),
      revokeAccess: (member, project, signal) =>
        keep({ call: 'revokeAccess', project: project.projectId }, workspace.revokeAccess(member, project, signal)),
    },
  };
}

/** @param record - what the attempt came to */
export function historyWith(
  { earlier, calls }: Trace,
  { status, reason, attempts }: DeliveryRecord,
  now: number,
): DeliveryAttempt[] {
  const latest = {
    at: now,
    attempt: attempts,
    status,
    ...(reason === undefined ? {} : { reason }),
    ...(calls.length === 0 ? {} : { calls: [...calls] }),
  };
  return [...earlier, latest];
}

function subjectsOf(event: OpenTrainEvent): DeliverySubjects {
  return {
    contractId: event.type.startsWith('contract.') ? contractOf(event).id : budgetContractOf(event),
    linkId: linkOf(event)?.id,
    trainerId: trainerOf(event).opentrainUserId,
  };
}

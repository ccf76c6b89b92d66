import type { MemberId, ProjectId, TrainerId, WorkEmail } from '../ids.ts';

/**
 * The port to the annotation platform: who may work where, what was done, and a notice for people to see.
 *
 * Every adapter is level-triggered: it reads, writes only what differs, and on a conflict reads again, because no known
 * platform takes idempotency keys. It throws the classes of `errors.ts` and nothing else, and keeps tokens and addresses
 * out of their messages.
 */
export interface Workspace {
  /** `project` where the platform can tell projects apart; `workspace` where a person is in all of them or in none. */
  readonly accessScope: AccessScope;
  /** Cheap proof that the address and the token are right. */
  ping(signal?: AbortSignal): Promise<WorkspaceInfo>;
  /** Finds or creates the trainer by Work Email and adds them to the project. A second call changes nothing. */
  ensureAccess(trainer: Trainer, project: ProjectRef, signal?: AbortSignal): Promise<Member>;
  /** Takes the trainer out of the project (out of the workspace, where that is the scope). Absent already: fine. */
  revokeAccess(member: Member, project: ProjectRef, signal?: AbortSignal): Promise<void>;
  /** Everybody who is in the project, page by page, for finding drift. */
  listAccess(project: ProjectRef, signal?: AbortSignal): AsyncIterable<Member>;
  /** What was done per trainer, project and UTC day within the window. A day without work has no row. */
  dailyTotals(query: UsageQuery, signal?: AbortSignal): AsyncIterable<DailyTotal>;
  /** Shows the notice to the people who work in the project; null takes it away. Absent: the platform has no such place. */
  setNotice?(project: ProjectRef, notice: BudgetNotice | null, signal?: AbortSignal): Promise<void>;
}

export type AccessScope = 'project' | 'workspace';

export interface WorkspaceInfo {
  /** Product and version as the platform names itself. */
  readonly name: string;
  readonly version?: string;
}

/** The hired person, as OpenTrain tells it. */
export interface Trainer {
  readonly opentrainUserId: TrainerId;
  readonly workEmail: WorkEmail;
  /** Masked by OpenTrain ("Maria S."), not unique: for people to read, never a key. */
  readonly displayName: string;
  /** The workspace's own id of them, once it is known: some platforms no longer find a removed person by address. */
  readonly memberId?: MemberId;
}

export interface ProjectRef {
  readonly projectId: ProjectId;
}

/** A person in the workspace, as far as it is known. */
export interface Member {
  /** Kept from the first provisioning on: after a removal some platforms no longer find a person by address. */
  readonly memberId?: MemberId;
  /** Absent for people whom the platform lists without it. */
  readonly workEmail?: WorkEmail;
  /** Absent where the platform does not store it. */
  readonly opentrainUserId?: TrainerId;
}

/** Window of work, [from, to): milliseconds since the epoch, UTC. */
export interface UsageQuery {
  readonly project: ProjectRef;
  readonly from: number;
  readonly to: number;
}

/** One trainer's work in one project on one UTC day. A measure that the platform does not have is left out. */
export interface DailyTotal {
  readonly member: Member;
  readonly project: ProjectRef;
  /** `YYYY-MM-DD`, UTC. */
  readonly workDate: string;
  /** 0 to 86,400; parts of a second are kept here and rounded once, when all projects are added up. */
  readonly seconds?: number;
  /** Tasks submitted. */
  readonly tasks?: number;
  /** Labels submitted. */
  readonly labels?: number;
}

/** What people in the project are told about the funds. */
export interface BudgetNotice {
  readonly state: 'LOW' | 'DEPLETED';
  /** One or two plain sentences, ready to show. */
  readonly text: string;
  /** Where to top up. */
  readonly url?: string;
}

import type { Clock } from '../../shared/clock.ts';

/** What the demo workspace knows: accounts, projects, who is in which, the work done and the notices shown. In memory. */
export interface Account {
  readonly memberId: string;
  workEmail: string;
  displayName: string;
  /** Absent for somebody who was added by hand and not by the connector yet. */
  opentrainUserId?: string;
}

export interface Project {
  readonly projectId: string;
  name: string;
  /** Account to when it joined, milliseconds since the epoch. */
  readonly members: Map<Account, number>;
  notice?: Notice;
}

export interface Notice {
  readonly state: 'LOW' | 'DEPLETED';
  readonly text: string;
  readonly url?: string;
}

/** One sitting of one person. Tasks and labels count when it ends. */
export interface Work {
  readonly account: Account;
  readonly projectId: string;
  /** When it began, milliseconds since the epoch. */
  readonly at: number;
  readonly seconds?: number;
  readonly tasks?: number;
  readonly labels?: number;
  /** Hours that were written down afterwards, at `at`: they count then as a whole, however many they are. */
  readonly isWrittenDown?: boolean;
}

/** A line of the page's history: what changed for people, not which calls were made. */
export interface Change {
  readonly at: number;
  readonly text: string;
}

export interface Person {
  readonly opentrainUserId?: string;
  readonly workEmail: string;
  readonly displayName: string;
}

export interface DayOfWork {
  opentrainUserId: string;
  memberId: string;
  workDate: string;
  seconds?: number;
  tasks?: number;
  labels?: number;
}

export type Joined =
  | { readonly kind: 'joined' | 'was-there'; readonly account: Account }
  | { readonly kind: 'two-accounts' };

const DAY_MILLISECONDS = 86_400_000;
const CHANGES_KEPT = 12;

export class DemoPlatform {
  readonly projects = new Map<string, Project>();
  readonly changes: Change[] = [];
  readonly #accounts: Account[] = [];
  readonly #byAddress = new Map<string, Account>();
  readonly #byTrainer = new Map<string, Account>();
  readonly #work = new Map<string, Work>();
  /** The ids of a project's sittings. */
  readonly #workOf = new Map<string, string[]>();
  readonly #clock: Clock;
  /** Whether a project must have been added before it can be used. */
  readonly #strict: boolean;

  constructor(clock: Clock, strict: boolean) {
    this.#clock = clock;
    this.#strict = strict;
  }

  addProject(projectId: string, name: string = projectId): Project {
    const project = this.projects.get(projectId) ?? { projectId, name, members: new Map() };
    project.name = name;
    this.projects.set(projectId, project);
    return project;
  }

  /** @returns undefined for a project that is not known, which only happens when projects must be added first */
  project(projectId: string): Project | undefined {
    return this.projects.get(projectId) ?? (this.#strict ? undefined : this.addProject(projectId));
  }

  join(project: Project, person: Person): Joined {
    const account = this.#accountOf(person);
    if (account === undefined) return { kind: 'two-accounts' };
    if (project.members.has(account)) return { kind: 'was-there', account };
    project.members.set(account, this.#clock.now());
    this.#note(`${account.displayName} joined ${project.name}`);
    return { kind: 'joined', account };
  }

  /** @returns false when no such person was in the project */
  leave(project: Project, opentrainUserId: string): boolean {
    const account = this.memberOf(project, opentrainUserId);
    if (account === undefined) return false;
    project.members.delete(account);
    this.#note(`${account.displayName} left ${project.name}`);
    return true;
  }

  memberOf(project: Project, opentrainUserId: string): Account | undefined {
    const account = this.#byTrainer.get(opentrainUserId);
    return account !== undefined && project.members.has(account) ? account : undefined;
  }

  /** In the order of their accounts, which never changes, so that pages fit together. */
  membersOf(project: Project): Account[] {
    return this.#accounts.filter((account) => project.members.has(account));
  }

  show(project: Project, notice: Notice): void {
    project.notice = notice;
    this.#note(`${project.name} shows that its funds are ${notice.state === 'LOW' ? 'low' : 'used up'}`);
  }

  hideNotice(project: Project): void {
    if (project.notice === undefined) return;
    delete project.notice;
    this.#note(`${project.name} no longer shows a notice`);
  }

  /** @throws {Error} for somebody who has never had an account here */
  /** @returns the sitting's id */
  record(opentrainUserId: string, work: Omit<Work, 'account'>): string {
    const account = this.#byTrainer.get(opentrainUserId);
    if (account === undefined) {
      throw new Error(`Trainer ${opentrainUserId} has no account here; add them to a project first.`);
    }
    const id = `work-${this.#work.size + 1}`;
    this.#work.set(id, { account, ...work });
    const ids = this.#workOf.get(work.projectId);
    if (ids === undefined) this.#workOf.set(work.projectId, [id]);
    else ids.push(id);
    return id;
  }

  /** What the platform's people do when something was counted wrong; null deletes the sitting. */
  correct(id: string, work: Pick<Work, 'seconds' | 'tasks' | 'labels'> | null): void {
    const known = this.#work.get(id);
    if (known === undefined) throw new Error(`There is no work ${id}.`);
    // An empty sitting stays, so that no id is given twice.
    const { account, projectId, at } = known;
    this.#work.set(id, { account, projectId, at, ...work });
  }

  /**
   * What is written down on the page: hours of a trainer in a project that they are in, done by now.
   *
   * @returns false when their day would have more than 24 hours, or when nobody knows them as a trainer
   */
  writeDown(project: Project, account: Account, hours: number): boolean {
    const { opentrainUserId } = account;
    const at = this.#clock.now();
    const today = this.dailyTotals(project, Math.floor(at / DAY_MILLISECONDS) * DAY_MILLISECONDS, at + 1);
    const { seconds: before = 0 } = today.find(({ memberId }) => memberId === account.memberId) ?? {};
    const seconds = Math.round(hours * 3600);
    if (opentrainUserId === undefined || (before + seconds) * 1000 > DAY_MILLISECONDS) return false;
    this.record(opentrainUserId, { projectId: project.projectId, at, seconds, isWrittenDown: true });
    this.#note(`${account.displayName} worked ${hours} h in ${project.name}`);
    return true;
  }

  /** Sums up the work within [from, to), split at midnight UTC; by day, then by account. */
  dailyTotals(project: Project, from: number, to: number): DayOfWork[] {
    const days = new Map<string, DayOfWork>();
    for (const id of this.#workOf.get(project.projectId) ?? []) {
      const work = this.#work.get(id);
      if (work === undefined) continue;
      for (const { workDate, ...measures } of daysOf(work, from, to)) {
        const { memberId, opentrainUserId = '' } = work.account;
        const key = `${workDate} ${memberId}`;
        const day: DayOfWork = days.get(key) ?? { opentrainUserId, memberId, workDate };
        for (const name of ['seconds', 'tasks', 'labels'] as const) {
          const measure = measures[name];
          if (measure !== undefined) day[name] = (day[name] ?? 0) + measure;
        }
        days.set(key, day);
      }
    }
    return [...days.entries()].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, day]) => day);
  }

  /** Finds or makes the account, by Work Email first; undefined when the address and the id belong to different ones. */
  #accountOf({ opentrainUserId, workEmail, displayName }: Person): Account | undefined {
    const byAddress = this.#byAddress.get(workEmail);
    const byTrainer = opentrainUserId === undefined ? undefined : this.#byTrainer.get(opentrainUserId);
    if (byAddress !== undefined && byTrainer !== undefined && byAddress !== byTrainer) return undefined;
    const isOfAnother = byTrainer === undefined && byAddress?.opentrainUserId !== undefined;
    if (isOfAnother && opentrainUserId !== undefined) return undefined;

    const account = byTrainer ?? byAddress ?? this.#open(workEmail, displayName);
    this.#byAddress.delete(account.workEmail);
    this.#byAddress.set(workEmail, account);
    account.workEmail = workEmail;
    account.displayName = displayName;
    if (opentrainUserId !== undefined) {
      account.opentrainUserId = opentrainUserId;
      this.#byTrainer.set(opentrainUserId, account);
    }
    return account;
  }

  #open(workEmail: string, displayName: string): Account {
    const account = { memberId: `member-${this.#accounts.length + 1}`, workEmail, displayName };
    this.#accounts.push(account);
    return account;
  }

  #note(text: string): void {
    this.changes.unshift({ at: this.#clock.now(), text });
    this.changes.length = Math.min(this.changes.length, CHANGES_KEPT);
  }
}

interface Slice {
  readonly workDate: string;
  readonly seconds?: number;
  readonly tasks?: number;
  readonly labels?: number;
}

function daysOf({ at, seconds, tasks, labels, isWrittenDown }: Work, from: number, to: number): Slice[] {
  if (isWrittenDown) return at >= from && at < to ? [{ workDate: utcDay(at), seconds: seconds ?? 0 }] : [];
  const slices: Slice[] = [];
  const end = at + (seconds ?? 0) * 1000;
  const last = Math.min(end, to);
  for (let start = Math.max(at, from); start < last; ) {
    const stop = Math.min(last, (Math.floor(start / DAY_MILLISECONDS) + 1) * DAY_MILLISECONDS);
    slices.push({ workDate: utcDay(start), seconds: Math.round((stop - start) / 1000) });
    start = stop;
  }
  // A sitting that ends at midnight belongs to the day that it was part of.
  const submittedAt = Math.max(at, end - 1);
  if ((tasks !== undefined || labels !== undefined) && submittedAt >= from && submittedAt < to) {
    slices.push({
      workDate: utcDay(submittedAt),
      ...(tasks === undefined ? {} : { tasks }),
      ...(labels === undefined ? {} : { labels }),
    });
  }
  return slices;
}

function utcDay(at: number): string {
  return new Date(at).toISOString().slice(0, 10);
}

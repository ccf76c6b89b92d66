import type { TokenSource } from '../../shared/bearer-fetch.ts';
import type { MemberId } from '../../shared/ids.ts';
import type { AccessScope, ProjectRef, Trainer, Workspace } from '../../shared/workspace/port.ts';
import type { ProxiedRequest } from './fault-proxy.ts';

/**
 * What the kit needs to know of an adapter's real server: how to reach it, and how to see and do there what the
 * connector itself cannot. It is started once for all tests of a file, so every test takes trainers and projects of its own.
 */
export interface Harness {
  /** Base URL of the real server, on loopback. The kit puts its fault proxy in front and opens adapters on that one. */
  readonly url: string;
  /** What the server takes now. */
  readonly token: string;
  /** A token that the server refuses. @default one that is made up */
  readonly wrongToken?: string;

  /** A new adapter that shares nothing with those opened before. */
  open(options: OpenOptions): Workspace;

  /** Makes a project in the tool with nobody in it whom the connector put there. */
  newProject(): Promise<ProjectRef>;

  /**
   * Tries to work in the project with the trainer's own credentials, not the connector's: their password, session or
   * personal token. A person without an account is locked out.
   */
  tryToWork(trainer: Trainer, project: ProjectRef): Promise<'in' | 'locked-out'>;

  /** Everything that access consists of (accounts, memberships, roles), in any form: compared, never interpreted. */
  accessState(): Promise<unknown>;

  /** What an administrator does by hand: opens an account for an address, exactly as typed. @returns its id */
  openAccountByHand(address: string): Promise<MemberId>;

  /**
   * Somebody of the tool's own people, put into the project by hand, with a private address where the tool takes one.
   */
  addBystander(project: ProjectRef): Promise<Bystander>;

  /** All that the tool knows of an account, what it may enter included; compared, never interpreted. */
  accountState(member: MemberId): Promise<unknown>;

  /** Rows on the server's or the adapter's page, whichever is smaller. The kit adds twice as many trainers and one. */
  readonly pageRows: number;

  /**
   * Whether a request changes something. `POST` for reading, such as the exchange of a token, is not a write.
   *
   * @default every method but GET and HEAD
   */
  isWrite?(request: ProxiedRequest): boolean;

  /** Required unless the declaration says `withoutTotals`. */
  readonly totals?: TotalsHarness;
  /** Required unless the declaration says `withoutNotice`. */
  readonly notice?: NoticeHarness;
  /** Required if the declaration says `rehireByPerson`: does what the steps tell the operator to do. */
  performSteps?(steps: readonly string[], trainer: Trainer): Promise<void>;

  close(): Promise<void>;
}

export interface Bystander {
  readonly memberId: MemberId;
  /** Absent where the tool takes Work Emails only. */
  readonly privateAddress?: string;
}

export interface OpenOptions {
  /** `Harness.url`, or the fault proxy's with the same path. */
  readonly baseUrl: string;
  readonly token: TokenSource;
  /** For each call. @default the adapter's own */
  readonly timeoutMilliseconds?: number;
}

export type Measure = 'seconds' | 'tasks' | 'labels';

/** One task that a trainer did. It begins and ends on the same UTC day, so it does not matter which the tool counts by. */
export interface PieceOfWork {
  /** When it began, milliseconds since the epoch; whole minutes. */
  readonly at: number;
  readonly seconds: number;
  readonly labels: number;
}

export interface TotalsHarness {
  /** Those that the tool has; the others must be left out of the totals, not be 0. */
  readonly measures: readonly Measure[];
  /** Lets a trainer who is in the project do one task. @returns what to call the work by when it is corrected */
  record(trainer: Trainer, project: ProjectRef, work: PieceOfWork): Promise<string>;
  /** The trainer takes the task up again: afterwards it has taken that many seconds in all. Only ever more. */
  correct(recorded: string, work: PieceOfWork): Promise<void>;
}

export interface NoticeHarness {
  /** The project's owner writes a text of their own where the notice appears (or next to it). */
  writeOwnText(project: ProjectRef, text: string): Promise<void>;
  /** All that people in the project get to read there: the owner's text and the notice. */
  shown(project: ProjectRef): Promise<string>;
}

/**
 * What the platform cannot do, said before anything runs. The kit then checks that the adapter says so too, in words that
 * help, instead of checking the ability.
 */
export interface Declaration {
  /** What messages call the adapter by. @default the suite's name */
  readonly adapter?: string;
  /** @default 'project' */
  readonly accessScope?: AccessScope;
  /** There are no totals; `remedy` is what the message must tell the operator to do or set. */
  readonly withoutTotals?: { readonly remedy: string | RegExp };
  /** There is no place for a notice: `setNotice` is absent, or refuses with the remedy. */
  readonly withoutNotice?: true | { readonly remedy: string | RegExp };
  /** Who was removed comes back only with the help of a person, who is told how. */
  readonly rehireByPerson?: true;
}

import { classify, type Meaning } from '../deliveries/classify.ts';
import type { ConnectionId, ContractId, ProjectId } from '../ids.ts';
import type { Logger } from '../logging.ts';
import { OpenTrainError } from '../opentrain/errors.ts';
import { createPatience } from '../patience.ts';
import type { Reported } from './report-contract.ts';

/** What a run came to, by contract and by entry. */
export interface UsageCounts {
  /** Entries that OpenTrain accepted, that it had already, and that are set aside. */
  readonly sent: number;
  readonly unchanged: number;
  readonly setAside: number;
  /** Contracts that OpenTrain knows nothing of, or has no trainer for. */
  readonly held: number;
  /** Contracts that could not be reported now; the next run has them. */
  readonly left: number;
}

export type Failure = Meaning | { readonly kind: 'turn-taken' };

/** Keeps count over a run, and knows whether going on makes sense. */
export interface Tally {
  /** OpenTrain is away, in a hurry, or refuses: every further contract would fare the same. */
  isOver(): boolean;
  note(reported: Reported): void;
  /** OpenTrain has taken a report, so the token is good. */
  hasReported(): boolean;
  /** Contracts are not reported, for a reason that was noted elsewhere. @param contracts - how many @default 1 */
  leave(signal: AbortSignal, contracts?: number): void;
  hold(): void;
  fail(error: unknown, signal: AbortSignal, where: { contractId?: ContractId; projectId?: ProjectId }): void;
  counts(): UsageCounts;
  /** Of several failures the one that says best when to come back; refusals are not among them. */
  failure(): Failure | undefined;
  /** Why OpenTrain refuses the connection: a person must look, and trying again soon is of no use. */
  refusal(): 'opentrain_forbidden' | 'usage_forbidden' | undefined;
}

export function createTally(about: { connectionId: ConnectionId; runId: string }, logger: Logger): Tally {
  const counts = { sent: 0, unchanged: 0, setAside: 0, held: 0, left: 0 };
  let failure: Failure | undefined;
  let refusal: ReturnType<Tally['refusal']>;
  let isOpenTrainAway = false;
  const patience = createPatience<'opentrain'>();
  const worse = (other: Failure) => {
    const isWorse = failure === undefined || RANK[other.kind] > RANK[failure.kind];
    if (isWorse || (failure?.kind === 'busy' && other.kind === 'busy' && waitOf(other) > waitOf(failure)))
      failure = other;
  };

  return {
    isOver: () => refusal !== undefined || isOpenTrainAway || patience.isOver('opentrain'),
    note(reported) {
      // Of what was not sent, OpenTrain knows nothing.
      const isAnswered = reported.kind === 'held' || (reported.kind === 'reported' && reported.isAnswered);
      if (isAnswered) patience.succeeded('opentrain');
      switch (reported.kind) {
        case 'reported':
          counts.sent += reported.sent;
          counts.unchanged += reported.unchanged;
          counts.setAside += reported.setAside;
          break;
        case 'held':
          counts.held += 1;
          break;
        case 'busy':
          counts.left += 1;
          worse({ kind: 'turn-taken' });
      }
    },
    leave(signal, contracts = 1) {
      counts.left += contracts;
      if (signal.aborted) worse({ kind: 'out-of-time' });
    },
    hold() {
      counts.held += 1;
    },
    fail(error, signal, where) {
      const meaning = classify(error, signal);
      if (where.contractId !== undefined) counts.left += 1;
      if (meaning.kind === 'opentrain-refuses') {
        // A 401 is about the token, a 403 about what it may do: the connection's deliveries may go on meanwhile.
        const isScope =
          error instanceof OpenTrainError && error.status === 403 && error.operation === 'reportContractUsage';
        refusal = isScope ? 'usage_forbidden' : 'opentrain_forbidden';
      } else {
        if (error instanceof OpenTrainError && meaning.kind === 'busy') {
          isOpenTrainAway ||= isAboutAll(error);
          patience.failed('opentrain');
        }
        worse(meaning);
      }
      const level = meaning.kind === 'busy' || meaning.kind === 'out-of-time' ? 'warn' : 'error';
      logger[level]({ event: 'usage.failed', ...about, ...where, reason: meaning.kind, error });
    },
    hasReported: () => counts.sent > 0,
    counts: () => ({ ...counts }),
    failure: () => failure,
    refusal: () => refusal,
  };
}

/** In a hurry, or not there at all: no other contract would fare better. A single one may be what OpenTrain stumbles over. */
const isAboutAll = ({ status, retryAfterSeconds }: OpenTrainError): boolean =>
  status === undefined || status === 429 || retryAfterSeconds !== undefined;

/** Who was asked to wait longest says when both sides may be asked again. */
const waitOf = (busy: Failure & { readonly kind: 'busy' }): number => busy.retryAfterSeconds ?? 0;

const RANK: Readonly<Record<Failure['kind'], number>> = {
  'turn-taken': 0,
  'out-of-time': 1,
  unforeseen: 2,
  'needs-person': 2,
  'workspace-refuses': 3,
  'opentrain-refuses': 3,
  busy: 4,
};

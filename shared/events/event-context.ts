import type { Place } from '../access/access.ts';
import type { Clock } from '../clock.ts';
import type { ConnectionId, WorkspaceId } from '../ids.ts';
import type { Logger } from '../logging.ts';
import type { OpenTrainClient } from '../opentrain/client.ts';
import type { OpenTrainEvent } from '../opentrain/events.ts';
import type { Situation, Store } from '../store/store.ts';

/** What the worker works with. */
export interface WorkerParts {
  readonly store: Store;
  /** The OpenTrain client with a connection's own token. */
  readonly opentrain: (connection: ConnectionId) => OpenTrainClient;
  readonly placeOf: (workspace: WorkspaceId) => Promise<Place>;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Where budget notices lead; `{contractId}` in it stands for the contract. */
  readonly topUpUrl: string;
  /** Whether trainers keep their access when their project's link is removed; by default they lose it. */
  readonly keepAfterUnlink: boolean;
}

/** One event on its way through the rules. */
export interface EventContext {
  readonly event: OpenTrainEvent;
  readonly situation: Situation;
  readonly parts: WorkerParts;
  /** The connection's OpenTrain client; that it was asked for is noted, see `processDelivery`. */
  readonly opentrain: () => OpenTrainClient;
  /** Aborted when the worker's own time runs out. */
  readonly signal: AbortSignal;
}

/** What an event came to. `note` and `reason` are stable words for logs and records. */
export type Verdict =
  | { readonly kind: 'done'; readonly note: string }
  /** A person sees it; nothing is gained by trying again at once. */
  | { readonly kind: 'parked'; readonly reason: string };

export const done = (note: string): Verdict => ({ kind: 'done', note });
export const parked = (reason: string): Verdict => ({ kind: 'parked', reason });

/** Of several links' verdicts the one that a person must see counts for the delivery. */
export function worstOf(verdicts: readonly Verdict[], none: Verdict): Verdict {
  return verdicts.find((verdict) => verdict.kind === 'parked') ?? verdicts[0] ?? none;
}

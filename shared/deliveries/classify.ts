import { AwsError } from '../aws/aws-json-client.ts';
import { TokenUnreadableError } from '../bearer-fetch.ts';
import { SecretMissingError } from '../connections/secret-reader.ts';
import { OpenTrainError } from '../opentrain/errors.ts';
import {
  NeedsPersonError,
  WorkspaceError,
  WorkspaceForbiddenError,
  WorkspaceUnavailableError,
} from '../workspace/errors.ts';

/** What an error means for the delivery that met it: the design's table "What the worker does with an error". */
export type Meaning =
  /** The other side is busy or away: the same call may work later. */
  | { readonly kind: 'busy'; readonly reason: BusyReason; readonly retryAfterSeconds: number | undefined }
  /** The workspace refuses our credential, or there is none: no event is at fault, a person must look. */
  | { readonly kind: 'workspace-refuses' }
  /** OpenTrain refuses the connection's token, or there is none: a person must look, and only this connection waits. */
  | { readonly kind: 'opentrain-refuses' }
  /** The workspace's API cannot do it, a person can. */
  | { readonly kind: 'needs-person'; readonly steps: readonly string[] }
  /** The worker's own time ran out. */
  | { readonly kind: 'out-of-time' }
  /** Nobody foresaw it: retried, never acknowledged (rule 1). */
  | { readonly kind: 'unforeseen' };

type BusyReason = 'workspace_unavailable' | 'opentrain_unavailable';

/** The one place that decides what an error means. */
export function classify(error: unknown, signal: AbortSignal): Meaning {
  if (signal.aborted) return { kind: 'out-of-time' };
  const isTokenBad = causesOf(error).some(tellsOfBadToken);
  if (error instanceof WorkspaceError && isTokenBad) return { kind: 'workspace-refuses' };
  if (error instanceof OpenTrainError && isTokenBad) return { kind: 'opentrain-refuses' };
  if (error instanceof WorkspaceUnavailableError) {
    return { kind: 'busy', reason: 'workspace_unavailable', retryAfterSeconds: error.retryAfterSeconds };
  }
  if (error instanceof WorkspaceForbiddenError) return { kind: 'workspace-refuses' };
  if (error instanceof NeedsPersonError) return { kind: 'needs-person', steps: error.steps };
  if (error instanceof OpenTrainError) {
    if (error.kind === 'forbidden') return { kind: 'opentrain-refuses' };
    if (error.kind !== 'rejected') {
      return { kind: 'busy', reason: 'opentrain_unavailable', retryAfterSeconds: error.retryAfterSeconds };
    }
  }
  return { kind: 'unforeseen' };
}

/** The token is not there, is not one, or may not be read: a person must put it right, and no other side is at fault. */
function tellsOfBadToken(cause: unknown): boolean {
  if (cause instanceof SecretMissingError) return true;
  if (cause instanceof TokenUnreadableError) return cause.cause === undefined;
  return cause instanceof AwsError && cause.code?.startsWith('AccessDenied') === true;
}

/** The error and its causes, at most ten: a chain may bite its own tail. */
function causesOf(error: unknown): unknown[] {
  const causes = [error];
  for (let last = error; last instanceof Error && last.cause !== undefined && causes.length < 10; ) {
    last = last.cause;
    causes.push(last);
  }
  return causes;
}

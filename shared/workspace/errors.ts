import { ConnectorError } from '../errors.ts';

/** Base of all that an adapter throws. The messages name the platform and what to do, never an address or a token. */
export abstract class WorkspaceError extends ConnectorError {}

/** The platform answered 408, 425 or 5xx, or did not answer at all: the same call may work later. */
export class WorkspaceUnavailableError extends WorkspaceError {
  override readonly name: string = 'WorkspaceUnavailableError';
  /** Seconds the platform asked to wait, if it did. */
  readonly retryAfterSeconds: number | undefined;

  constructor(message: string, options: { retryAfterSeconds?: number | undefined; cause?: unknown } = {}) {
    super(message, options);
    this.retryAfterSeconds = options.retryAfterSeconds;
  }
}

/** The platform answered 429: nothing is wrong but the pace. */
export class WorkspaceRateLimitedError extends WorkspaceUnavailableError {
  override readonly name: string = 'WorkspaceRateLimitedError';
}

/** The platform answered 401 or 403: the credential is broken or too weak, and no event is at fault. */
export class WorkspaceForbiddenError extends WorkspaceError {
  override readonly name = 'WorkspaceForbiddenError';
}

/** The platform understood the call and refused it for good (another 4xx), or answered what makes no sense. */
export class WorkspaceRejectedError extends WorkspaceError {
  override readonly name = 'WorkspaceRejectedError';
}

/** The platform has no such capability; thrown when it is configured or first asked for, never guessed around. */
export class WorkspaceUnsupportedError extends WorkspaceError {
  override readonly name = 'WorkspaceUnsupportedError';
}

/** The platform's API cannot do it, a person can: `steps` says exactly how. */
export class NeedsPersonError extends WorkspaceError {
  override readonly name = 'NeedsPersonError';
  /** What the operator does, in order; may hold commands, never an address or a token. */
  readonly steps: readonly string[];

  constructor(message: string, options: { steps: readonly string[]; cause?: unknown }) {
    super(message, options);
    this.steps = options.steps;
  }
}

/** Whether the platform has answered, and the same call would be answered the same soon after: it is no reason to try again. */
export function isLasting(error: unknown): boolean {
  return (
    error instanceof WorkspaceRejectedError ||
    error instanceof WorkspaceUnsupportedError ||
    error instanceof NeedsPersonError
  );
}

import { ConnectorError } from '../shared/errors.ts';

/** What was typed makes no sense. Never repeats it: it might be a token. */
export class UsageError extends ConnectorError {
  override readonly name = 'UsageError';
}

/** What was named does not exist. */
export class NotFoundError extends ConnectorError {
  override readonly name = 'NotFoundError';
}

/** It was not found in what was looked at, and there is more. */
export class CutShortError extends ConnectorError {
  override readonly name = 'CutShortError';
}

/** Something would have been changed or removed, and nobody said yes. */
export class NotConfirmedError extends ConnectorError {
  override readonly name = 'NotConfirmedError';
}

/** The person pressed Ctrl+C. */
export class InterruptedError extends ConnectorError {
  override readonly name = 'InterruptedError';
}

import { meaningOfStatus, parseRetryAfter } from '../../http-status.ts';
import { scrub } from '../../logging.ts';
import {
  type WorkspaceError,
  WorkspaceForbiddenError,
  WorkspaceRateLimitedError,
  WorkspaceRejectedError,
  WorkspaceUnavailableError,
  WorkspaceUnsupportedError,
} from '../errors.ts';
import { parseFailure } from './answers.ts';

/** An answer of the platform with any status but 2xx. */
export interface RefusedAnswer {
  readonly response: Response;
  /** Parsed if it was JSON, else the text. */
  readonly error?: unknown;
}

/**
 * Reads a refusal by the table in `openapi.yaml`.
 *
 * @param what - the operation and what it was about, without an address: "putMember for trainer t1 in project p1"
 * @param now - milliseconds since the epoch, for a `Retry-After` that is a date
 */
export function failureOf(what: string, { response, error }: RefusedAnswer, now: number): WorkspaceError {
  const { status } = response;
  const failure = parseFailure(error);
  const said =
    failure === undefined ? 'without the contract’s error envelope' : `${failure.code}: ${scrub(failure.error)}`;
  const came = `The workspace answered ${status} (${said}) to ${what}.`;
  const retryAfterSeconds = parseRetryAfter(response.headers.get('retry-after'), now);

  if (status === 501 && failure?.code === 'UNSUPPORTED') return new WorkspaceUnsupportedError(came);
  switch (meaningOfStatus(status)) {
    case 'rate-limited':
      return new WorkspaceRateLimitedError(`${came} It may be asked again after a pause.`, { retryAfterSeconds });
    case 'transient':
      return new WorkspaceUnavailableError(`${came} The same call may work later.`, { retryAfterSeconds });
    case 'forbidden':
      return new WorkspaceForbiddenError(`${came} ${forbiddenAdvice(status)}`);
    default:
      return new WorkspaceRejectedError(`${came} ${rejectedAdvice(status, failure?.code)}`);
  }
}

function forbiddenAdvice(status: number): string {
  return status === 401
    ? 'Store the token that the platform expects; it is read again at the next try.'
    : 'Give the token the right to manage members of this project; the removal of members is often a right of its own.';
}

function rejectedAdvice(status: number, code: string | undefined): string {
  if (code === 'PROJECT_UNKNOWN')
    return 'Compare the externalProjectId of the project link with the platform’s own project id.';
  if (status === 409)
    return 'Two accounts claim the same person: let somebody in the platform’s user administration decide.';
  if ((status >= 300 && status < 400) || status === 404 || status === 405) {
    return 'Check that the base URL is the final address at which the platform serves the contract.';
  }
  return 'Compare the platform’s implementation with shared/workspace/http/openapi.yaml.';
}

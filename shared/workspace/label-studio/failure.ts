import { meaningOfStatus, parseRetryAfter } from '../../http-status.ts';
import { scrub } from '../../logging.ts';
import {
  type WorkspaceError,
  WorkspaceForbiddenError,
  WorkspaceRateLimitedError,
  WorkspaceRejectedError,
  WorkspaceUnavailableError,
} from '../errors.ts';
import { parseFailure } from './answers.ts';

export interface Answer {
  readonly status: number;
  readonly headers: Headers;
  /** Parsed if it was JSON, else undefined. */
  readonly body: unknown;
}

/** In so many words, because a token that can add but not remove is the failure that nobody notices. */
export const OWNER_ADVICE =
  'The token must be the organisation owner’s: only the owner, the account that was made at the first start, can remove members.';

/**
 * Reads a refusal.
 *
 * @param what - the call and what it was about, without an address: "remove member 7"
 * @param now - milliseconds since the epoch, for a `Retry-After` that is a date
 */
export function failureOf(what: string, { status, headers, body }: Answer, now: number): WorkspaceError {
  const failure = parseFailure(body);
  const said = failure === undefined ? 'not in Label Studio’s own form' : scrub(failure.detail).slice(0, 200);
  const came = `Label Studio answered ${status} (${said}) to "${what}".`;
  const retryAfterSeconds = parseRetryAfter(headers.get('retry-after'), now);
  switch (meaningOfStatus(status)) {
    case 'rate-limited':
      return new WorkspaceRateLimitedError(`${came} It may be asked again after a pause.`, { retryAfterSeconds });
    case 'transient':
      return new WorkspaceUnavailableError(`${came} The same call may work later.`, { retryAfterSeconds });
    case 'forbidden':
      return new WorkspaceForbiddenError(
        `${came} ${status === 401 ? unauthorizedAdvice(failure?.detail) : OWNER_ADVICE}`,
      );
    default:
      return new WorkspaceRejectedError(`${came} ${rejectedAdvice(status, failure !== undefined)}`);
  }
}

function unauthorizedAdvice(detail = ''): string {
  return detail.includes('legacy token authentication has been disabled')
    ? 'Store the owner’s personal access token, or switch legacy tokens on in the organisation’s API token settings.'
    : 'Store the owner’s personal access token (Account & Settings, Personal Access Token); it is read again at the next try.';
}

function rejectedAdvice(status: number, isItsOwn: boolean): string {
  if (!isItsOwn || (status >= 300 && status < 400)) {
    return 'Check that the base URL is the address that Label Studio is opened at, without a path behind it that is not its own.';
  }
  if (status === 404) return 'Check that the project and the organisation are still there.';
  return 'docs/workspaces/label-studio.md names the releases that the adapter was tested with.';
}

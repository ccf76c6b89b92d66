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
import { parseRefusal } from './resources.ts';

export interface ScimAnswer {
  readonly status: number;
  readonly headers: Headers;
  /** Parsed JSON; undefined for an empty body and for what is not JSON. */
  readonly body: unknown;
}

/**
 * Reads a refusal.
 *
 * @param what - the operation and what it was about, without an address
 * @param now - milliseconds since the epoch, for a `Retry-After` that is a date
 */
export function failureOf(what: string, { status, headers, body }: ScimAnswer, now: number): WorkspaceError {
  const refusal = parseRefusal(body);
  const said = [refusal?.scimType, refusal?.detail].filter(Boolean).map((text) => scrub(String(text)));
  const words = refusal === undefined ? 'without a SCIM error' : said.join(': ') || 'without a reason';
  const came = `The SCIM server answered ${status} (${words}) to ${what}.`;
  const retryAfterSeconds = parseRetryAfter(headers.get('retry-after'), now);

  if (status === 501) {
    return new WorkspaceUnsupportedError(`${came} It has no such operation or attribute; see docs/workspaces/scim.md.`);
  }
  switch (meaningOfStatus(status)) {
    case 'rate-limited':
      return new WorkspaceRateLimitedError(`${came} It may be asked again after a pause.`, { retryAfterSeconds });
    case 'transient':
      return new WorkspaceUnavailableError(`${came} The same call may work later.`, { retryAfterSeconds });
    case 'forbidden':
      return new WorkspaceForbiddenError(`${came} ${forbiddenAdvice(status)}`);
    default:
      return new WorkspaceRejectedError(`${came} ${rejectedAdvice(status, refusal !== undefined)}`);
  }
}

/** @param why - never quotes what came, which may hold addresses */
export function makesNoSense(what: string, why: string): WorkspaceRejectedError {
  return new WorkspaceRejectedError(
    `The SCIM server’s answer to ${what} makes no sense: ${why}. Check the base URL; it usually ends in /scim/v2.`,
  );
}

function forbiddenAdvice(status: number): string {
  return status === 401
    ? 'Store the token that the server expects; it is read again at the next try.'
    : 'Give the token the right to write users and groups.';
}

function rejectedAdvice(status: number, isScim: boolean): string {
  if (status < 400 || (status === 404 && !isScim)) return 'Check the base URL; it usually ends in /scim/v2.';
  return 'Compare the server’s SCIM documentation with docs/workspaces/scim.md.';
}

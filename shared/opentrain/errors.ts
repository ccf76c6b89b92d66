import * as v from 'valibot';
import { TokenUnreadableError } from '../bearer-fetch.ts';
import { ConnectorError } from '../errors.ts';
import { meaningOfStatus, parseRetryAfter, type StatusMeaning } from '../http-status.ts';
import { scrub } from '../logging.ts';
import { OPERATIONS, type OperationName } from './relied-on.ts';

export type OpenTrainErrorKind = Exclude<StatusMeaning, 'ok'>;

export interface OpenTrainErrorDetails {
  readonly operation: OperationName;
  readonly kind: OpenTrainErrorKind;
  /** Undefined when no answer came, or none that could be read. */
  readonly status?: number | undefined;
  /** BAD_REQUEST, NOT_FOUND, CONFLICT, … or one that is not known yet; undefined when the body had none. */
  readonly code?: string | undefined;
  /** To quote to OpenTrain's support. */
  readonly requestId?: string | undefined;
  /** Seconds that OpenTrain asked to wait, if it did. */
  readonly retryAfterSeconds?: number | undefined;
}

/** OpenTrain refused a call, did not answer it, or answered what makes no sense; the client's own repeats are spent. */
export class OpenTrainError extends ConnectorError implements OpenTrainErrorDetails {
  override readonly name = 'OpenTrainError';
  readonly operation: OperationName;
  readonly kind: OpenTrainErrorKind;
  readonly status: number | undefined;
  readonly code: string | undefined;
  readonly requestId: string | undefined;
  readonly retryAfterSeconds: number | undefined;

  constructor(message: string, details: OpenTrainErrorDetails & { readonly cause?: unknown }) {
    super(message, { cause: details.cause });
    this.operation = details.operation;
    this.kind = details.kind;
    this.status = details.status;
    this.code = details.code;
    this.requestId = details.requestId;
    this.retryAfterSeconds = details.retryAfterSeconds;
  }
}

/** Whether OpenTrain itself has refused the call with this status: not so what lies in between, see `kindOf`. */
export function isRejection(error: unknown, status: number): boolean {
  return error instanceof OpenTrainError && error.kind === 'rejected' && error.status === status;
}

/** Waits for an answer about something that may have been deleted meanwhile. @returns undefined for a 404 */
export async function unlessGone<Answer>(answer: Promise<Answer>): Promise<Answer | undefined> {
  try {
    return await answer;
  } catch (error) {
    if (isRejection(error, 404)) return undefined;
    throw error;
  }
}

/** An answer with any status but 2xx. */
export interface RefusedAnswer {
  readonly response: Response;
  /** Parsed if it was JSON, else the text. */
  readonly error?: unknown;
}

/** @param now - milliseconds since the epoch, for a `Retry-After` that is a date */
export function refused(operation: OperationName, { response, error }: RefusedAnswer, now: number): OpenTrainError {
  const { status } = response;
  const { text, code, requestId = readableId(response.headers.get('x-request-id')) } = envelopeOf(error);
  const kind = kindOf(status, code !== undefined);
  const retryAfterSeconds = parseRetryAfter(response.headers.get('retry-after'), now);
  const said = [code, text && scrub(text), requestId && `request ${requestId}`].filter(Boolean).join(', ');
  const came = `OpenTrain answered ${status}${said === '' ? '' : ` (${said})`} to ${operation}.`;
  const isForeign = kind === 'transient' && meaningOfStatus(status) !== 'transient';
  const advice = isForeign ? FOREIGN_ADVICE : adviceFor(operation, status, kind);
  return new OpenTrainError(`${came} ${advice}`, {
    operation,
    kind,
    status,
    code,
    requestId,
    retryAfterSeconds,
  });
}

/**
 * What a refusal means. All of OpenTrain's have a code. One without is of something in between, a proxy or a firewall, and
 * says nothing of what was asked for: were it believed, a contract would be taken for unknown, or a link for deleted. A 401
 * is believed of whomever: nobody gets any further with that token.
 */
function kindOf(status: number, isOpenTrains: boolean): OpenTrainErrorKind {
  const meaning = meaningOfStatus(status);
  if (meaning === 'ok') return 'rejected';
  const isForeign = !isOpenTrains && status >= 400 && status !== 401 && meaning !== 'rate-limited';
  return isForeign ? 'transient' : meaning;
}

const FOREIGN_ADVICE =
  'Without a code of OpenTrain’s it is the answer of something in between, and the same call may work later. ' +
  'Where it stays, check the base URL and what lies between here and OpenTrain.';

/** @param why - what is known of the reason, with what to do about it */
export function unanswered(operation: OperationName, why: string, cause: unknown): OpenTrainError {
  const came = cause instanceof TokenUnreadableError ? 'was not sent' : 'got no answer from OpenTrain';
  return new OpenTrainError(`${operation} ${came}: ${why}`, { operation, kind: 'transient', cause });
}

/** @param field - the place in the answer that is missing or of another type */
export function senseless(operation: OperationName, status: number | undefined, field: string): OpenTrainError {
  return new OpenTrainError(
    `OpenTrain’s answer to ${operation} makes no sense: ${field} is missing or of another type. ` +
      'Check the base URL, and compare shared/opentrain/relied-on.ts with the API that OpenTrain serves.',
    { operation, kind: 'rejected', status },
  );
}

function adviceFor(operation: OperationName, status: number, kind: OpenTrainErrorKind): string {
  if (kind === 'rate-limited') return 'It may be asked again after a pause.';
  if (kind === 'transient') return 'The same call may work later.';
  if (status === 401) {
    return 'The token is wrong or was revoked: the customer reconnects, and the new token is stored for this connection.';
  }
  if (status === 403) {
    const { scope } = OPERATIONS[operation];
    return (
      `The call needs ${scope === null ? '' : `the scope ${scope}, `}an ACTIVE install, an ACTIVE app and the employer’s ` +
      'annotation-platform feature. An app’s new scopes apply to new installs only: the customer reconnects to grant them.'
    );
  }
  return (
    REJECTED_ADVICE[`${operation} ${status}`] ??
    REJECTED_ADVICE[status] ??
    'Compare the call with OpenTrain’s documentation.'
  );
}

const REJECTED_ADVICE: Readonly<Record<string, string>> = {
  400: 'The call itself is at fault and will not work when repeated.',
  404: 'This install knows no such thing: it was deleted, or belongs to another customer’s install.',
  'createProjectLink 404': 'The job is not this employer’s.',
  'createProjectLink 409': 'The project is linked already, or the install has as many links as it may have.',
  'reportContractUsage 400':
    'One bad entry fails all: a date that is malformed or in the future, a count out of range, or a worker who is no participant.',
  'reportContractUsage 409': 'The contract has no hired trainer to attribute the work to.',
};

/** Every field on its own, because error bodies of gateways are in other forms or none. */
const envelope = v.object({
  error: v.fallback(v.optional(v.string()), undefined),
  code: v.fallback(v.optional(v.pipe(v.string(), v.regex(/^[A-Z][A-Z0-9_]{0,63}$/))), undefined),
  requestId: v.fallback(v.optional(v.string()), undefined),
});

function envelopeOf(body: unknown): {
  text?: string | undefined;
  code?: string | undefined;
  requestId?: string | undefined;
} {
  const parsed = v.safeParse(envelope, body);
  if (!parsed.success) return {};
  const { error: text, code, requestId } = parsed.output;
  return { text, code, requestId: readableId(requestId) };
}

/** Anything else than an id is none to quote, and might be a body or a token. */
function readableId(value: string | null | undefined): string | undefined {
  const isId = value != null && /^[\w.:-]{1,100}$/.test(value) && !scrub(value).includes('[secret]');
  return isId ? value : undefined;
}

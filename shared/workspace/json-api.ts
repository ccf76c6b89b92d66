import * as v from 'valibot';
import { parseBaseUrl } from '../base-url.ts';
import { createBearerFetch, type TokenSource, TokenUnreadableError } from '../bearer-fetch.ts';
import { type Clock, systemClock } from '../clock.ts';
import { correlationHeaders } from '../correlation.ts';
import { meaningOfStatus, parseRetryAfter } from '../http-status.ts';
import { scrub } from '../logging.ts';
import {
  type WorkspaceError,
  WorkspaceForbiddenError,
  WorkspaceRateLimitedError,
  WorkspaceRejectedError,
  WorkspaceUnavailableError,
  WorkspaceUnsupportedError,
} from './errors.ts';

export interface JsonApiOptions {
  /** What messages call the platform: "The SCIM server". */
  readonly platform: string;
  /** https, but for loopback. */
  readonly baseUrl: string;
  /** Asked before every request, so it should come out of a cache. */
  readonly token: TokenSource;
  readonly fetch?: typeof globalThis.fetch | undefined;
  readonly clock?: Clock | undefined;
  /** For each request, reading the body and a repeat after a 401 included. @default 10000 */
  readonly timeoutMilliseconds?: number | undefined;
  /** @default 'application/json' */
  readonly mediaType?: string;
  /** Where its answers are described, for whoever looks at one that makes no sense: a file of this repository. */
  readonly description?: string;
  /** Puts a refusal into words. What the platform said is scrubbed afterwards. */
  readonly explain?: (answer: JsonAnswer) => Explanation;
}

export interface Explanation {
  /** The platform's own words, if it had any. */
  readonly said?: string | undefined;
  /** What an operator is to do, where that is known better than by the status alone. */
  readonly advice?: string | undefined;
  /** Whether the platform says that it has no such thing, and no later try will do. @default for every 501 */
  readonly isUnsupported?: boolean | undefined;
}

export interface JsonRequest {
  /** What is done and about whom, for messages: ids, no address. */
  readonly what: string;
  /** @default 'GET' */
  readonly method?: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  /** Segments below the base URL, not encoded; see `isPathSegment` for ids that cannot be one. */
  readonly path: readonly string[];
  readonly query?: Readonly<Record<string, string | number | undefined>>;
  readonly body?: unknown;
  readonly headers?: Readonly<Record<string, string>>;
  readonly signal?: AbortSignal | undefined;
}

export interface JsonAnswer {
  readonly status: number;
  readonly headers: Headers;
  /** Undefined for an empty body and for what is not JSON. */
  readonly body: unknown;
  /** Whether there was a body that is not JSON, such as a gateway's sign-in page. */
  readonly isUnreadable: boolean;
}

/** HTTP for adapters: one request at a time, and each of its ends as one of the classes of `errors.ts`. */
export interface JsonApi {
  /** @returns whatever was answered, refusals included @throws {WorkspaceUnavailableError} when nothing was */
  send(request: JsonRequest): Promise<JsonAnswer>;
  /** The same, for what only a 2xx satisfies. */
  expectOk(request: JsonRequest): Promise<JsonAnswer>;
  /** The same, for what only a 2xx with a body of the schema satisfies. */
  read<Schema extends v.GenericSchema>(schema: Schema, request: JsonRequest): Promise<v.InferOutput<Schema>>;
  /** Checks the body of an answer. */
  parse<Schema extends v.GenericSchema>(schema: Schema, what: string, answer: JsonAnswer): v.InferOutput<Schema>;
  /** The error that a refusal stands for. */
  failure(what: string, answer: JsonAnswer): WorkspaceError;
  /** The error for an answer that cannot be right. `why` quotes nothing of it: there may be addresses. */
  makesNoSense(what: string, why: string): WorkspaceRejectedError;
}

const TIMEOUT_MILLISECONDS = 10_000;
const TOKENS_KNOWN = 3;

export const isOk = ({ status }: JsonAnswer): boolean => status >= 200 && status < 300;

/** @throws {ConfigurationError} when the base URL is not one to send a token to */
export function createJsonApi(options: JsonApiOptions): JsonApi {
  const { platform, clock = systemClock, mediaType = 'application/json', explain = (): Explanation => ({}) } = options;
  const { timeoutMilliseconds = TIMEOUT_MILLISECONDS, description } = options;
  const baseUrl = parseBaseUrl(options.baseUrl, 'The workspace’s base URL');
  // A platform may repeat the token in a refusal, and it has whatever form the platform gave it. Of several, since a
  // refusal may still be on its way when the next token is there.
  let presented: readonly string[] = [];
  const token: TokenSource = async (asked) => {
    const one = await options.token(asked);
    if (one !== '' && !presented.includes(one)) presented = [one, ...presented].slice(0, TOKENS_KNOWN);
    return one;
  };
  const bearerFetch = createBearerFetch(token, options.fetch);
  const withoutToken = (said: string) => presented.reduce((text, one) => text.replaceAll(one, '[secret]'), said);

  async function send({ what, method = 'GET', path, query = {}, body, headers, signal }: JsonRequest) {
    const deadline = AbortSignal.timeout(timeoutMilliseconds);
    const request = new Request(urlOf(baseUrl, path, query), {
      method,
      headers: {
        accept: [...new Set([mediaType, 'application/json'])].join(', '),
        ...(body === undefined ? {} : { 'content-type': mediaType }),
        ...correlationHeaders(),
        ...headers,
      },
      // A token follows no redirect.
      redirect: 'manual',
      signal: signal === undefined ? deadline : AbortSignal.any([signal, deadline]),
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    try {
      const response = await bearerFetch(request);
      return { status: response.status, headers: response.headers, ...parseJson(await response.text()) };
    } catch (cause) {
      const reason = reasonOf(cause, deadline, signal);
      throw new WorkspaceUnavailableError(`${platform} gave no answer to ${what}: ${reason}`, { cause });
    }
  }

  function failure(what: string, answer: JsonAnswer): WorkspaceError {
    const { status, headers } = answer;
    const { said, advice, isUnsupported = status === 501 } = explain(answer);
    const came = `${platform} answered ${status} (${said ? scrub(withoutToken(said)) : 'without a reason'}) to ${what}.`;
    const retryAfterSeconds = parseRetryAfter(headers.get('retry-after'), clock.now());
    if (isUnsupported) {
      return new WorkspaceUnsupportedError(`${came} ${advice ?? 'The platform has no such operation.'}`);
    }
    switch (meaningOfStatus(status)) {
      case 'rate-limited':
        return new WorkspaceRateLimitedError(`${came} It may be asked again after a pause.`, { retryAfterSeconds });
      case 'transient':
        return new WorkspaceUnavailableError(`${came} The same call may work later.`, { retryAfterSeconds });
      case 'forbidden':
        return new WorkspaceForbiddenError(`${came} ${advice ?? forbiddenAdvice(status)}`);
      default:
        return new WorkspaceRejectedError(
          `${came} ${advice ?? 'Check the base URL, and the ids in the project link.'}`,
        );
    }
  }

  function makesNoSense(what: string, why: string): WorkspaceRejectedError {
    const advice = description === undefined ? 'Check the base URL.' : `Compare it with ${description}.`;
    return new WorkspaceRejectedError(
      `The answer of ${inSentence(platform)} to ${what} makes no sense: ${why}. ${advice}`,
    );
  }

  function parse<Schema extends v.GenericSchema>(schema: Schema, what: string, answer: JsonAnswer) {
    const result = v.safeParse(schema, answer.body);
    if (result.success) return result.output;
    // The schema's own messages quote what they received, so only the place is told.
    throw makesNoSense(what, `${v.getDotPath(result.issues[0]) ?? 'the body'} is missing or of another type`);
  }

  async function expectOk(request: JsonRequest): Promise<JsonAnswer> {
    const answer = await send(request);
    if (isOk(answer)) return answer;
    throw failure(request.what, answer);
  }

  return {
    send,
    expectOk,
    parse,
    failure,
    makesNoSense,
    read: async (schema, request) => parse(schema, request.what, await expectOk(request)),
  };
}

function urlOf(baseUrl: string, path: readonly string[], query: NonNullable<JsonRequest['query']>): string {
  const given = Object.entries(query).filter(([, value]) => value !== undefined);
  // Percent-encoded throughout, since not every server reads `+` as a space.
  const search = given.map(([name, value]) => `${name}=${encodeURIComponent(String(value))}`).join('&');
  return `${baseUrl}/${path.map(encodeURIComponent).join('/')}${search === '' ? '' : `?${search}`}`;
}

function parseJson(text: string): Pick<JsonAnswer, 'body' | 'isUnreadable'> {
  try {
    return { body: text === '' ? undefined : JSON.parse(text), isUnreadable: false };
  } catch {
    return { body: undefined, isUnreadable: true };
  }
}

function forbiddenAdvice(status: number): string {
  return status === 401
    ? 'Store the token that the platform expects; it is read again at the next try.'
    : 'Give the token the right to manage people; taking somebody out is often a right of its own.';
}

const inSentence = (name: string): string => name.replace(/^The /, 'the ');

function reasonOf(cause: unknown, deadline: AbortSignal, signal: AbortSignal | undefined): string {
  if (cause instanceof TokenUnreadableError) return `${cause.message} Nothing was sent.`;
  if (signal?.aborted) return 'the caller stopped waiting.';
  if (deadline.aborted) return 'it took too long.';
  return 'the connection failed. Check the base URL and the network.';
}

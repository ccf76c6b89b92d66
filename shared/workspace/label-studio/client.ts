import * as v from 'valibot';
import { createBearerFetch, type TokenSource, TokenUnreadableError } from '../../bearer-fetch.ts';
import type { Clock } from '../../clock.ts';
import { WorkspaceError, WorkspaceRejectedError, WorkspaceUnavailableError } from '../errors.ts';
import { createAccessTokens } from './access-tokens.ts';
import { accessToken } from './answers.ts';
import { type Answer, failureOf } from './failure.ts';
import { createLimiter } from './limiter.ts';
import { tokenForm } from './token-form.ts';

/** One request to Label Studio's API. */
export interface Call {
  /** The call and what it was about, for messages: "remove member 7". Never with an address. */
  readonly what: string;
  /** @default 'GET' */
  readonly method?: 'GET' | 'POST' | 'PATCH' | 'DELETE';
  /** From `/api/` on, as Label Studio spells it: most paths end in a slash. */
  readonly path: string;
  readonly body?: unknown;
  readonly signal: AbortSignal | undefined;
}

export interface LabelStudioClient {
  /** Sends the call and waits for its whole answer, whatever its status. @throws {WorkspaceError} */
  ask(call: Call): Promise<Answer>;
  /** The same, for calls that only a 2xx with a body of the schema satisfies. @throws {WorkspaceError} */
  expect<Schema extends AnySchema>(schema: Schema, call: Call): Promise<v.InferOutput<Schema>>;
  /** Reads the body of an answer. @throws {WorkspaceRejectedError} */
  read<Schema extends AnySchema>(schema: Schema, call: Call, answer: Answer): v.InferOutput<Schema>;
  /** What an answer that is not a 2xx means. */
  failureOf(call: Call, answer: Answer): WorkspaceError;
}

export interface LabelStudioClientOptions {
  /** Checked already, without a slash at its end. */
  readonly baseUrl: string;
  readonly token: TokenSource;
  readonly fetch: typeof globalThis.fetch;
  readonly clock: Clock;
  readonly timeoutMilliseconds: number;
}

/**
 * Most installations keep everything in one SQLite file: readers wait for the writer, and two writers at once end in
 * "database is locked", which Label Studio answers by trying again for minutes.
 */
const READS_AT_ONCE = 4;
const WRITES_AT_ONCE = 1;

export function createLabelStudioClient(options: LabelStudioClientOptions): LabelStudioClient {
  const { baseUrl, token, fetch, clock, timeoutMilliseconds } = options;
  const reads = createLimiter(READS_AT_ONCE);
  const writes = createLimiter(WRITES_AT_ONCE);
  const signedFetch = createBearerFetch(createAccessTokens({ token, exchange, clock }), (request) =>
    fetch(withScheme(request as Request)),
  );

  function ask(call: Call): Promise<Answer> {
    const { method = 'GET', path, body, signal } = call;
    const limited = method === 'GET' ? reads : writes;
    const started = limited(() => {
      const deadline = AbortSignal.timeout(timeoutMilliseconds);
      return send(call.what, deadline, signal, async (stop) =>
        readAnswer(await signedFetch(requestFor(`${baseUrl}${path}`, method, body, stop))),
      );
    });
    return until(started, signal, () => noAnswer(call.what, 'the caller stopped waiting.'));
  }

  async function expect<Schema extends AnySchema>(schema: Schema, call: Call): Promise<v.InferOutput<Schema>> {
    const answer = await ask(call);
    if (answer.status < 200 || answer.status > 299) throw failureOf(call.what, answer, clock.now());
    return parse(schema, call.what, answer);
  }

  /**
   * The one call that is not signed. Those who wait for it may give up; it goes on for the others until its own deadline,
   * which leaves half of their time for what they wanted to send.
   */
  async function exchange(personalAccessToken: string): Promise<string> {
    const what = 'exchange the personal access token for an access token';
    const answer = await send(what, AbortSignal.timeout(timeoutMilliseconds / 2), undefined, async (stop) => {
      const body = { refresh: personalAccessToken };
      return readAnswer(await fetch(requestFor(`${baseUrl}/api/token/refresh/`, 'POST', body, stop)));
    });
    if (answer.status < 200 || answer.status > 299) throw failureOf(what, answer, clock.now());
    return parse(accessToken, what, answer).access;
  }

  return {
    ask,
    expect,
    read: (schema, { what }, answer) => parse(schema, what, answer),
    failureOf: ({ what }, answer) => failureOf(what, answer, clock.now()),
  };
}

export type AnySchema = v.BaseSchema<unknown, unknown, v.BaseIssue<unknown>>;

/** Turns whatever goes wrong on the way into the classes that the port promises. */
async function send(
  what: string,
  deadline: AbortSignal,
  signal: AbortSignal | undefined,
  work: (stop: AbortSignal) => Promise<Answer>,
): Promise<Answer> {
  const stop = signal === undefined ? deadline : AbortSignal.any([signal, deadline]);
  try {
    return await until(work(stop), stop, () => stop.reason);
  } catch (cause) {
    if (cause instanceof WorkspaceError) throw cause;
    if (cause instanceof TokenUnreadableError) {
      // What `exchange` threw comes back wrapped, since the bearer fetch takes it for the secret store.
      if (cause.cause instanceof WorkspaceError) throw cause.cause;
      throw noAnswer(what, `${cause.message} Nothing was sent.`, cause);
    }
    if (signal?.aborted) throw noAnswer(what, 'the caller stopped waiting.', cause);
    if (deadline.aborted) throw noAnswer(what, 'it took too long.', cause);
    throw noAnswer(what, 'the connection failed. Check the base URL and the network.', cause);
  }
}

/** Waits for the work, but no longer than until the signal. */
async function until<Result>(
  work: Promise<Result>,
  signal: AbortSignal | undefined,
  reason: () => unknown,
): Promise<Result> {
  if (signal === undefined) return work;
  const stopped = Promise.withResolvers<never>();
  const stop = () => stopped.reject(reason());
  if (signal.aborted) stop();
  else signal.addEventListener('abort', stop, { once: true });
  try {
    return await Promise.race([stopped.promise, work]);
  } finally {
    signal.removeEventListener('abort', stop);
  }
}

function requestFor(url: string, method: string, body: unknown, signal: AbortSignal): Request {
  const json = body === undefined ? {} : { body: JSON.stringify(body) };
  const headers = { accept: 'application/json', ...(body === undefined ? {} : { 'content-type': 'application/json' }) };
  return new Request(url, { method, headers, signal, redirect: 'manual', ...json });
}

/** Label Studio knows `Bearer` for access tokens only. */
function withScheme(request: Request): Request {
  const [, value = ''] = request.headers.get('authorization')?.split(' ') ?? [];
  if (tokenForm(value) === 'legacy') request.headers.set('authorization', `Token ${value}`);
  return request;
}

async function readAnswer(response: Response): Promise<Answer> {
  const { status, headers } = response;
  const text = await response.text();
  try {
    return { status, headers, body: JSON.parse(text) };
  } catch {
    // Not JSON: an empty 204, or a page in HTML. What it says is of no use to anybody.
    return { status, headers, body: undefined };
  }
}

function parse<Schema extends AnySchema>(schema: Schema, what: string, { body }: Answer): v.InferOutput<Schema> {
  const result = v.safeParse(schema, body);
  if (result.success) return result.output;
  // The schema's own messages quote what they received, so only the place is told.
  const place = v.getDotPath(result.issues[0]) ?? 'the body';
  throw new WorkspaceRejectedError(
    `Label Studio’s answer to "${what}" makes no sense: ${place} is missing or of another type. Check that the base URL is ` +
      'Label Studio’s, and its release against docs/workspaces/label-studio.md.',
  );
}

function noAnswer(what: string, why: string, cause?: unknown): WorkspaceUnavailableError {
  return new WorkspaceUnavailableError(`Label Studio gave no answer to "${what}": ${why}`, { cause });
}

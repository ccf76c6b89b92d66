import type * as v from 'valibot';
import { type TokenSource, TokenUnreadableError } from '../../bearer-fetch.ts';
import type { Clock } from '../../clock.ts';
import { WorkspaceError, WorkspaceUnavailableError } from '../errors.ts';
import { createJsonApi, type JsonAnswer, type JsonApi, type JsonRequest } from '../json-api.ts';
import { createAccessTokens } from './access-tokens.ts';
import { accessToken } from './answers.ts';
import { explain } from './explain.ts';
import { createLimiter } from './limiter.ts';
import { tokenForm } from './token-form.ts';

/** One request to Label Studio's API, below `/api/`. Most of its paths end in a slash, which is an empty last segment. */
export type LabelStudioRequest = Omit<JsonRequest, 'headers'>;

/** Label Studio's API, signed with whichever kind of token is stored, and at a pace that SQLite can keep up with. */
export interface LabelStudioClient extends Pick<JsonApi, 'parse' | 'failure'> {
  /** @returns whatever was answered, refusals included @throws {WorkspaceError} when nothing was, or no token could be had */
  send(request: LabelStudioRequest): Promise<JsonAnswer>;
  /** The same, for what only a 2xx with a body of the schema satisfies. */
  read<Schema extends v.GenericSchema>(schema: Schema, request: LabelStudioRequest): Promise<v.InferOutput<Schema>>;
}

export interface LabelStudioClientOptions {
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

const PLATFORM = 'Label Studio';

/** @throws {ConfigurationError} when the base URL is not one to send a token to */
export function createLabelStudioClient(options: LabelStudioClientOptions): LabelStudioClient {
  const { baseUrl, token, fetch, clock, timeoutMilliseconds } = options;
  const reads = createLimiter(READS_AT_ONCE);
  const writes = createLimiter(WRITES_AT_ONCE);

  /** For the exchange itself, which needs no signature. It leaves half of a call's time for the call. */
  const unsigned = createJsonApi({
    platform: PLATFORM,
    baseUrl,
    token: async () => 'none',
    fetch: (request) => fetch(withoutSignature(request as Request)),
    clock,
    timeoutMilliseconds: timeoutMilliseconds / 2,
    explain,
  });
  const exchange = async (personalAccessToken: string): Promise<string> => {
    const what = 'exchange the personal access token for an access token';
    const path = ['api', 'token', 'refresh', ''];
    const body = { refresh: personalAccessToken };
    return (await unsigned.read(accessToken, { what, method: 'POST', path, body })).access;
  };

  const signed = createJsonApi({
    platform: PLATFORM,
    baseUrl,
    token: createAccessTokens({ token, exchange, clock }),
    fetch: (request) => fetch(withScheme(request as Request)),
    clock,
    timeoutMilliseconds,
    explain,
  });

  function send(request: LabelStudioRequest): Promise<JsonAnswer> {
    const { what, method = 'GET', path, signal } = request;
    const limited = method === 'GET' ? reads : writes;
    const answered = limited(() => signed.send({ ...request, path: ['api', ...path] }).catch(rethrowAsThrown));
    return until(answered, what, signal);
  }

  return {
    send,
    async read(schema, request) {
      const answer = await send(request);
      if (answer.status < 200 || answer.status > 299) throw signed.failure(request.what, answer);
      return signed.parse(schema, request.what, answer);
    },
    parse: signed.parse,
    failure: signed.failure,
  };
}

/** What the exchange threw comes back wrapped twice, since the bearer fetch takes it for the secret store. */
function rethrowAsThrown(error: unknown): never {
  const cause = error instanceof WorkspaceUnavailableError ? error.cause : undefined;
  throw cause instanceof TokenUnreadableError && cause.cause instanceof WorkspaceError ? cause.cause : error;
}

/** Lets the caller go at once who stops waiting, be it in the queue or for an exchange that goes on for others. */
async function until<Result>(work: Promise<Result>, what: string, signal: AbortSignal | undefined): Promise<Result> {
  if (signal === undefined) return work;
  const stopped = Promise.withResolvers<never>();
  const stop = () =>
    stopped.reject(new WorkspaceUnavailableError(`${PLATFORM} gave no answer to ${what}: the caller stopped waiting.`));
  if (signal.aborted) stop();
  else signal.addEventListener('abort', stop, { once: true });
  try {
    return await Promise.race([stopped.promise, work]);
  } finally {
    signal.removeEventListener('abort', stop);
  }
}

/** Label Studio knows `Bearer` for access tokens only. */
function withScheme(request: Request): Request {
  const [, value = ''] = request.headers.get('authorization')?.split(' ') ?? [];
  if (tokenForm(value) === 'legacy') request.headers.set('authorization', `Token ${value}`);
  return request;
}

function withoutSignature(request: Request): Request {
  request.headers.delete('authorization');
  return request;
}

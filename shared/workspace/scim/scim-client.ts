import * as v from 'valibot';
import { parseBaseUrl } from '../../base-url.ts';
import { createBearerFetch, type TokenSource, TokenUnreadableError } from '../../bearer-fetch.ts';
import type { Clock } from '../../clock.ts';
import { WorkspaceUnavailableError } from '../errors.ts';
import { failureOf, makesNoSense, type ScimAnswer } from './failure.ts';
import { listOf } from './resources.ts';

export interface ScimClientOptions {
  readonly baseUrl: string;
  readonly token: TokenSource;
  readonly fetch?: typeof globalThis.fetch | undefined;
  readonly clock: Clock;
  readonly timeoutMilliseconds: number;
}

export interface ScimRequest {
  /** What is done and about whom, for messages: no address. */
  readonly what: string;
  /** @default 'GET' */
  readonly method?: 'GET' | 'POST' | 'PUT' | 'PATCH';
  /** Segments below the base URL, not encoded. */
  readonly path: readonly string[];
  readonly query?: Readonly<Record<string, string | number | undefined>>;
  readonly body?: unknown;
  readonly headers?: Readonly<Record<string, string>>;
  readonly signal?: AbortSignal | undefined;
}

/** One HTTP exchange at a time, without any rule of users and groups. */
export interface ScimClient {
  /** @returns whatever was answered, refusals included @throws {WorkspaceUnavailableError} when nothing was */
  send(request: ScimRequest): Promise<ScimAnswer>;
  /** The same, for what only a 2xx with a body of the schema satisfies. */
  read<Schema extends v.GenericSchema>(schema: Schema, request: ScimRequest): Promise<v.InferOutput<Schema>>;
  /** Checks the body of an answer. */
  parse<Schema extends v.GenericSchema>(schema: Schema, what: string, answer: ScimAnswer): v.InferOutput<Schema>;
  /** All rows of a list, page by page. */
  pages<Row extends v.GenericSchema<unknown, { readonly id: string }>>(
    row: Row,
    request: ScimRequest,
  ): AsyncIterable<v.InferOutput<Row>>;
  /** @returns the error that an answer stands for */
  failure(what: string, answer: ScimAnswer): Error;
}

interface List<Row> {
  readonly totalResults: number;
  readonly Resources: readonly Row[];
}

/** Asked for; servers may send fewer. */
const PAGE_ROWS = 100;
const MEDIA_TYPE = 'application/scim+json';

/** @throws {ConfigurationError} when the base URL is not one to send a token to */
export function createScimClient(options: ScimClientOptions): ScimClient {
  const { clock, timeoutMilliseconds } = options;
  const baseUrl = parseBaseUrl(options.baseUrl, 'The workspace’s base URL');
  const bearerFetch = createBearerFetch(options.token, options.fetch);

  async function send({
    what,
    method = 'GET',
    path,
    query = {},
    body,
    headers,
    signal,
  }: ScimRequest): Promise<ScimAnswer> {
    const deadline = AbortSignal.timeout(timeoutMilliseconds);
    const request = new Request(urlOf(baseUrl, path, query), {
      method,
      headers: {
        accept: `${MEDIA_TYPE}, application/json`,
        ...(body === undefined ? {} : { 'content-type': MEDIA_TYPE }),
        ...headers,
      },
      redirect: 'manual',
      signal: signal === undefined ? deadline : AbortSignal.any([signal, deadline]),
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    try {
      const response = await bearerFetch(request);
      return { status: response.status, headers: response.headers, body: parseJson(await response.text()) };
    } catch (cause) {
      const reason = reasonOf(cause, deadline, signal);
      throw new WorkspaceUnavailableError(`The SCIM server gave no answer to ${what}: ${reason}`, { cause });
    }
  }

  function parse<Schema extends v.GenericSchema>(schema: Schema, what: string, answer: ScimAnswer) {
    const result = v.safeParse(schema, answer.body);
    if (result.success) return result.output;
    // The schema's own messages quote what they received, so only the place is told.
    throw makesNoSense(what, `${v.getDotPath(result.issues[0]) ?? 'the body'} is missing or of another type`);
  }

  async function read<Schema extends v.GenericSchema>(schema: Schema, request: ScimRequest) {
    const answer = await send(request);
    if (!isOk(answer)) throw failureOf(request.what, answer, clock.now());
    return parse(schema, request.what, answer);
  }

  async function* pages<Row extends v.GenericSchema<unknown, { readonly id: string }>>(row: Row, request: ScimRequest) {
    const seen = new Set<string>();
    // startIndex counts from 1 (RFC 7644, section 3.4.2.4), and a server may send fewer rows than were asked for.
    for (let startIndex = 1; ; ) {
      const page = { ...request, query: { ...request.query, startIndex, count: PAGE_ROWS } };
      const { totalResults, Resources } = (await read(listOf(row), page)) as List<v.InferOutput<Row>>;
      const fresh = Resources.filter(({ id }) => !seen.has(id));
      for (const { id } of fresh) seen.add(id);
      yield* fresh;
      startIndex += Resources.length;
      if (Resources.length === 0 || startIndex > totalResults) return;
      // A server that ignores startIndex sends the first page for ever, and everybody after it would look gone.
      if (fresh.length === 0) throw makesNoSense(request.what, 'startIndex leads to a page that was read before');
    }
  }

  return { send, read, parse, pages, failure: (what, answer) => failureOf(what, answer, clock.now()) };
}

export const isOk = ({ status }: ScimAnswer): boolean => status >= 200 && status < 300;

function urlOf(baseUrl: string, path: readonly string[], query: NonNullable<ScimRequest['query']>): string {
  const given = Object.entries(query).filter(([, value]) => value !== undefined);
  // Percent-encoded throughout, since not every server reads `+` as a space.
  const search = given.map(([name, value]) => `${name}=${encodeURIComponent(String(value))}`).join('&');
  return `${baseUrl}/${path.map(encodeURIComponent).join('/')}${search === '' ? '' : `?${search}`}`;
}

function parseJson(text: string): unknown {
  try {
    return text === '' ? undefined : JSON.parse(text);
  } catch {
    return undefined;
  }
}

function reasonOf(cause: unknown, deadline: AbortSignal, signal: AbortSignal | undefined): string {
  if (cause instanceof TokenUnreadableError) return `${cause.message} Nothing was sent.`;
  if (signal?.aborted) return 'the caller stopped waiting.';
  if (deadline.aborted) return 'it took too long.';
  return 'the connection failed. Check the base URL and the network.';
}

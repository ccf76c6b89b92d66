import type * as v from 'valibot';
import {
  createJsonApi,
  type Explanation,
  type JsonAnswer,
  type JsonApi,
  type JsonApiOptions,
  type JsonRequest,
} from '../json-api.ts';
import { listOf, parseRefusal } from './resources.ts';

/** One HTTP exchange at a time, without any rule of users and groups. */
export interface ScimClient extends JsonApi {
  /** All rows of a list, page by page. */
  pages<Row extends v.GenericSchema<unknown, { readonly id: string }>>(
    row: Row,
    request: JsonRequest,
  ): AsyncIterable<v.InferOutput<Row>>;
}

export type ScimClientOptions = Pick<JsonApiOptions, 'baseUrl' | 'token' | 'fetch' | 'clock' | 'timeoutMilliseconds'>;

interface List<Row> {
  readonly totalResults: number;
  readonly Resources: readonly Row[];
}

/** Asked for; servers may send fewer. */
const PAGE_ROWS = 100;

/** @throws {ConfigurationError} when the base URL is not one to send a token to */
export function createScimClient(options: ScimClientOptions): ScimClient {
  const api = createJsonApi({ ...options, platform: 'The SCIM server', mediaType: 'application/scim+json', explain });

  async function* pages<Row extends v.GenericSchema<unknown, { readonly id: string }>>(row: Row, request: JsonRequest) {
    const seen = new Set<string>();
    // startIndex counts from 1 (RFC 7644, section 3.4.2.4), and a server may send fewer rows than were asked for.
    for (let startIndex = 1; ; ) {
      const page = { ...request, query: { ...request.query, startIndex, count: PAGE_ROWS } };
      const { totalResults, Resources } = (await api.read(listOf(row), page)) as List<v.InferOutput<Row>>;
      const fresh = Resources.filter(({ id }) => !seen.has(id));
      for (const { id } of fresh) seen.add(id);
      yield* fresh;
      startIndex += Resources.length;
      if (Resources.length === 0 || startIndex > totalResults) return;
      // A server that ignores startIndex sends the first page for ever, and everybody after it would look gone.
      if (fresh.length === 0) throw api.makesNoSense(request.what, 'startIndex leads to a page that was read before');
    }
  }

  return { ...api, pages };
}

function explain({ status, body }: JsonAnswer): Explanation {
  const refusal = parseRefusal(body);
  const said = [refusal?.scimType, refusal?.detail].filter(Boolean).join(': ');
  return {
    said: refusal === undefined ? 'without a SCIM error' : said,
    advice: adviceOn(status, refusal !== undefined),
  };
}

function adviceOn(status: number, isScim: boolean): string | undefined {
  if (status === 403) return 'Give the token the right to write users and groups.';
  if (status === 501) return 'It has no such operation or attribute; see docs/workspaces/scim.md.';
  if (status < 400 || (status === 404 && !isScim)) return 'Check the base URL; it usually ends in /scim/v2.';
  if (status === 401) return undefined;
  return 'Compare the server’s SCIM documentation with docs/workspaces/scim.md.';
}

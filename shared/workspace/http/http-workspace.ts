import createClient from 'openapi-fetch';
import * as v from 'valibot';
import { parseBaseUrl } from '../../base-url.ts';
import { createBearerFetch, type TokenSource, TokenUnreadableError } from '../../bearer-fetch.ts';
import { type Clock, systemClock } from '../../clock.ts';
import { isPathSegment } from '../../path-segment.ts';
import { NeedsPersonError, WorkspaceRejectedError, WorkspaceUnavailableError } from '../errors.ts';
import type { Member, ProjectRef, UsageQuery, Workspace } from '../port.ts';
import { dailyTotalPage, member, memberPage, parseFailure, workspaceInfo } from './answers.ts';
import { failureOf } from './failure.ts';
import type { paths } from './openapi.types.ts';

export interface HttpWorkspaceOptions {
  /** Where the platform serves `openapi.yaml`; https, but for loopback. */
  readonly baseUrl: string;
  /** Asked before every request, so it should come out of a cache. */
  readonly token: TokenSource;
  readonly fetch?: typeof globalThis.fetch;
  readonly clock?: Clock;
  /** For each call, reading the body and a repeat after a 401 included. @default 10000 */
  readonly timeoutMilliseconds?: number;
}

const TIMEOUT_MILLISECONDS = 10_000;
/** The most that the contract allows on a page. */
const PAGE_ROWS = 200;

/**
 * The workspace of a platform that serves the REST contract of `openapi.yaml`.
 *
 * Granting and revoking cost one request each. Nothing is repeated here but once after a 401 with a new token: the queue
 * retries.
 *
 * @throws {ConfigurationError} when the base URL is not one to send a token to
 */
export function createHttpWorkspace(options: HttpWorkspaceOptions): Workspace {
  const { clock = systemClock, timeoutMilliseconds = TIMEOUT_MILLISECONDS } = options;
  const client = createClient<paths>({
    baseUrl: parseBaseUrl(options.baseUrl, 'The workspace’s base URL'),
    fetch: createBearerFetch(options.token, options.fetch),
    redirect: 'manual',
  });

  /** Sends one request and waits for its whole answer. */
  async function ask(what: string, signal: AbortSignal | undefined, send: Send): Promise<Answer> {
    const deadline = AbortSignal.timeout(timeoutMilliseconds);
    try {
      return await send(signal === undefined ? deadline : AbortSignal.any([signal, deadline]));
    } catch (cause) {
      // No cause: `JSON.parse` quotes what it could not read.
      if (cause instanceof SyntaxError) throw makesNoSense(what, 'it is not JSON');
      throw new WorkspaceUnavailableError(
        `The workspace gave no answer to ${what}: ${reasonOf(cause, deadline, signal)}`,
        {
          cause,
        },
      );
    }
  }

  /** The same, for calls that only a 2xx with a body of the schema satisfies. */
  async function expect<Schema extends AnySchema>(
    schema: Schema,
    what: string,
    signal: AbortSignal | undefined,
    send: Send,
  ): Promise<v.InferOutput<Schema>> {
    const answer = await ask(what, signal, send);
    if (!answer.response.ok) throw failureOf(what, answer, clock.now());
    const result = v.safeParse(schema, answer.data);
    if (result.success) return result.output;
    // The schema's own messages quote what they received, so only the place is told.
    throw makesNoSense(what, `${v.getDotPath(result.issues[0]) ?? 'the body'} is missing or of another type`);
  }

  async function* pages<Row>(what: string, readPage: (cursor: { cursor?: string }) => Promise<Page<Row>>) {
    const seen = new Set<string>();
    for (let cursor: string | null = null; ; ) {
      const page: Page<Row> = await readPage(cursor === null ? {} : { cursor });
      yield* page.rows;
      cursor = page.nextCursor;
      if (cursor === null) return;
      if (seen.has(cursor)) throw makesNoSense(what, 'nextCursor names a page that was read before');
      seen.add(cursor);
    }
  }

  return {
    accessScope: 'project',

    async ping(signal) {
      const { name, version } = await expect(workspaceInfo, 'getWorkspace', signal, (signal) =>
        client.GET('/workspace', { signal }),
      );
      return version == null ? { name } : { name, version };
    },

    async ensureAccess({ opentrainUserId, workEmail, displayName }, { projectId }, signal) {
      const path = pathOf({ projectId, opentrainUserId });
      const what = `putMember for trainer ${opentrainUserId} in project ${projectId}`;
      const added = await expect(member, what, signal, (signal) =>
        client.PUT('/projects/{projectId}/members/{opentrainUserId}', {
          params: { path },
          body: { workEmail, displayName },
          signal,
        }),
      );
      if (added.opentrainUserId !== opentrainUserId || added.workEmail !== workEmail) {
        throw makesNoSense(what, 'it names another person than was asked for');
      }
      return added;
    },

    async revokeAccess({ opentrainUserId, memberId }, { projectId }, signal) {
      if (opentrainUserId === undefined) throw removedByPersonOnly(memberId, projectId);
      const path = pathOf({ projectId, opentrainUserId });
      const what = `deleteMember for trainer ${opentrainUserId} in project ${projectId}`;
      const answer = await ask(what, signal, (signal) =>
        client.DELETE('/projects/{projectId}/members/{opentrainUserId}', { params: { path }, signal }),
      );
      if (answer.response.ok || isAbsentAlready(answer)) return;
      throw failureOf(what, answer, clock.now());
    },

    listAccess({ projectId }: ProjectRef, signal?: AbortSignal): AsyncIterable<Member> {
      const path = pathOf({ projectId });
      const what = `listMembers of project ${projectId}`;
      return pages(what, (cursor) =>
        expect(memberPage, what, signal, (signal) =>
          client.GET('/projects/{projectId}/members', {
            params: { path, query: { ...cursor, limit: PAGE_ROWS } },
            signal,
          }),
        ),
      );
    },

    dailyTotals({ project, from, to }: UsageQuery, signal?: AbortSignal) {
      const path = pathOf({ projectId: project.projectId });
      const window = { from: new Date(from).toISOString(), to: new Date(to).toISOString() };
      const what = `listDailyTotals of project ${project.projectId}`;
      const schema = dailyTotalPage(project);
      return pages(what, (cursor) =>
        expect(schema, what, signal, (signal) =>
          client.GET('/projects/{projectId}/daily-totals', {
            params: { path, query: { ...window, ...cursor, limit: PAGE_ROWS } },
            signal,
          }),
        ),
      );
    },

    async setNotice({ projectId }, notice, signal) {
      const path = pathOf({ projectId });
      const what = `${notice === null ? 'deleteNotice' : 'putNotice'} of project ${projectId}`;
      const answer = await ask(what, signal, (signal) =>
        notice === null
          ? client.DELETE('/projects/{projectId}/notice', { params: { path }, signal })
          : client.PUT('/projects/{projectId}/notice', { params: { path }, body: notice, signal }),
      );
      if (!answer.response.ok) throw failureOf(what, answer, clock.now());
    },
  };
}

interface Answer {
  readonly response: Response;
  readonly data?: unknown;
  readonly error?: unknown;
}

type Send = (signal: AbortSignal) => Promise<Answer>;
type AnySchema = v.BaseSchema<unknown, unknown, v.BaseIssue<unknown>>;

interface Page<Row> {
  readonly rows: readonly Row[];
  readonly nextCursor: string | null;
}

/** Only the contract's own code counts: a gateway's 404 must not pass for a removal. */
function isAbsentAlready({ response, error }: Answer): boolean {
  return response.status === 404 && parseFailure(error)?.code === 'MEMBER_UNKNOWN';
}

function pathOf<Ids extends Record<string, string>>(ids: Ids): Ids {
  for (const [name, id] of Object.entries(ids)) {
    if (isPathSegment(id)) continue;
    throw new WorkspaceRejectedError(`The ${name} "${id}" cannot be part of a URL. Give the project link another one.`);
  }
  return ids;
}

function makesNoSense(what: string, why: string): WorkspaceRejectedError {
  return new WorkspaceRejectedError(
    `The workspace’s answer to ${what} makes no sense: ${why}. Compare it with shared/workspace/http/openapi.yaml.`,
  );
}

function removedByPersonOnly(memberId: Member['memberId'], projectId: ProjectRef['projectId']): NeedsPersonError {
  const who = memberId === undefined ? 'the member' : `member ${memberId}`;
  return new NeedsPersonError(
    `${who} of project ${projectId} has no opentrainUserId, by which the contract removes people.`,
    {
      steps: [`Open project ${projectId} in the platform.`, `Remove ${who} by hand.`],
    },
  );
}

function reasonOf(cause: unknown, deadline: AbortSignal, signal: AbortSignal | undefined): string {
  if (cause instanceof TokenUnreadableError) return `${cause.message} Nothing was sent.`;
  if (signal?.aborted) return 'the caller stopped waiting.';
  if (deadline.aborted) return 'it took too long.';
  return 'the connection failed. Check the base URL and the network.';
}

import type * as v from 'valibot';
import type { TokenSource } from '../../bearer-fetch.ts';
import type { Clock } from '../../clock.ts';
import { isPathSegment } from '../../path-segment.ts';
import { NeedsPersonError, WorkspaceRejectedError } from '../errors.ts';
import { createJsonApi, isOk, type JsonAnswer, type JsonRequest } from '../json-api.ts';
import type { Member, ProjectRef, UsageQuery, Workspace } from '../port.ts';
import { dailyTotalPage, member, memberPage, parseFailure, workspaceInfo } from './answers.ts';
import { explain } from './explain.ts';
import type { components, operations, paths } from './openapi.types.ts';

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
  const api = createJsonApi({
    ...options,
    platform: 'The workspace',
    description: 'shared/workspace/http/openapi.yaml',
    explain,
  });

  async function* pages<Row>(schema: v.GenericSchema<unknown, Page<Row>>, request: JsonRequest): AsyncGenerator<Row> {
    const seen = new Set<string>();
    for (let page: Query<'listMembers'> = { limit: PAGE_ROWS }; ; ) {
      const { rows, nextCursor } = await api.read(schema, { ...request, query: { ...request.query, ...page } });
      yield* rows;
      if (nextCursor === null) return;
      if (seen.has(nextCursor)) throw api.makesNoSense(request.what, 'nextCursor names a page that was read before');
      seen.add(nextCursor);
      page = { ...page, cursor: nextCursor };
    }
  }

  /** For calls that any 2xx satisfies, but for the sign-in page of a gateway. */
  function assertDone(what: string, answer: JsonAnswer): void {
    if (!isOk(answer)) throw api.failure(what, answer);
    if (answer.isUnreadable) throw api.makesNoSense(what, 'it is not JSON');
  }

  return {
    accessScope: 'project',

    async ping(signal) {
      const { name, version } = await api.read(workspaceInfo, { what: 'getWorkspace', path: ['workspace'], signal });
      return version == null ? { name } : { name, version };
    },

    async ensureAccess({ opentrainUserId, workEmail, displayName }, { projectId }, signal) {
      const what = `putMember for trainer ${opentrainUserId} in project ${projectId}`;
      const path = pathOf('/projects/{projectId}/members/{opentrainUserId}', { projectId, opentrainUserId });
      const body = { workEmail, displayName } satisfies Schemas['NewMember'];
      const added = await api.read(member, { what, method: 'PUT', path, body, signal });
      if (added.opentrainUserId !== opentrainUserId || added.workEmail !== workEmail) {
        throw api.makesNoSense(what, 'it names another person than was asked for');
      }
      return added;
    },

    async revokeAccess({ opentrainUserId, memberId }, { projectId }, signal) {
      if (opentrainUserId === undefined) throw removedByPersonOnly(memberId, projectId);
      const what = `deleteMember for trainer ${opentrainUserId} in project ${projectId}`;
      const path = pathOf('/projects/{projectId}/members/{opentrainUserId}', { projectId, opentrainUserId });
      const answer = await api.send({ what, method: 'DELETE', path, signal });
      if (!isAbsentAlready(answer)) assertDone(what, answer);
    },

    listAccess({ projectId }: ProjectRef, signal?: AbortSignal): AsyncIterable<Member> {
      const path = pathOf('/projects/{projectId}/members', { projectId });
      return pages(memberPage, { what: `listMembers of project ${projectId}`, path, signal });
    },

    dailyTotals({ project, from, to }: UsageQuery, signal?: AbortSignal) {
      const { projectId } = project;
      const path = pathOf('/projects/{projectId}/daily-totals', { projectId });
      const query = {
        from: new Date(from).toISOString(),
        to: new Date(to).toISOString(),
      } satisfies Query<'listDailyTotals'>;
      return pages(dailyTotalPage(project), { what: `listDailyTotals of project ${projectId}`, path, query, signal });
    },

    async setNotice({ projectId }, notice, signal) {
      const path = pathOf('/projects/{projectId}/notice', { projectId });
      const what = `${notice === null ? 'deleteNotice' : 'putNotice'} of project ${projectId}`;
      const body = (notice ?? undefined) satisfies Schemas['Notice'] | undefined;
      assertDone(what, await api.send({ what, method: notice === null ? 'DELETE' : 'PUT', path, body, signal }));
    },
  };
}

type Schemas = components['schemas'];
type Query<Name extends 'listMembers' | 'listDailyTotals'> = NonNullable<operations[Name]['parameters']['query']>;
type ProjectPath = Exclude<keyof paths, '/workspace'>;

interface Page<Row> {
  readonly rows: readonly Row[];
  readonly nextCursor: string | null;
}

/** Only the contract's own code counts: a gateway's 404 must not pass for a removal. */
function isAbsentAlready({ status, body }: JsonAnswer): boolean {
  return status === 404 && parseFailure(body)?.code === 'MEMBER_UNKNOWN';
}

/**
 * The segments of a path of the contract, with the ids put in.
 *
 * @throws {WorkspaceRejectedError} for an id that cannot be a segment of a URL
 */
function pathOf<Path extends ProjectPath>(path: Path, ids: paths[Path]['parameters']['path']): string[] {
  const known = new Map(Object.entries(ids));
  return path
    .slice(1)
    .split('/')
    .map((segment) => {
      const name = segment.replace(/^\{(\w+)\}$/, '$1');
      const id = known.get(name);
      if (id === undefined || isPathSegment(id)) return id ?? segment;
      throw new WorkspaceRejectedError(
        `The ${name} "${id}" cannot be part of a URL. Give the project link another one.`,
      );
    });
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

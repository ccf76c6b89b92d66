import * as v from 'valibot';
import { type MemberId, parseWorkEmail } from '../../../shared/ids.ts';
import { isPathSegment } from '../../../shared/path-segment.ts';
import type { AdapterOptions } from '../../../shared/workspace/adapters.ts';
import { WorkspaceRejectedError } from '../../../shared/workspace/errors.ts';
import { createJsonApi, isOk, type JsonRequest } from '../../../shared/workspace/json-api.ts';
import type { BudgetNotice, DailyTotal, Member, ProjectRef, Workspace } from '../../../shared/workspace/port.ts';

export interface TinyToolWorkspaceOptions extends AdapterOptions {
  /** For each request. @default 10000 */
  readonly timeoutMilliseconds?: number;
}

// 1. What is relied on in the tool's answers, and nothing more.
const person = v.object({ id: v.pipe(v.string(), v.minLength(1)), email: v.string() });
const task = v.object({ person: v.string(), finishedAt: v.pipe(v.string(), v.isoTimestamp()), seconds: v.number() });
const pageOf = <Row extends v.GenericSchema>(row: Row) => v.object({ rows: v.array(row), hasMore: v.boolean() });

/** A project is a board, and access is being one of its members. */
export function createTinyToolWorkspace(options: TinyToolWorkspaceOptions): Workspace {
  // 2. Every end of a request as one of the port's errors: status, Retry-After, time-outs, the token's second chance.
  const api = createJsonApi({ ...options, platform: 'Tiny Tool', explain: ({ body }) => ({ said: messageIn(body) }) });

  async function findPerson(email: string, who: string, signal?: AbortSignal): Promise<MemberId | undefined> {
    const what = `looking for ${who}`;
    const { people } = await api.read(v.object({ people: v.array(person) }), {
      what,
      path: ['people'],
      query: { email },
      signal,
    });
    return people.find((one) => one.email.toLowerCase() === email)?.id as MemberId | undefined;
  }

  async function* pages<Row>(row: v.GenericSchema<unknown, Row>, request: JsonRequest): AsyncGenerator<Row> {
    for (let page = 0; ; page += 1) {
      const { rows, hasMore } = await api.read(pageOf(row), { ...request, query: { ...request.query, page } });
      yield* rows;
      if (!hasMore) return;
    }
  }

  const members = (board: string, signal?: AbortSignal) =>
    pages(person, { what: `listing the members of board ${board}`, path: ['boards', board, 'members'], signal });

  async function isMember(board: string, member: MemberId, signal?: AbortSignal): Promise<boolean> {
    for await (const { id } of members(board, signal)) if (id === member) return true;
    return false;
  }

  return {
    accessScope: 'project',

    async ping(signal) {
      const about = v.object({ name: v.string(), version: v.string() });
      return api.read(about, { what: 'asking for the version', path: ['about'], signal });
    },

    // 3. Read, write only what differs, and on a conflict read again.
    async ensureAccess({ opentrainUserId, workEmail }, project, signal) {
      const board = boardOf(project);
      const who = `trainer ${opentrainUserId}`;
      let memberId = await findPerson(workEmail, who, signal);
      if (memberId === undefined) {
        const what = `adding ${who}`;
        const answer = await api.send({ what, method: 'POST', path: ['people'], body: { email: workEmail }, signal });
        if (!isOk(answer) && answer.status !== 409) throw api.failure(what, answer);
        memberId = await findPerson(workEmail, who, signal);
        if (memberId === undefined) throw api.makesNoSense(what, 'the person was added, and cannot be found');
      }
      if (!(await isMember(board, memberId, signal))) {
        const path = ['boards', board, 'members', memberId];
        await api.expectOk({ what: `adding ${who} to board ${board}`, method: 'PUT', path, signal });
      }
      return { memberId, opentrainUserId, workEmail };
    },

    // 4. By the id that was noted, else by Work Email; absent already is fine.
    async revokeAccess({ memberId, workEmail, opentrainUserId }, project, signal) {
      const board = boardOf(project);
      const known = memberId ?? (workEmail && (await findPerson(workEmail, `trainer ${opentrainUserId}`, signal)));
      if (known === undefined || !(await isMember(board, known, signal))) return;
      const path = ['boards', board, 'members', known];
      await api.expectOk({ what: `removing ${known} from board ${board}`, method: 'DELETE', path, signal });
    },

    async *listAccess(project, signal) {
      for await (const { id, email } of members(boardOf(project), signal)) {
        // 5. The tool's own people are none of the connector's business.
        const workEmail = parseWorkEmail(email);
        if (workEmail !== undefined) yield { memberId: id as MemberId, workEmail };
      }
    },

    // 6. Raw records, sorted into days of UTC here. The tool has no labels, so they are left out, not 0.
    async *dailyTotals({ project, from, to }, signal) {
      const board = boardOf(project);
      const totals = new Map<string, Required<Pick<DailyTotal, 'member' | 'workDate' | 'seconds' | 'tasks'>>>();
      const query = { since: new Date(from).toISOString() };
      const request = { what: `reading the tasks of board ${board}`, path: ['boards', board, 'tasks'], query, signal };
      for await (const { person: id, finishedAt, seconds } of pages(task, request)) {
        const at = Date.parse(finishedAt);
        if (at < from || at >= to) continue;
        const workDate = new Date(at).toISOString().slice(0, 10);
        const member: Member = { memberId: id as MemberId };
        const before = totals.get(`${workDate} ${id}`) ?? { member, workDate, seconds: 0, tasks: 0 };
        totals.set(`${workDate} ${id}`, { ...before, seconds: before.seconds + seconds, tasks: before.tasks + 1 });
      }
      for (const total of totals.values()) yield { ...total, project, seconds: Math.round(total.seconds) };
    },

    // 7. The banner is the owner's: ours stands below theirs, between two lines by which it is found again.
    async setNotice(project, notice, signal) {
      const board = boardOf(project);
      const path = ['boards', board, 'banner'];
      const what = `reading the banner of board ${board}`;
      const { text } = await api.read(v.object({ text: v.string() }), { what, path, signal });
      const wanted = withNotice(text, notice);
      if (wanted === text) return;
      const body = { text: wanted };
      await api.expectOk({ what: `changing the banner of board ${board}`, method: 'PUT', path, body, signal });
    },
  };
}

const NOTICE = /\n?--- OpenTrain ---\n[\s\S]*?\n--- end ---/;

function withNotice(text: string, notice: BudgetNotice | null): string {
  const own = text.replace(NOTICE, '');
  if (notice === null) return own;
  const lines = ['--- OpenTrain ---', notice.text, ...(notice.url === undefined ? [] : [notice.url]), '--- end ---'];
  return `${own}\n${lines.join('\n')}`;
}

function boardOf({ projectId }: ProjectRef): string {
  if (isPathSegment(projectId)) return projectId;
  throw new WorkspaceRejectedError(`The project id "${projectId}" cannot be a board’s. Correct the project link.`);
}

function messageIn(body: unknown): string | undefined {
  const parsed = v.safeParse(v.object({ message: v.string() }), body);
  return parsed.success ? parsed.output.message : undefined;
}

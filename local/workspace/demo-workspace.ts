import { randomUUID } from 'node:crypto';
import { type ServerType, serve } from '@hono/node-server';
import { type Context, Hono } from 'hono';
import type { ContentfulStatusCode } from 'hono/utils/http-status';
import { type Clock, systemClock } from '../../shared/clock.ts';
import { createDemoContract } from './demo-contract.ts';
import { type DemoFaults, FaultInjector } from './demo-faults.ts';
import { HOURS_AT_MOST, NOTICE_MODULE, NOTICE_MODULE_PATH, PAGE_POLICY, renderPage, WORK_PATH } from './demo-page.ts';
import { DemoPlatform, type Notice, type Person } from './demo-platform.ts';
import { RequestLog } from './request-log.ts';

export interface DemoWorkspaceOptions {
  /** @default any free one */
  readonly port?: number;
  /** What the connector must present. @default a new one at every start */
  readonly token?: string;
  readonly clock?: Clock;
  /** Whether a project must be added before it can be used; otherwise it comes to be at first use. @default false */
  readonly strictProjects?: boolean;
  /** Rows on a page at most, 1 to 200; few make a test of paging small. @default 200 */
  readonly pageRows?: number;
}

/** An annotation platform that serves the workspace contract, on this machine and in memory. */
export interface DemoWorkspace extends DemoFaults {
  /** Of the contract and of the page alike, without a slash at its end. */
  readonly url: string;
  /** What is expected now. */
  readonly token: string;
  readonly requests: RequestLog;
  close(): Promise<void>;
  /** From now on only the new token is taken. @returns the new token */
  rotateToken(token?: string): string;
  addProject(projectId: string, name?: string): void;
  /** The Work Emails of those in the project, sorted. */
  membersOf(projectId: string): string[];
  /** What an administrator of the platform does behind the connector's back. @returns the memberId */
  addMemberByHand(projectId: string, person: Person): string;
  /** @returns false when the trainer was not in the project */
  removeMemberByHand(projectId: string, opentrainUserId: string): boolean;
  /** Lets a trainer who has an account here work, whether they are in the project or not. */
  /** @returns the sitting's id */
  recordWork(work: TrainerWork): string;
  /** Changes what a sitting counts for, or deletes it. */
  correctWork(id: string, work: Pick<TrainerWork, 'seconds' | 'tasks' | 'labels'> | null): void;
  noticeOf(projectId: string): Notice | undefined;
  /** Everything, as `/state` serves it. */
  state(): DemoState;
}

export interface TrainerWork {
  /** `opentrainUserId`. */
  readonly trainer: string;
  readonly project: string;
  /** When the sitting began, milliseconds since the epoch. */
  readonly at: number;
  /** How long it took. */
  readonly seconds?: number;
  /** Submitted when it ended. */
  readonly tasks?: number;
  readonly labels?: number;
}

export interface DemoState {
  readonly projects: readonly {
    readonly projectId: string;
    readonly name: string;
    readonly members: readonly (Person & { readonly memberId: string })[];
    readonly notice: Notice | null;
  }[];
  readonly requests: number;
}

const HOST = '127.0.0.1';

export async function startDemoWorkspace(options: DemoWorkspaceOptions = {}): Promise<DemoWorkspace> {
  const { port = 0, clock = systemClock, strictProjects = false, pageRows = 200 } = options;
  const platform = new DemoPlatform(clock, strictProjects);
  const faults = new FaultInjector(clock);
  const requests = new RequestLog(clock);
  let token = options.token ?? newToken();
  const contract = await createDemoContract({ platform, faults, log: requests, token: () => token, pageRows });

  const app = new Hono();
  app.get('/', (context) => {
    context.header('content-security-policy', PAGE_POLICY);
    context.header('cache-control', 'no-store');
    return context.html(renderPage(platform));
  });
  app.get(NOTICE_MODULE_PATH, (context) => {
    context.header('content-type', 'text/javascript; charset=utf-8');
    return context.body(NOTICE_MODULE);
  });
  app.post(WORK_PATH, async (context) => {
    const { project: projectId, member, hours } = await context.req.parseBody();
    const project = platform.projects.get(String(projectId));
    const account = project && platform.membersOf(project).find(({ memberId }) => memberId === member);
    const isDone = project && account && Number(hours) > 0 && platform.writeDown(project, account, Number(hours));
    if (isDone) return context.redirect('/', 303);
    const expected = `Expected a trainer in a project, and hours above 0 that make no more than ${HOURS_AT_MOST} a day.`;
    return context.json({ error: expected, code: 'BAD_REQUEST' }, 400);
  });
  app.get('/state', (context) => context.json(state()));
  app.all('*', async (context) => {
    const { status, headers = {}, body } = await contract(await contractRequest(context));
    if (body === undefined) return new Response(null, { status, headers });
    return context.json(body, status as ContentfulStatusCode, headers);
  });
  app.onError((error, context) => context.json({ error: error.message, code: 'INTERNAL_ERROR' }, 500));

  const { server, url } = await listen(app, port);

  function state(): DemoState {
    const projects = [...platform.projects.values()].map((project) => ({
      projectId: project.projectId,
      name: project.name,
      members: platform.membersOf(project),
      notice: project.notice ?? null,
    }));
    return { projects, requests: requests.count };
  }

  function projectOf(projectId: string) {
    return platform.projects.get(projectId) ?? platform.addProject(projectId);
  }

  return {
    url,
    get token() {
      return token;
    },
    requests,
    close: () => close(server),
    rotateToken(next = newToken()) {
      token = next;
      return next;
    },
    addProject: (projectId, name) => void platform.addProject(projectId, name),
    membersOf(projectId) {
      const project = platform.projects.get(projectId);
      return project === undefined
        ? []
        : platform
            .membersOf(project)
            .map(({ workEmail }) => workEmail)
            .sort();
    },
    addMemberByHand(projectId, person) {
      const joined = platform.join(projectOf(projectId), person);
      if (joined.kind === 'two-accounts') {
        throw new Error('The Work Email and the opentrainUserId belong to different accounts.');
      }
      return joined.account.memberId;
    },
    removeMemberByHand: (projectId, opentrainUserId) => platform.leave(projectOf(projectId), opentrainUserId),
    recordWork({ trainer, project, ...work }) {
      return platform.record(trainer, { projectId: projectOf(project).projectId, ...work });
    },
    correctWork: (id, work) => platform.correct(id, work),
    noticeOf: (projectId) => platform.projects.get(projectId)?.notice,
    state,
    outage: (on) => faults.outage(on),
    respondNext: (status, headers, times) => faults.respondNext(status, headers, times),
    slow: (milliseconds, slowOptions) => faults.slow(milliseconds, slowOptions),
    rateLimit: (limit) => faults.rateLimit(limit),
  };
}

async function contractRequest({ req }: Context) {
  const { pathname, search } = new URL(req.url);
  return { method: req.method, path: pathname, query: search.slice(1), headers: req.header(), body: await req.text() };
}

function newToken(): string {
  return `demo_${randomUUID()}`;
}

function listen(app: Hono, port: number): Promise<{ server: ServerType; url: string }> {
  return new Promise((resolve, reject) => {
    const server = serve({ fetch: app.fetch, hostname: HOST, port }, (address) =>
      resolve({ server, url: `http://${HOST}:${address.port}` }),
    );
    server.on('error', reject);
  });
}

function close(server: ServerType): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => resolve());
    // A caller that keeps its connection alive must not keep the workspace up.
    if ('closeAllConnections' in server) server.closeAllConnections();
  });
}

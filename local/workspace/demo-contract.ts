import { readFile } from 'node:fs/promises';
import { type Context, type Document, OpenAPIBackend, type Options } from 'openapi-backend';
import { parse } from 'yaml';
import type { components } from '../../shared/workspace/http/openapi.types.ts';
import type { FaultInjector } from './demo-faults.ts';
import type { Account, DemoPlatform, Project } from './demo-platform.ts';
import type { RequestLog } from './request-log.ts';

type Schemas = components['schemas'];

/** An HTTP request, as far as the contract is concerned. */
export interface ContractRequest {
  readonly method: string;
  readonly path: string;
  readonly query: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

export interface ContractAnswer {
  readonly status: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: unknown;
}

export interface ContractParts {
  readonly platform: DemoPlatform;
  readonly faults: FaultInjector;
  readonly log: RequestLog;
  /** What the caller must present now. */
  readonly token: () => string;
  /** Rows on a page at most, below the contract's own limit. */
  readonly pageRows: number;
}

/** Serves the workspace contract: every request and every answer is held to `openapi.yaml`. */
export async function createDemoContract(
  parts: ContractParts,
): Promise<(request: ContractRequest) => Promise<ContractAnswer>> {
  const { platform, faults, log, token } = parts;
  const api = new OpenAPIBackend({
    definition: await readContract(),
    customizeAjv: addFormats,
    strict: true,
    // Leaves out the check of the document itself, for which the library only knows OpenAPI 3.0.
    quick: true,
  });

  api.registerSecurityHandler('token', ({ request }: Context) => request.headers.authorization === `Bearer ${token()}`);
  api.register({
    notFound: () => failure(404, 'NOT_FOUND', 'The contract has no such path.'),
    methodNotAllowed: () => failure(405, 'METHOD_NOT_ALLOWED', 'The contract has no such method here.'),
    unauthorizedHandler: () => failure(401, 'UNAUTHORIZED', 'The token is not the one that is expected.'),
    validationFail: ({ validation }: Context) => {
      // Only where it is wrong: the values may be addresses.
      const places = (validation.errors ?? []).map(
        ({ instancePath, keyword }) => `${instancePath || '/'} (${keyword})`,
      );
      return failure(400, 'BAD_REQUEST', `The request does not match the contract: ${places.join('; ')}.`);
    },
    getWorkspace: () => ({ status: 200, body: { name: 'Demo workspace', version: '1.0.0' } }),
    putMember: inProject(({ request }, project) => {
      const joined = platform.join(project, { ...request.requestBody, ...param(request, 'opentrainUserId') });
      if (joined.kind === 'two-accounts') {
        return failure(409, 'CONFLICT', 'The Work Email and the opentrainUserId belong to different accounts.');
      }
      return { status: joined.kind === 'joined' ? 201 : 200, body: describe(joined.account) };
    }),
    deleteMember: inProject(({ request }, project) =>
      platform.leave(project, param(request, 'opentrainUserId').opentrainUserId)
        ? { status: 204 }
        : failure(404, 'MEMBER_UNKNOWN', 'The person is not in the project.'),
    ),
    listMembers: inProject(({ request }, project) => {
      const fromOpenTrain = platform.membersOf(project).filter((account) => !isStaff(account));
      const { rows, nextCursor } = pageOf(fromOpenTrain, request.query);
      return { status: 200, body: { members: rows.map(describe), nextCursor } };
    }),
    listDailyTotals: inProject(({ request }, project) => {
      const { from, to } = request.query;
      const all = platform.dailyTotals(project, Date.parse(String(from)), Date.parse(String(to)));
      const { rows, nextCursor } = pageOf(all, request.query);
      return { status: 200, body: { totals: rows, nextCursor } };
    }),
    putNotice: inProject(({ request }, project) => {
      platform.show(project, request.requestBody);
      return { status: 204 };
    }),
    deleteNotice: inProject((_, project) => {
      platform.hideNotice(project);
      return { status: 204 };
    }),
  });
  await api.init();

  function inProject(handle: (context: Context, project: Project) => ContractAnswer) {
    return (context: Context): ContractAnswer => {
      const { projectId } = param(context.request, 'projectId');
      const project = platform.project(projectId);
      if (project === undefined) return failure(404, 'PROJECT_UNKNOWN', 'There never was such a project here.');
      return handle(context, project);
    };
  }

  function pageOf<Row>(all: readonly Row[], query: Context['request']['query']) {
    const start = Number(query.cursor ?? 0);
    const end = start + Math.min(Number(query.limit ?? 100), parts.pageRows);
    return { rows: all.slice(start, end), nextCursor: end < all.length ? String(end) : null };
  }

  return async (request) => {
    const operation = api.matchOperation({ ...request, headers: { ...request.headers } });
    const projectId = operation && /^\/projects\/([^/]+)/.exec(request.path)?.[1];
    const fault = await faults.strike(projectId === undefined ? undefined : decodeURIComponent(projectId));
    const answer: ContractAnswer =
      fault === undefined
        ? await api.handleRequest({ ...request, headers: { ...request.headers } })
        : { ...failure(fault.status, codeOf(fault.status), 'A fault was asked for.'), headers: fault.headers };
    if (operation?.operationId !== undefined) {
      const correlationId = request.headers['x-correlation-id'];
      log.add({ operationId: operation.operationId, status: answer.status, correlationId });
    }
    if (operation === undefined || answer.body === undefined) return answer;

    const { errors } = api.validateResponse(answer.body, operation, answer.status);
    if (!errors) return answer;
    throw new Error(`The demo workspace broke its own contract in ${operation.operationId}: ${JSON.stringify(errors)}`);
  };
}

async function readContract(): Promise<Document> {
  return parse(await readFile(new URL('../../shared/workspace/http/openapi.yaml', import.meta.url), 'utf8'));
}

/** The formats that the contract uses; the validator knows none of them by itself. */
const addFormats: NonNullable<Options['customizeAjv']> = (ajv) =>
  ajv
    .addFormat('date-time', (text: string) => /^\d{4}-\d\d-\d\dT/.test(text) && !Number.isNaN(Date.parse(text)))
    .addFormat('date', (text: string) => /^\d{4}-\d\d-\d\d$/.test(text) && !Number.isNaN(Date.parse(text)))
    .addFormat('uri', (text: string) => URL.canParse(text));

/** As the contract's schema has it. */
const WORK_EMAIL = /^[^@\s]+@opentrain\.work$/;

/** Whom the contract does not list: neither added through it, nor with a Work Email. */
function isStaff({ opentrainUserId, workEmail }: Account): boolean {
  return opentrainUserId === undefined && !WORK_EMAIL.test(workEmail);
}

function describe({ memberId, opentrainUserId, workEmail }: Account): Schemas['Member'] {
  return {
    memberId,
    ...(WORK_EMAIL.test(workEmail) ? { workEmail } : {}),
    ...(opentrainUserId === undefined ? {} : { opentrainUserId }),
  };
}

function param<Name extends string>(request: Context['request'], name: Name): Record<Name, string> {
  return { [name]: String(request.params[name]) } as Record<Name, string>;
}

function failure(status: number, code: string, error: string): ContractAnswer {
  return { status, body: { error, code } satisfies Schemas['Failure'] };
}

const CODES: Readonly<Record<number, string>> = {
  400: 'BAD_REQUEST',
  401: 'UNAUTHORIZED',
  403: 'FORBIDDEN',
  404: 'NOT_FOUND',
  409: 'CONFLICT',
  429: 'RATE_LIMITED',
  501: 'UNSUPPORTED',
  503: 'UNAVAILABLE',
};

function codeOf(status: number): string {
  return CODES[status] ?? (status >= 500 ? 'INTERNAL_ERROR' : 'BAD_REQUEST');
}

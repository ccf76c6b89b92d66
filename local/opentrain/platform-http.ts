import type { Context, HandlerMap, Request } from 'openapi-backend';
import type { Logger } from '../../shared/logging.ts';
import { createApiBackend } from './api-contract.ts';
import { type Answer, ApiError, answerOfError } from './api-error.ts';
import type { NewId } from './new-id.ts';
import type { OperationId, PlatformApi } from './platform-operations.ts';
import type { Install, Scope, State } from './state.ts';

/** One call that was answered, for tests to look at. */
export interface AnsweredCall {
  /** Absent when the path or the method is unknown. */
  readonly operationId?: OperationId;
  readonly status: number;
}

export interface PlatformHttp {
  handle(request: Request): Promise<Answer>;
  readonly calls: readonly AnsweredCall[];
  /** Answers that the document does not allow. Each became a 500; in a right simulation there is none. */
  readonly violations: readonly string[];
}

interface Dependencies {
  readonly state: State;
  readonly api: PlatformApi;
  readonly newId: NewId;
  readonly logger: Logger;
}

/** Puts the 15 operations on HTTP: authorise, validate the request, answer, validate the answer. */
export async function createPlatformHttp({ state, api, newId, logger }: Dependencies): Promise<PlatformHttp> {
  const calls: AnsweredCall[] = [];
  const violations: string[] = [];

  const refuse = (error: unknown) => answerOfError(error, newId('req'));
  const backend = await createApiBackend({
    securityHandlers: { installToken: (context: Context) => authorise(state, context) },
    handlers: {
      ...operationHandlers(api, refuse),
      notFound: () => refuse(new ApiError('NOT_FOUND', 'No such path')),
      methodNotAllowed: () => refuse(new ApiError('NOT_FOUND', 'No such method on this path')),
      unauthorizedHandler: (context) => refuse(context.security.installToken.error),
      validationFail: (context) => refuse(badRequest(context)),
      postResponseHandler(context) {
        const mistakes = context.operation === undefined ? [] : mistakesOf(context, context.response);
        violations.push(...mistakes);
        const answer: Answer = mistakes.length > 0 ? refuse(new Error(mistakes.join('; '))) : context.response;
        const operationId = context.operation?.operationId as OperationId | undefined;
        calls.push({ ...(operationId === undefined ? {} : { operationId }), status: answer.status });
        logger.info({ event: 'opentrain.call.answered', outcome: operationId, status: answer.status });
        return answer;
      },
    },
  });
  return { handle: (request) => backend.handleRequest(request), calls, violations };
}

function operationHandlers(api: PlatformApi, refuse: (error: unknown) => Answer): HandlerMap {
  return Object.fromEntries(
    Object.entries(api).map(([operationId, operation]) => [
      operationId,
      (context: Context): Answer => {
        const { params, query, requestBody } = context.request;
        const { installToken: install } = context.security;
        try {
          // The document has validated what the type promises.
          const body = (operation as (call: unknown) => unknown)({ install, path: params, query, body: requestBody });
          return { status: successStatus(context), body };
        } catch (error) {
          return refuse(error);
        }
      },
    ]),
  );
}

/** The one 2xx that the document gives the operation. */
function successStatus({ operation }: Context): 200 | 201 {
  return '201' in (operation.responses ?? {}) ? 201 : 200;
}

/** @returns the install that the token belongs to; throws when it may not make this call */
function authorise(state: State, { request, operation }: Context): Install {
  const [, token] = /^Bearer (\S+)$/i.exec(String(request.headers.authorization ?? '')) ?? [];
  const install = [...state.installs.values()].find((candidate) => candidate.token.value === token);
  if (install?.status !== 'ACTIVE') throw new ApiError('UNAUTHORIZED', 'The token is missing, unknown or revoked');
  if (!state.app.active) throw new ApiError('FORBIDDEN', 'The partner app is not active');
  if (!state.organizations.get(install.organizationId)?.featureEnabled) {
    throw new ApiError('FORBIDDEN', 'The employer does not have the annotation-platform feature');
  }
  const { 'x-opentrain-scope': scope } = operation as { readonly 'x-opentrain-scope'?: Scope | 'any' };
  if (scope === undefined) throw new Error(`The document names no scope for ${operation.operationId}.`);
  if (scope !== 'any' && !holds(install, scope)) {
    throw new ApiError('FORBIDDEN', `The token lacks the scope ${scope}`, { requiredScope: scope });
  }
  return install;
}

function holds({ scopes }: Install, scope: Scope): boolean {
  const implied = scope === 'project-links:read' && scopes.includes('project-links:write');
  return implied || scopes.includes(scope);
}

function badRequest({ validation }: Context): ApiError {
  const issues = (validation.errors ?? []).map(({ instancePath, message }) => ({ path: instancePath, message }));
  return new ApiError('BAD_REQUEST', 'The request is not valid', { issues });
}

function mistakesOf(context: Context, answer: Answer): string[] {
  const { api, operation } = context;
  const where = `${operation.operationId} ${answer.status}`;
  if (!(String(answer.status) in (operation.responses ?? {}))) return [`${where}: not in the document`];
  const { errors } = api.validateResponse(answer.body, operation, answer.status);
  return (errors ?? []).map(({ instancePath, message }) => `${where}${instancePath}: ${message}`);
}

import type { APIGatewayProxyEventV2, APIGatewayProxyStructuredResultV2 } from 'aws-lambda';
import { readProjectBudget } from '../../shared/budget/read-project-budget.ts';
import { type ProjectId, parseConnectionId } from '../../shared/ids.ts';
import type { Logger } from '../../shared/logging.ts';
import type { Store } from '../../shared/store/store.ts';

export type BudgetHandler = (event: APIGatewayProxyEventV2) => Promise<APIGatewayProxyStructuredResultV2>;

export interface BudgetHandlerParts {
  readonly store: Pick<Store, 'connections' | 'budgets' | 'grants'>;
  readonly logger: Logger;
}

/** `GET /connections/{connectionId}/projects/{externalProjectId}/budget`, for the platform's own servers. */
export function createBudgetHandler({ store, logger }: BudgetHandlerParts): BudgetHandler {
  return async ({ pathParameters = {} }) => {
    const connectionId = parseConnectionId(pathParameters.connectionId ?? '');
    const projectId = parseProjectId(pathParameters.externalProjectId ?? '');
    if (connectionId === undefined || projectId === undefined) {
      return failure(400, 'BAD_REQUEST', 'Expected the id of a connection and of one of its projects in the path.');
    }
    try {
      const budget = await readProjectBudget(connectionId, projectId, store);
      if (budget === undefined) return failure(404, 'NOT_FOUND', `There is no connection "${connectionId}".`);
      return answer(200, budget);
    } catch (error) {
      logger.error({ event: 'budget.unavailable', connectionId, projectId, error });
      return failure(503, 'UNAVAILABLE', 'The budget cannot be read now. Ask again later.');
    }
  };
}

/** Source of the length: OpenTrain's limit for `externalProjectId`. */
const PROJECT_ID_CHARACTERS = 200;

function parseProjectId(text: string): ProjectId | undefined {
  return text.length >= 1 && text.length <= PROJECT_ID_CHARACTERS ? (text as ProjectId) : undefined;
}

function failure(statusCode: number, code: string, error: string): APIGatewayProxyStructuredResultV2 {
  return answer(statusCode, { error, code });
}

function answer(statusCode: number, body: object): APIGatewayProxyStructuredResultV2 {
  const headers = { 'content-type': 'application/json', 'cache-control': 'no-store' };
  return { statusCode, headers, body: JSON.stringify(body) };
}

import type { APIGatewayProxyEventV2, APIGatewayProxyStructuredResultV2 } from 'aws-lambda';
import { chooseWorkspace } from '../../shared/connections/choose-workspace.ts';
import { connect } from '../../shared/connections/connect.ts';
import { disconnect, UnknownConnectionError } from '../../shared/connections/disconnect.ts';
import { tellConnected, tellConnection } from '../../shared/connections/tell-connected.ts';
import { type ConnectionId, parseConnectionId } from '../../shared/ids.ts';
import type { AdminParts } from './parts.ts';
import { refusalOf } from './refusal.ts';
import { BadRequestError, readConnectBody } from './request.ts';

export type AdminHandler = (event: APIGatewayProxyEventV2) => Promise<APIGatewayProxyStructuredResultV2>;

/** `PUT`, `GET` and `DELETE /connections/{connectionId}`: what the operator's commands do, for a platform's settings page. */
export function createAdminHandler(parts: AdminParts): AdminHandler {
  return async (event) => {
    const { method } = event.requestContext.http;
    const connectionId = parseConnectionId(event.pathParameters?.connectionId ?? '');
    try {
      if (connectionId === undefined) {
        throw new BadRequestError('Expected a connection id of 1 to 64 lower-case letters, digits and inner hyphens.');
      }
      const told = await act(method, connectionId, event, parts);
      parts.logger.info({ event: 'admin.done', connectionId, outcome: method });
      return answer(200, told);
    } catch (error) {
      const { status, code, message, retryAfterSeconds, requestId } = refusalOf(error);
      const level = status === 500 ? 'error' : 'warn';
      parts.logger[level]({
        event: 'admin.refused',
        connectionId,
        outcome: method,
        status,
        reason: code,
        requestId,
        error,
      });
      return answer(status, { error: message, code }, retryAfterSeconds);
    }
  };
}

async function act(method: string, connectionId: ConnectionId, event: APIGatewayProxyEventV2, parts: AdminParts) {
  const { store } = parts;
  const webhookUrl = `${parts.webhookBaseUrl}/webhooks/opentrain/${connectionId}`;
  if (method === 'PUT') {
    const { token, workspaceId: wanted, replaceCustomer = false } = readConnectBody(event);
    const workspaceId = await chooseWorkspace(connectionId, wanted, store);
    const request = { connectionId, token, webhookUrl, workspaceId, replaceCustomer };
    return tellConnected(request, await connect(request, parts));
  }
  if (method === 'DELETE') return { connectionId, ...(await disconnect({ connectionId, webhookUrl }, parts)) };
  const connection = await store.connections.find(connectionId);
  if (connection === undefined) throw new UnknownConnectionError(connectionId);
  return tellConnection(connection);
}

function answer(statusCode: number, body: object, retryAfterSeconds?: number): APIGatewayProxyStructuredResultV2 {
  const headers = { 'content-type': 'application/json', 'cache-control': 'no-store' };
  const wait = retryAfterSeconds === undefined ? {} : { 'retry-after': String(retryAfterSeconds) };
  return { statusCode, headers: { ...headers, ...wait }, body: JSON.stringify(body) };
}

import type { APIGatewayProxyEventV2 } from 'aws-lambda';
import * as v from 'valibot';
import { ConnectorError } from '../../shared/errors.ts';

/** The caller sent what makes no sense. */
export class BadRequestError extends ConnectorError {
  override readonly name = 'BadRequestError';
}

export class BodyTooLargeError extends ConnectorError {
  override readonly name = 'BodyTooLargeError';
}

/** A token, a name and a yes are all that there is to say. */
export const BODY_LIMIT_BYTES = 4 * 1024;

const connectBody = v.strictObject({
  token: v.pipe(v.string(), v.trim(), v.regex(/^ot_ptk_[\x21-\x7e]+$/)),
  workspaceId: v.optional(v.pipe(v.string(), v.regex(/^[\w.-]{1,64}$/))),
  replaceCustomer: v.optional(v.boolean()),
});

/**
 * What came is never repeated: it holds a token, or something that was taken for one.
 *
 * @throws {BadRequestError} when it is not as expected
 * @throws {BodyTooLargeError}
 */
export function readConnectBody({ body = '', isBase64Encoded }: APIGatewayProxyEventV2) {
  const bytes = Buffer.from(body, isBase64Encoded ? 'base64' : 'utf8');
  if (bytes.byteLength > BODY_LIMIT_BYTES) {
    throw new BodyTooLargeError(`Expected at most ${BODY_LIMIT_BYTES} bytes, ${bytes.byteLength} came.`);
  }
  const parsed = v.safeParse(connectBody, parseJson(bytes.toString('utf8')));
  if (parsed.success) return parsed.output;
  const fields = parsed.issues
    .map((issue) => v.getDotPath(issue))
    .filter((path) => path !== null && Object.hasOwn(connectBody.entries, path));
  throw new BadRequestError(
    'Expected {"token": "ot_ptk_…"}, with "workspaceId" if the connection has a workspace of its own, "replaceCustomer": true if ' +
      'the token is of another customer than before, and nothing else; ' +
      `${fields.length > 0 ? `${fields.join(' and ')} is missing or of another form` : 'something else came'}.`,
  );
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    // Not the parser's own error: it quotes what it could not read.
    return undefined;
  }
}

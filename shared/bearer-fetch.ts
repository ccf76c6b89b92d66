import { ConnectorError } from './errors.ts';

/** Gives the token of the moment. `refresh` asks for a look past every cache, because the last one was refused. */
export type TokenSource = (options?: { refresh?: boolean }) => Promise<string>;

/** The secret store did not give a usable token; whatever the caller wanted was not sent. */
export class TokenUnreadableError extends ConnectorError {
  override readonly name = 'TokenUnreadableError';
}

/**
 * Puts `Authorization: Bearer …` on every request. A 401 may mean that the token was rotated since it was read:
 * then it is read afresh and, if it is another one, the request is repeated once.
 *
 * @throws {TokenUnreadableError} from the returned function; besides, whatever `fetch` throws
 */
export function createBearerFetch(
  token: TokenSource,
  fetch: typeof globalThis.fetch = globalThis.fetch,
): (request: Request) => Promise<Response> {
  return async (request) => {
    const repeat = request.clone();
    const first = await readToken(token);
    request.headers.set('authorization', `Bearer ${first}`);
    const response = await fetch(request);
    if (response.status !== 401) return response;

    const second = await readToken(token, { refresh: true });
    if (second === first) return response;
    await response.body?.cancel();
    repeat.headers.set('authorization', `Bearer ${second}`);
    return fetch(repeat);
  };
}

async function readToken(source: TokenSource, options?: { refresh?: boolean }): Promise<string> {
  let token: string;
  try {
    token = await source(options);
  } catch (cause) {
    throw new TokenUnreadableError('The token could not be read from the secret store.', { cause });
  }
  // Checked here, because fetch would quote an impossible header, and the token with it, in its error.
  if (!/^[\x21-\x7e]+$/.test(token)) {
    throw new TokenUnreadableError('The stored token is empty or holds spaces or line ends. Store it again, alone.');
  }
  return token;
}

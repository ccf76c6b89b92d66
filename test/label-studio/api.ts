import type { Installation } from './installation.ts';

/** Label Studio's API as somebody calls it who is not the connector. */
export interface Api {
  /** @throws unless the answer is a 2xx */
  call(method: string, path: string, body?: unknown): Promise<unknown>;
  /** Status of a GET. */
  status(path: string): Promise<number>;
}

/** @param headers - what the caller proves with who they are */
export function openApi({ url }: Installation, headers: Readonly<Record<string, string>>): Api {
  const send = (method: string, path: string, body?: unknown) =>
    fetch(`${url}${path}`, {
      method,
      redirect: 'manual',
      headers: { ...headers, ...(body === undefined ? {} : { 'content-type': 'application/json' }) },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
  return {
    async call(method, path, body) {
      const response = await send(method, path, body);
      const text = await response.text();
      if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${text.slice(0, 400)}`);
      return text === '' ? undefined : JSON.parse(text);
    },
    async status(path) {
      const response = await send('GET', path);
      await response.body?.cancel();
      return response.status;
    },
  };
}

/**
 * Opens one of Label Studio's pages, fills in the form on it and sends it, as a browser does.
 *
 * @param cookie - of a session, where the page wants one
 * @returns the cookies afterwards, if the form was taken (it then leads to another page); undefined if it was not
 */
export async function submitForm(
  { url }: Installation,
  path: string,
  fields: Readonly<Record<string, string>>,
  cookie = '',
): Promise<string | undefined> {
  const page = `${url}${path}`;
  const form = await fetch(page, { headers: { cookie } });
  const csrf = /name="csrfmiddlewaretoken" value="([^"]+)"/.exec(await form.text())?.[1] ?? '';
  const cookies = merge(cookie, form);
  const response = await fetch(page, {
    method: 'POST',
    redirect: 'manual',
    headers: { cookie: cookies, referer: page },
    body: new URLSearchParams({ ...fields, csrfmiddlewaretoken: csrf }),
  });
  await response.body?.cancel();
  return response.status === 302 ? merge(cookies, response) : undefined;
}

/** @returns the session's cookies; undefined when Label Studio does not let them in */
export const signIn = (installation: Installation, address: string, password: string): Promise<string | undefined> =>
  submitForm(installation, '/user/login/', { email: address, password });

function merge(cookies: string, response: Response): string {
  const fresh = response.headers.getSetCookie().map((cookie) => cookie.split(';')[0] ?? '');
  const all = [...cookies.split('; '), ...fresh]
    .filter(Boolean)
    .map((pair) => pair.split(/=(.*)/s) as [string, string]);
  return [...new Map(all)].map(([name, value]) => `${name}=${value}`).join('; ');
}

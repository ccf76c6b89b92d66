import { readFile } from 'node:fs/promises';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

/** The strictest policy under which a page can run scripts at all: no inline style, no HTML made out of strings. */
export const STRICT_POLICY =
  "default-src 'none'; script-src 'self'; connect-src 'self'; require-trusted-types-for 'script'; trusted-types 'none'";

type Answer = (request: IncomingMessage, response: ServerResponse) => void;

/** A platform that has put the component into its page and answers `/budget` as a test wishes. */
export interface Platform {
  readonly url: string;
  /** The body of its page. */
  body: string;
  /** How `/budget` is answered from now on. */
  answer: Answer;
  /** How often `/budget` was asked. */
  asked: number;
  close(): Promise<void>;
}

export async function startPlatform(): Promise<Platform> {
  const module = await readFile(new URL('../../embed/opentrain-budget-notice.js', import.meta.url));
  const server = createServer((request, response) => {
    const path = request.url?.split('?')[0];
    if (path === '/budget') {
      platform.asked += 1;
      platform.answer(request, response);
    } else if (path === '/opentrain-budget-notice.js') {
      response.setHeader('content-type', 'text/javascript').end(module);
    } else if (path === '/') {
      response
        .setHeader('content-type', 'text/html; charset=utf-8')
        .setHeader('content-security-policy', STRICT_POLICY);
      response.end(`<!doctype html><html lang="en"><meta name="viewport" content="width=device-width">
        <meta name="color-scheme" content="light dark"><title>A platform</title>
        <script type="module" src="/opentrain-budget-notice.js"></script><body>${platform.body}</body></html>`);
    } else response.writeHead(404).end();
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const platform: Platform = {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    body: '<opentrain-budget-notice></opentrain-budget-notice>',
    answer: json(null),
    asked: 0,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
  return platform;
}

export function json(data: unknown): Answer {
  return (_, response) => void response.setHeader('content-type', 'application/json').end(JSON.stringify(data));
}

export function status(code: number): Answer {
  return (_, response) => void response.writeHead(code).end('<h1>Trouble</h1>');
}

/** Takes the request and never answers. */
export const silence: Answer = () => {};

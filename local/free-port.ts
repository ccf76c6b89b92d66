import { once } from 'node:events';
import { createServer } from 'node:net';

/** The first port from the given one on that nobody listens on; 0 stays 0, which takes any. */
export async function freePort(from: number): Promise<number> {
  if (from === 0) return 0;
  for (let port = from; port < from + 100 && port < 65_536; port += 1) if (await isFree(port)) return port;
  throw new Error(`Every port from ${from} to ${from + 99} is taken. Name another with PORT.`);
}

async function isFree(port: number): Promise<boolean> {
  const server = createServer();
  try {
    server.listen(port, '127.0.0.1');
    await once(server, 'listening');
    return true;
  } catch {
    return false;
  } finally {
    server.close();
  }
}

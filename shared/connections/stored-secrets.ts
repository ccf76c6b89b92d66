import type { ConnectionId } from '../ids.ts';
import { type WebhookSecret, webhookSecret } from '../opentrain/signature.ts';
import type { ConnectionParts } from './connection-client.ts';

type SecretParts = Pick<ConnectionParts, 'parameters' | 'names'>;

/** One secret a line; blank lines and surrounding spaces do not matter, since operators paste them. */
export function parseSecrets(value: string): WebhookSecret[] {
  return value
    .split(/\s+/)
    .filter((line) => line.startsWith('whsec_'))
    .map(webhookSecret);
}

/** @returns the connection's secrets, newest first; none when there is no such parameter */
export async function readSecrets(
  connection: ConnectionId,
  { parameters, names }: SecretParts,
): Promise<WebhookSecret[]> {
  return parseSecrets((await parameters.get(names.webhookSecrets(connection))) ?? '');
}

/** @param secrets - newest first; from now on no other is live, but for the five minutes that functions may remember one */
export async function writeSecrets(
  connection: ConnectionId,
  secrets: readonly WebhookSecret[],
  { parameters, names }: SecretParts,
): Promise<void> {
  await parameters.put(names.webhookSecrets(connection), secrets.map(({ value }) => value).join('\n'));
}

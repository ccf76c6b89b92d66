import type { OpenTrainClient } from '../opentrain/client.ts';
import type { ConnectionParts } from './connection-client.ts';
import {
  type Address,
  type Ailment,
  ailmentsOf,
  mendEndpoint,
  redeliverFailed,
  type Standing,
  type WorkingEndpoint,
} from './endpoints.ts';
import { writeSecrets } from './stored-secrets.ts';

/** What connecting does with the endpoints that work: with one, or in the midst of a rotation with two. */
type Kept = Pick<Standing, 'current' | 'next'>;

/** Newest first, as secrets are stored. */
function workingIn({ current, next }: Kept): WorkingEndpoint[] {
  return [next, current].filter((one) => one !== undefined);
}

/** What is wrong with them, each once. */
export function ailmentsIn(kept: Kept, webhookUrl: string): Ailment[] {
  return [...new Set(workingIn(kept).flatMap(({ endpoint }) => ailmentsOf(webhookUrl, endpoint)))];
}

/** Points them here, enables them, and forgets secrets that are of no endpoint any more. */
export async function mendKept(
  { storedSecrets, ...standing }: Standing,
  { connectionId, webhookUrl }: Address,
  client: OpenTrainClient,
  parts: ConnectionParts,
): Promise<void> {
  const working = workingIn(standing);
  if (storedSecrets.length > working.length) {
    await writeSecrets(
      connectionId,
      working.map(({ secret }) => secret),
      parts,
    );
  }
  for (const { endpoint } of working) await mendEndpoint(endpoint, webhookUrl, client);
}

/** @returns how many deliveries OpenTrain sends again, which is noted as done */
export async function redeliverKept(
  kept: Kept,
  { connectionId }: Address,
  client: OpenTrainClient,
  { connections }: ConnectionParts,
): Promise<number> {
  const endpoints = workingIn(kept).map(({ endpoint }) => endpoint);
  const requeued = await redeliverFailed(endpoints, client);
  await connections.noteRedelivered(connectionId);
  return requeued;
}

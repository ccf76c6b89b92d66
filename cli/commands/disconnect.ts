import { type Disconnected, disconnect } from '../../shared/connections/disconnect.ts';
import { connectionStatus } from '../../shared/operations/connection-status.ts';
import type { Answer } from '../answer.ts';
import { existingConnection, openParts } from '../parts.ts';
import type { TargetOptions } from '../target.ts';
import type { Terminal } from '../terminal.ts';
import { count } from '../words.ts';

export interface DisconnectOptions extends TargetOptions {
  readonly dryRun?: boolean | undefined;
}

export async function disconnectCommand(
  connection: string,
  { dryRun = false, ...options }: DisconnectOptions,
  terminal: Terminal,
): Promise<Answer> {
  const parts = await openParts(options);
  const id = await existingConnection(connection, parts);
  const token = await parts.parameters.get(parts.names.token(id));
  const { status, disconnectedReason = 'unknown', endpointId } = await parts.connections.get(id);
  // Where a token is left, the rest of it goes now: an earlier run was interrupted, or OpenTrain told of the end.
  if (status === 'disconnected' && token === undefined) {
    return {
      data: { connectionId: id, dryRun, already: disconnectedReason },
      text: () =>
        `${id} is disconnected already (${disconnectedReason}), and nothing is left here to remove.` +
        (endpointId === undefined
          ? ''
          : ` OpenTrain could not be told then: it gives up the endpoint ${endpointId} by itself.`),
    };
  }
  const { trainers } = await connectionStatus(id, parts, parts.clock.now());
  const what = `its webhook endpoint at OpenTrain, its token and its secrets in ${parts.target.name}`;
  const hours = count(parts.target.graceHours, 'hour');
  const stay = `Who is in stays in for ${hours}: ${count(trainers.working, 'trainer')}.`;
  if (dryRun) {
    return {
      data: { connectionId: id, dryRun, workingTrainers: trainers.working },
      text: () => `Would disconnect ${id} and remove ${what}. ${stay} Nothing was done.`,
    };
  }
  await terminal.confirm(`Disconnect ${id} and remove ${what}? ${stay}`);
  const done = await disconnect(
    { connectionId: id, webhookUrl: parts.webhookUrl(id) },
    { ...parts, grants: parts.store.grants },
  );
  return { data: { connectionId: id, dryRun, ...done }, text: () => lines(id, done, hours).join('\n') };
}

function lines(id: string, { endpoints, grants }: Disconnected, hours: string): string[] {
  const told =
    endpoints.kind === 'deleted'
      ? `OpenTrain delivers nothing to it any more: ${count(endpoints.count, 'endpoint')} deleted.`
      : `OpenTrain could not be told (${endpoints.reason}): it gives up the endpoint ${endpoints.endpointId ?? ''} by itself after ten refused deliveries. ` +
        'Or the customer disconnects at OpenTrain.';
  return [
    `Disconnected ${id}: token and secrets are gone. ${told}`,
    ...(grants.open === 0
      ? ['Nobody had access through it.']
      : [
          `${count(grants.open, 'contract')} still open: whoever is in stays in for ${hours}, in case the customer comes ` +
            'back, and is then taken out by the reconciliation.',
        ]),
    ...(grants.parked === 0 ? [] : [`${count(grants.parked, 'contract')} waited for access, and will not get it.`]),
  ];
}

import { rotateSecret, type SecretRotation } from '../../shared/connections/rotate-secret.ts';
import type { Connection } from '../../shared/store/connections.ts';
import type { Answer } from '../answer.ts';
import { existingConnection, openParts } from '../parts.ts';
import type { TargetOptions } from '../target.ts';
import type { Terminal } from '../terminal.ts';
import { time } from '../words.ts';

export interface RotateOptions extends TargetOptions {
  readonly force?: boolean | undefined;
  readonly dryRun?: boolean | undefined;
}

export async function rotateSecretCommand(
  connection: string,
  { force = false, dryRun = false, ...options }: RotateOptions,
  terminal: Terminal,
): Promise<Answer> {
  const parts = await openParts(options);
  const id = await existingConnection(connection, parts);
  if (dryRun) return wouldRotate(await parts.connections.get(id), force);
  if (force) {
    await terminal.confirm(
      `Delete the old endpoint of ${id} at once? Whatever OpenTrain is still trying to deliver through it is lost; reconcile finds it.`,
    );
  }
  const rotation = await rotateSecret({ connectionId: id, webhookUrl: parts.webhookUrl(id), force }, parts);
  return { data: viewOf(id, rotation), text: () => lines(id, rotation, parts.target.flag).join('\n') };
}

function wouldRotate({ id, rotation }: Connection, force: boolean): Answer {
  const state =
    rotation === undefined
      ? 'No rotation is under way: would register a second endpoint with a new secret'
      : `A rotation is under way since ${time(rotation.startedAt)}: would delete the old endpoint once the new one (` +
        `${rotation.newEndpointId}) has delivered and three hours have passed`;
  return {
    data: { connectionId: id, dryRun: true, force, rotation: rotation ?? null },
    text: () => `${state}${force ? ', and, by force, delete the old one at once' : ''}. Nothing was done.`,
  };
}

function viewOf(connectionId: string, rotation: SecretRotation) {
  if (rotation.kind === 'rotated') return { connectionId, ...rotation };
  const { since, until, ...waiting } = rotation;
  return { connectionId, ...waiting, since: new Date(since).toISOString(), until: new Date(until).toISOString() };
}

function lines(id: string, rotation: SecretRotation, flag: string): string[] {
  if (rotation.kind === 'rotated') {
    return [
      `Rotated: ${id} has one endpoint (${rotation.endpointId}) and one secret, the new one.`,
      'The functions may remember the old secret for five more minutes.',
    ];
  }
  const reason =
    rotation.for === 'first_delivery'
      ? 'OpenTrain has not delivered anything through the new one yet'
      : 'OpenTrain may still be retrying what it told the old one alone';
  return [
    `Both secrets of ${id} are live: ${reason}. Nothing is lost meanwhile.`,
    `Run this once more after ${time(rotation.until)} to finish: opentrain-connector rotate-secret ${id} ${flag}`,
    'Where the old secret has leaked, --force finishes at once.',
  ];
}

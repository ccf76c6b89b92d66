import { awaitDelivery, type DeliveryFate, sendTest } from '../../shared/connections/test-delivery.ts';
import type { Answer } from '../answer.ts';
import { EXIT } from '../exit-codes.ts';
import { existingConnection, openParts } from '../parts.ts';
import type { TargetOptions } from '../target.ts';

export async function sendTestCommand(connection: string, options: TargetOptions): Promise<Answer> {
  const parts = await openParts(options);
  const id = await existingConnection(connection, parts);
  const deliveryId = await sendTest({ connectionId: id, webhookUrl: parts.webhookUrl(id) }, parts);
  const fate = await awaitDelivery(parts.store, { connectionId: id, deliveryId });
  return {
    data: { connectionId: id, deliveryId, ...fate },
    text: () => `${deliveryId}: ${tellFate(fate)}`,
    exitCode: fate.kind === 'done' ? EXIT.fine : EXIT.findings,
  };
}

export function tellFate(fate: DeliveryFate): string {
  switch (fate.kind) {
    case 'done':
      return 'A signed test delivery went through API, queue and worker.';
    case 'parked':
      return `The worker has parked the test delivery: ${fate.reason ?? 'no reason given'}.`;
    case 'waiting':
      return `The worker has tried the test delivery, and tries again: ${fate.reason ?? 'no reason given'}.`;
    case 'unseen':
      return 'The test delivery was accepted, but no worker has had it. Look at the queue and the log of the worker.';
  }
}

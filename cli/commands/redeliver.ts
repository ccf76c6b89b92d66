import { connectionClient } from '../../shared/connections/connection-client.ts';
import { ownEndpoints } from '../../shared/connections/endpoints.ts';
import { unlessGone } from '../../shared/opentrain/errors.ts';
import type { WebhookEndpoint } from '../../shared/opentrain/relied-on.ts';
import type { Answer } from '../answer.ts';
import { NotFoundError } from '../errors.ts';
import { existingConnection, openParts } from '../parts.ts';
import type { TargetOptions } from '../target.ts';
import { count } from '../words.ts';

export interface RedeliverOptions extends TargetOptions {
  readonly delivery?: string | undefined;
  readonly dryRun?: boolean | undefined;
}

/** Has OpenTrain send again what it gave up, or one delivery whatever became of it. */
export async function redeliverCommand(
  connection: string,
  { delivery, dryRun = false, ...options }: RedeliverOptions,
): Promise<Answer> {
  const parts = await openParts(options);
  const id = await existingConnection(connection, parts);
  const client = await connectionClient(id, parts);
  const url = parts.webhookUrl(id);
  const endpoints = ownEndpoints(await client.listWebhookEndpoints(), url, await parts.connections.get(id));
  if (endpoints.length === 0) {
    throw new NotFoundError(
      `OpenTrain has no endpoint of ${id}, at ${url} or elsewhere: there is nothing to send again. Connect it once more, which registers one.`,
    );
  }
  if (dryRun) return wouldRedeliver(id, delivery, endpoints);
  let enabled = 0;
  let requeued: number | undefined;
  for (const endpoint of endpoints) {
    // While it is disabled, nothing is sent.
    if (endpoint.status !== 'ACTIVE') {
      await client.updateWebhookEndpoint(endpoint.id, { status: 'ACTIVE' });
      enabled += 1;
    }
    const which = delivery === undefined ? {} : { deliveryId: delivery };
    // During a rotation there are two, and a delivery is of one of them.
    const more = await unlessGone(client.redeliverWebhookEndpoint(endpoint.id, which));
    if (more !== undefined) requeued = (requeued ?? 0) + more;
  }
  if (requeued === undefined) {
    throw new NotFoundError(
      `OpenTrain knows no such delivery of ${id}. Its ids are those of opentrain-connector deliveries ${id}.`,
    );
  }
  const sent = requeued;
  return {
    data: { connectionId: id, requeued: sent, enabledEndpoints: enabled },
    text: () =>
      [
        ...endpoints
          .filter((endpoint) => endpoint.url !== url)
          .map((endpoint) => `It sends to ${endpoint.url}, not to ${url}: connect ${id} --stored-token changes that.`),
        ...(enabled === 0 ? [] : [`Enabled ${count(enabled, 'endpoint')} that OpenTrain had disabled.`]),
        sent === 0
          ? 'OpenTrain had nothing to send again.'
          : `OpenTrain sends ${count(sent, 'delivery', 'deliveries')} again within five minutes. Watch: opentrain-connector deliveries ${id} ${parts.target.flag}`,
      ].join('\n'),
  };
}

/** OpenTrain tells nobody how many deliveries it has given up. */
function wouldRedeliver(
  connectionId: string,
  delivery: string | undefined,
  endpoints: readonly WebhookEndpoint[],
): Answer {
  const disabled = endpoints.filter(({ status }) => status !== 'ACTIVE').length;
  const enabling = disabled === 0 ? '' : `enable ${count(disabled, 'endpoint')} and `;
  const which = delivery === undefined ? 'all that it has given up' : `the delivery ${delivery}`;
  return {
    data: { connectionId, dryRun: true, disabledEndpoints: disabled },
    text: () => `Would ${enabling}ask OpenTrain to send again ${which}. Nothing was done.`,
  };
}

import { type ConnectionParts, connectionClient } from '../connections/connection-client.ts';
import { isSound, ownEndpoints } from '../connections/endpoints.ts';
import { EVENT_TYPES } from '../connections/event-types.ts';
import { missingScopes, NEEDED_SCOPES } from '../connections/needed-scopes.ts';
import { readSecrets } from '../connections/stored-secrets.ts';
import { awaitDelivery, type DeliveryFate, type Patience, sendTest } from '../connections/test-delivery.ts';
import { ConnectorError } from '../errors.ts';
import type { ConnectionId, ProjectId } from '../ids.ts';
import type { OpenTrainClient } from '../opentrain/client.ts';
import type { Install, WebhookEndpoint } from '../opentrain/relied-on.ts';
import type { Connection, Rotation } from '../store/connections.ts';
import type { Store } from '../store/store.ts';
import type { Check } from '../workspace/check-workspace.ts';

export interface CheckConnectionParts extends ConnectionParts {
  readonly store: Store;
}

export interface CheckConnectionRequest {
  readonly connectionId: ConnectionId;
  readonly webhookUrl: string;
  /** Of the test delivery. */
  readonly patience?: Patience;
  /** Stops the checks: what was found until then is the result. */
  readonly signal?: AbortSignal;
}

export interface CheckedConnection {
  readonly checks: readonly Check[];
  /** A project that the connector gives access to, to try the workspace in. */
  readonly project: ProjectId | undefined;
}

/**
 * Takes one connection apart: the token, the scopes and the consent behind it, the endpoint that OpenTrain has of it, the
 * secret (by a signed delivery that goes all the way), and its links. Changes nothing but for the record of that delivery.
 */
export async function checkConnection(
  { connectionId, webhookUrl, patience = {}, signal }: CheckConnectionRequest,
  parts: CheckConnectionParts,
): Promise<CheckedConnection> {
  const checks: Check[] = [];
  let project: ProjectId | undefined;
  const check = async (name: string, run: () => Promise<Finding | readonly Finding[]>) => {
    if (signal?.aborted) return false;
    const findings = [await run().catch((error) => (signal?.aborted ? [] : failed(error)))].flat();
    checks.push(...findings.map((finding) => ({ name, ...finding })));
    return findings.every(({ verdict }) => verdict !== 'fail');
  };

  const connection = await parts.connections.get(connectionId);
  if (connection.status === 'disconnected') {
    const finding =
      connection.disconnectedReason === 'token_refused'
        ? fail(
            'OpenTrain has refused the token for over an hour, so the customer counts as disconnected. Connect with a new token, or disconnect if they have left: the alarm lasts until then.',
          )
        : warn('The customer is disconnected. Connect with a new token if they are back; else nothing is to be done.');
    return { checks: [{ name: 'token', ...finding }], project };
  }
  let client: OpenTrainClient | undefined;
  const hasToken = await check('token', async () => {
    client = await connectionClient(connectionId, parts);
    return checkInstall(await client.getCurrentInstall(), connection, (more) => checks.push(...more));
  });
  if (hasToken && client !== undefined) {
    const opentrain = client;
    await check('endpoint', async () => {
      const endpoints = ownEndpoints(await opentrain.listWebhookEndpoints(), webhookUrl, connection);
      const findings = checkEndpoint(endpoints, connection, webhookUrl);
      if (findings.some(({ verdict }) => verdict === 'fail') || (await hasItsSecret(connection, parts)))
        return findings;
      return [fail(`The secret that is stored is not its own, so what it delivers is refused. ${MEND}`)];
    });
    await check('links', async () => {
      const links = await opentrain.listProjectLinks();
      const ours = links.filter((link) => link.provisioningMode === 'PARTNER_WEBHOOK');
      project = ours.find(({ jobId }) => jobId !== null)?.externalProjectId;
      if (project !== undefined) return pass(`${ours.length} of ${links.length} linked by the connector's own way.`);
      return warn('No project is linked to a job, so nobody can be let in. See link.');
    });
  }
  await check('delivery', async () => {
    const deliveryId = await sendTest({ connectionId, webhookUrl }, parts);
    return tellFate(await awaitDelivery(parts.store, { connectionId, deliveryId }, { ...patience, signal }));
  });
  return { checks: inOrder(checks), project };
}

type Finding = Omit<Check, 'name'>;

const pass = (advice: string): Finding => ({ verdict: 'pass', advice });
const warn = (advice: string): Finding => ({ verdict: 'warn', advice });
const fail = (advice: string): Finding => ({ verdict: 'fail', advice });

function failed(error: unknown): Finding {
  if (error instanceof ConnectorError) return fail(error.message);
  throw error;
}

const ORDER = ['token', 'scopes', 'consent', 'endpoint', 'delivery', 'links'];

const inOrder = (checks: readonly Check[]) =>
  checks.toSorted((one, other) => ORDER.indexOf(one.name) - ORDER.indexOf(other.name));

const RECONNECT = 'The customer reconnects and approves it; then connect with the new token.';

function checkInstall(install: Install, connection: Connection, alsoFound: (checks: Check[]) => void): Finding {
  const missing = missingScopes(install.scopes);
  alsoFound(
    missing.length === 0
      ? [{ name: 'scopes', ...pass('All that the connector needs are there.') }]
      : missing.map((scope) => ({
          name: 'scopes',
          ...fail(`${scope} is missing. Without it, ${NEEDED_SCOPES[scope]}. ${RECONNECT}`),
        })),
  );
  const consent =
    install.piiConsent === true
      ? pass('The customer lets Work Emails through.')
      : fail(`The consent to personal data is missing: Work Emails are withheld, so nobody is let in. ${RECONNECT}`);
  alsoFound([{ name: 'consent', ...consent }]);

  if (install.status !== 'ACTIVE') return fail(`The install is ${install.status}, not ACTIVE. ${RECONNECT}`);
  if (connection.installId !== undefined && connection.installId !== install.id) {
    return fail(
      `The token is of the install ${install.id}, the connection of ${connection.installId}. Run connect with the token once more.`,
    );
  }
  if (connection.attention !== undefined) {
    return warn(
      `OpenTrain takes the token now, but the connection was marked: ${connection.attention}. The next delivery clears it.`,
    );
  }
  return pass(`OpenTrain takes it, for the ACTIVE install ${install.id}.`);
}

const MEND = 'Run connect --stored-token: that mends it.';

/** @param endpoints - ours, wherever they point */
function checkEndpoint(
  endpoints: readonly WebhookEndpoint[],
  { endpointId, rotation }: Connection,
  webhookUrl: string,
): Finding[] {
  if (endpoints.length === 0) return [fail(`OpenTrain has none that points here (${webhookUrl}). ${MEND}`)];
  const ours = endpoints.find(({ id }) => id === endpointId);
  if (ours === undefined) return [fail(`OpenTrain has one that points here, but not that of the connection. ${MEND}`)];
  const known = [endpointId, rotation?.newEndpointId];
  const others = endpoints.filter(({ id }) => !known.includes(id));
  const elsewhere = endpoints.filter(({ id, url }) => known.includes(id) && url !== webhookUrl);
  const lacking = EVENT_TYPES.filter((type) => !ours.eventTypes.includes(type));
  const findings = [
    ...elsewhere.map(({ id, url }) => fail(`${id} points to ${url}, not here (${webhookUrl}). ${MEND}`)),
    ...(ours.status === 'ACTIVE'
      ? []
      : [fail(`OpenTrain has disabled it (${ours.disabledReason ?? 'no reason given'}). ${MEND} Then redeliver.`)]),
    ...(lacking.length === 0 ? [] : [fail(`It does not hear of ${lacking.join(', ')}. ${MEND}`)]),
    ...(ours.consecutiveFailures === 0
      ? []
      : [
          warn(`The last ${ours.consecutiveFailures} deliveries failed; after ten OpenTrain disables it. See the log.`),
        ]),
    ...(others.length === 0 ? [] : [warn(`There are ${others.length} more at the same URL, of no use. ${MEND}`)]),
    ...(rotation === undefined ? [] : [checkRotation(rotation, endpoints)]),
  ];
  return findings.length > 0 ? findings : [pass(`${ours.id} is ACTIVE, points here, and hears of every event.`)];
}

function checkRotation({ newEndpointId, deliveredAt }: Rotation, endpoints: readonly WebhookEndpoint[]): Finding {
  const next = endpoints.find(({ id }) => id === newEndpointId);
  if (next === undefined) {
    return fail(
      `Its secret is being rotated, but the new endpoint ${newEndpointId} is gone. Run rotate-secret once more.`,
    );
  }
  const lacking = isSound(next)
    ? ''
    : `; ${next.status === 'ACTIVE' ? 'it does not hear of every event' : 'OpenTrain has disabled it'}`;
  const state = `${deliveredAt === undefined ? 'nothing has come through it yet' : 'it has delivered'}${lacking}`;
  return warn(`Its secret is being rotated, to that of ${newEndpointId}: ${state}. Finish with rotate-secret.`);
}

/** What a test delivery cannot tell: it is signed with whatever is stored. */
async function hasItsSecret({ id, secretId }: Connection, parts: CheckConnectionParts): Promise<boolean> {
  return (await readSecrets(id, parts)).some((secret) => secret.id === secretId);
}

function tellFate(fate: DeliveryFate): Finding {
  switch (fate.kind) {
    case 'done':
      return pass('A signed test delivery went through API, queue and worker: the secret works.');
    case 'parked':
      return fail(`The worker has parked the test delivery: ${fate.reason ?? 'no reason given'}.`);
    case 'waiting':
      return fail(`The worker has tried the test delivery in vain: ${fate.reason ?? 'no reason given'}. See its log.`);
    case 'unseen':
      return fail('A signed test delivery was accepted, but no worker has had it. See the queue and the worker’s log.');
  }
}

import { DynamoDBClient, ScanCommand } from '@aws-sdk/client-dynamodb';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { type System, startSystem } from '../../local/system.ts';
import type { ConnectionId } from '../../shared/ids.ts';
import { createLogger } from '../../shared/logging.ts';
import { signDelivery } from '../../shared/opentrain/signature.ts';
import { DEFAULT_WORKSPACE } from '../../shared/store/connections.ts';

/** Rule 7, over the whole loop: the good ways and the bad ones. */

const ACME = 'acme' as ConnectionId;
const logged: string[] = [];
let system: System;

beforeAll(async () => {
  for (const stream of [process.stdout, process.stderr]) {
    const write = stream.write.bind(stream);
    vi.spyOn(stream, 'write').mockImplementation((chunk, ...rest) => {
      logged.push(String(chunk));
      return write(chunk, ...(rest as []));
    });
  }
  const logger = createLogger((line) => logged.push(line));
  system = await startSystem({ logger, backOff: { baseSeconds: 1, capSeconds: 1 } });
});
afterAll(async () => {
  vi.restoreAllMocks();
  await system.close();
});

test('rule 7: no secret, signature, body or Work Email is logged or printed, and no secret is in the table', async () => {
  const { opentrain, workspace, connector } = system;
  const { installId, token, organizationId } = opentrain.consent({ organization: 'Acme' });
  await connector.connect(ACME, token);
  const job = opentrain.postJob({ organizationId, title: 'A-title-that-only-bodies-hold' });
  opentrain.linkProject(installId, { externalProjectId: 'p', jobId: job.id });
  await system.idle();

  // The good way.
  const maria = opentrain.hire({ jobId: job.id, trainer: 'Maria Silva' });
  await system.idle();
  // The workspace is down, refuses the token, is in a hurry, makes no sense.
  for (const status of [503, 401, 429, 418]) {
    workspace.respondNext(status, {}, 1);
    opentrain.hire({ jobId: job.id, trainer: `Trainer Number${status}` });
    await system.idle();
  }
  // No consent, so no Work Email; then OpenTrain refuses the token, and does not answer.
  opentrain.setPiiConsent(installId, false);
  opentrain.hire({ jobId: job.id, trainer: 'Pat Without' });
  await system.idle();
  opentrain.setPiiConsent(installId, true);
  opentrain.setFeatureEnabled(organizationId, false);
  const secret = (await connector.parameters.get(connector.names.webhookSecrets(ACME))) ?? '';
  const send = (body: string, signature?: string) =>
    fetch(connector.webhookUrl(ACME), {
      method: 'POST',
      headers: {
        'content-type': 'application/json',
        'x-opentrain-signature': signature ?? signDelivery(secret, Buffer.from(body), Math.floor(Date.now() / 1000)),
      },
      body,
    });
  const thin =
    '{"id":"1","type":"contract.started","resourceId":"thin","data":{"freelancer":{"workEmail":"thin@opentrain.work"}}}';
  expect((await send(thin)).status).toBe(202);
  await vi.waitFor(() => expect(logged.join('')).toContain('opentrain_forbidden'), { timeout: 10_000 });
  opentrain.setFeatureEnabled(organizationId, true);
  opentrain.setOutage('dropped');
  expect((await send(thin.replace('"1"', '"2"').replaceAll('thin', 'thinner'))).status).toBe(202);
  await vi.waitFor(() => expect(logged.join('')).toContain('opentrain_unavailable'), { timeout: 20_000 });
  opentrain.setOutage('none');
  // Nonsense, forged.
  expect((await send('a-body-that-is-not-json, from someone@opentrain.work')).status).toBe(202);
  expect((await send('{"forged":"a-forged-body"}', `t=1,v1=${'cd'.repeat(32)}`)).status).toBe(401);
  opentrain.endContract(maria.id);
  await system.idle();

  const secrets = [
    token,
    secret,
    await connector.parameters.get(connector.names.workspaceToken(DEFAULT_WORKSPACE)),
    'whsec_',
    'ot_ptk_',
  ];
  const personal = [
    'opentrain.work',
    'A-title-that-only-bodies-hold',
    'a-body-that-is-not-json',
    'a-forged-body',
    'v1=',
    'cdcdcd',
  ];
  const everything = logged.join('\n');
  expect(everything).toContain('delivery.done');
  expect(everything).toContain('delivery.parked');
  for (const found of [...secrets, ...personal]) expect(everything).not.toContain(found);

  const dynamo = new DynamoDBClient({});
  const { Items = [] } = await dynamo.send(new ScanCommand({ TableName: connector.emulators.environment.TABLE_NAME }));
  const table = JSON.stringify(Items);
  expect(Items.length).toBeGreaterThan(10);
  for (const found of secrets) expect(table).not.toContain(found);
});

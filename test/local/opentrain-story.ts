import { once } from 'node:events';
import { createServer, type IncomingHttpHeaders } from 'node:http';
import type { AddressInfo } from 'node:net';
import { onTestFinished } from 'vitest';
import { createAdvanceableClock } from '../../local/opentrain/advanceable-clock.ts';
import type { Approval } from '../../local/opentrain/approvals.ts';
import {
  type SimulatedOpenTrain,
  type SimulationOptions,
  startSimulatedOpenTrain,
} from '../../local/opentrain/simulated-opentrain.ts';
import type { components } from '../../shared/opentrain/openapi.types.ts';

type Schemas = components['schemas'];

/** Noon of a day, UTC, at which time stands still until a test advances it. */
export const NOON = Date.parse('2026-06-15T12:00:00Z');
export const TODAY = '2026-06-15';

/** A simulated OpenTrain for one test. Whatever it answers must be what the OpenAPI file allows. */
export async function startOpenTrain(options: SimulationOptions = {}): Promise<SimulatedOpenTrain> {
  const clock = createAdvanceableClock({ running: false, start: NOON });
  const opentrain = await startSimulatedOpenTrain({ clock, ...options });
  onTestFinished(async () => {
    await opentrain.close();
    if (opentrain.violations.length > 0) throw new Error(opentrain.violations.join('\n'));
  });
  return opentrain;
}

/** Everything that one or another call answers; which of it is there, the simulation validates. */
export interface AnswerBody {
  readonly requestId: string;
  readonly install: Schemas['Install'];
  readonly projectLink: Schemas['ProjectLink'];
  readonly projectLinks: readonly Schemas['ProjectLink'][];
  readonly contracts: readonly Schemas['Contract'][];
  readonly participants: readonly Schemas['Participant'][];
  readonly budget: Schemas['Budget'];
  readonly webhookEndpoint: Schemas['WebhookEndpoint'];
  readonly job: { readonly id: string };
  readonly proposals: readonly { readonly id: string }[];
  readonly contract: { readonly id: string; readonly status: string };
  readonly milestone: { readonly id: string };
  readonly approval: Approval;
}

export interface Answered {
  readonly status: number;
  readonly body: AnswerBody;
}
export type Caller = (method: string, path: string, body?: unknown) => Promise<Answered>;

/** Calls an API with a token. */
export function callerOf(baseUrl: string, token: string): Caller {
  return async (method, path, body) => {
    const response = await fetch(`${baseUrl}${path}`, {
      method,
      headers: { Authorization: `Bearer ${token}`, 'Content-Type': 'application/json' },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    return { status: response.status, body: (await response.json()) as AnswerBody };
  };
}

/** An employer who has connected, with one job that is linked to the project `p1`. */
export async function startWithLinkedJob(
  options: SimulationOptions & { readonly paymentType?: 'PAY_PER_HOUR' | 'PAY_PER_LABEL' | 'FIXED_PRICE' } = {},
) {
  const opentrain = await startOpenTrain(options);
  const install = opentrain.consent();
  const { paymentType = 'PAY_PER_HOUR' } = options;
  const job = opentrain.postJob({ organizationId: install.organizationId, title: 'Draw boxes', paymentType });
  const link = opentrain.linkProject(install.installId, { externalProjectId: 'p1', jobId: job.id });
  const call = callerOf(opentrain.platformApiUrl, install.token);
  return { opentrain, install, job, link, call };
}

export interface Received {
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

/** How a receiver answers: a status, or never. */
export type ReceiverAnswer = number | 'never';

/** A server that takes deliveries. `answer` may be changed at any time. */
export async function startReceiver(answer: ReceiverAnswer = 202) {
  const received: Received[] = [];
  const receiver = { url: '', received, answer };
  const server = createServer(async (request, response) => {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk);
    received.push({ headers: request.headers, body: Buffer.concat(chunks).toString('utf8') });
    if (receiver.answer !== 'never') response.writeHead(receiver.answer, { Location: '/elsewhere' }).end();
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  receiver.url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/hook`;
  onTestFinished(async () => {
    server.close();
    server.closeAllConnections();
  });
  return receiver;
}

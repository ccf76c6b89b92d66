import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { createAdaptorServer, type HttpBindings } from '@hono/node-server';
import { Hono } from 'hono';
import type { Clock } from '../../shared/clock.ts';
import { type Logger, silentLogger } from '../../shared/logging.ts';
import { type AdvanceableClock, createAdvanceableClock } from './advanceable-clock.ts';
import { createAnnouncements } from './announcements.ts';
import { apiDocument, createEventCheck, PLATFORM_API_ROOT } from './api-contract.ts';
import { createApprovals } from './approvals.ts';
import { ATTEMPT_TIMEOUT, createDeliveryEngine } from './deliveries.ts';
import { createEmployer } from './employer.ts';
import { createEmployerApi, EMPLOYER_API_ROOT } from './employer-api.ts';
import { createEmployerPages } from './employer-pages.ts';
import { createEventLog } from './events.ts';
import { createFacade, type Facade } from './facade.ts';
import { type NewId, newRandomId } from './new-id.ts';
import { createOutage } from './outage.ts';
import { createPlatformApi } from './platform-api.ts';
import { createPlatformHttp } from './platform-http.ts';
import { createState } from './state.ts';

export interface SimulationOptions {
  /** 0, the default, takes any free port. */
  readonly port?: number;
  /** By default one that runs by itself and can be advanced. */
  readonly clock?: AdvanceableClock;
  /** What signatures are dated by; default `clock`. The system's, when the receiver does not share the simulation's time. */
  readonly signatureClock?: Clock;
  readonly logger?: Logger;
  readonly newId?: NewId;
  /** Of the employer who is signed in; default a new one. */
  readonly employerToken?: string;
  /** Links that an install may have; default 100. OpenTrain's own number is not documented. */
  readonly linkLimit?: number;
  /** Milliseconds within which an attempt must be answered, in real time; default 10,000. */
  readonly attemptTimeoutMilliseconds?: number;
}

/** A whole OpenTrain on a loopback port, and the hands to act in it. */
export interface SimulatedOpenTrain extends Facade {
  /** Where it all is: `http://127.0.0.1:<port>`. */
  readonly url: string;
  /** Base URL of the Platform API, what `OPENTRAIN_BASE_URL` takes. */
  readonly platformApiUrl: string;
  /** Base URL of the employer's Public API. */
  readonly employerApiUrl: string;
  readonly clock: AdvanceableClock;
  close(): Promise<void>;
}

export async function startSimulatedOpenTrain(options: SimulationOptions = {}): Promise<SimulatedOpenTrain> {
  const { clock = createAdvanceableClock(), logger = silentLogger, newId = newRandomId } = options;
  const state = createState({ id: newId('app'), slug: 'demo-platform', name: 'Demo Platform' });
  const deliveries = createDeliveryEngine({
    clock,
    signatureClock: options.signatureClock ?? clock,
    newId,
    logger,
    attemptTimeoutMilliseconds: options.attemptTimeoutMilliseconds ?? ATTEMPT_TIMEOUT,
  });
  const events = createEventLog({
    state,
    clock,
    check: await createEventCheck(),
    deliver: deliveries.enqueue,
  });
  const announce = createAnnouncements(state, events);
  const api = createPlatformApi({ state, clock, newId, announce, deliveries, linkLimit: options.linkLimit ?? 100 });
  const platform = await createPlatformHttp({ state, api, newId, logger });

  const employer = createEmployer({ state, clock, newId, announce });
  const approvals = createApprovals(clock, newId, () => url);
  const signedIn = employer.addOrganization('Demo Employer', options.employerToken);
  const outage = createOutage(newId);

  const app = new Hono<{ Bindings: HttpBindings }>();
  app.use(`${PLATFORM_API_ROOT}/*`, outage.middleware);
  app.get(`${PLATFORM_API_ROOT}/openapi.json`, (context) => context.json(apiDocument));
  app.all(`${PLATFORM_API_ROOT}/*`, async (context) => {
    const { pathname, search } = new URL(context.req.url);
    const body = await context.req.text();
    const answer = await platform.handle({
      method: context.req.method,
      path: pathname,
      query: search,
      headers: context.req.header(),
      ...(body === '' ? {} : { body }),
    });
    return context.json(answer.body as object, answer.status);
  });
  app.route('/', createEmployerApi({ state, employer, approvals, newId }));
  app.route('/', createEmployerPages({ state, employer, approvals, newId, signedIn: signedIn.id }));

  const server = createAdaptorServer({ fetch: app.fetch });
  server.listen(options.port ?? 0, '127.0.0.1');
  await once(server, 'listening');
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;

  const facade = createFacade({
    state,
    clock,
    signedIn,
    employer,
    approvals,
    api,
    events,
    deliveries,
    outage,
    platform,
  });
  return {
    ...facade,
    url,
    platformApiUrl: `${url}${PLATFORM_API_ROOT}`,
    employerApiUrl: `${url}${EMPLOYER_API_ROOT}`,
    clock,
    async close() {
      deliveries.stop();
      await deliveries.idle();
      clock.stop();
      const closed = once(server, 'close');
      server.close();
      if ('closeAllConnections' in server) server.closeAllConnections();
      await closed;
    },
  };
}

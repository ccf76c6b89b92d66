import { setTimeout as pause } from 'node:timers/promises';
import { systemClock } from '../shared/clock.ts';
import { ConfigurationError, ConnectorError } from '../shared/errors.ts';
import type { ConnectionId } from '../shared/ids.ts';
import { createLogger, type Logger } from '../shared/logging.ts';
import { DEFAULT_WORKSPACE } from '../shared/store/connections.ts';
import { type LocalConnector, startConnector } from './connector.ts';
import { freePort } from './free-port.ts';
import { createAdvanceableClock } from './opentrain/advanceable-clock.ts';
import { type SimulatedOpenTrain, startSimulatedOpenTrain } from './opentrain/simulated-opentrain.ts';
import { type LocalSettings, readLocalSettings } from './settings.ts';
import { startDemoWorkspace } from './workspace/demo-workspace.ts';

const CONNECTION = 'default' as ConnectionId;

/**
 * `npm run local`: the whole system in this process, until it is interrupted.
 *
 * Prints `ready <json>` with every URL on standard output once all is up; the functions' logs go to standard error.
 */
async function main(): Promise<void> {
  const settings = readLocalSettings(process.env);
  const logger = createLogger((line) => process.stderr.write(`${line}\n`));
  const closing: (() => Promise<void>)[] = [];

  const simulation = settings.opentrain === undefined ? await simulate(settings) : undefined;
  if (simulation !== undefined) closing.push(() => simulation.close());
  const clock = simulation?.clock ?? systemClock;

  const demo =
    settings.workspace === undefined
      ? await startDemoWorkspace({ clock, port: await freePort(settings.port && settings.port + 2) })
      : undefined;
  if (demo !== undefined) closing.push(() => demo.close());
  const workspace = settings.workspace ?? { adapter: 'http', url: demo?.url ?? '', token: demo?.token ?? '' };

  const connector = await startConnector({
    opentrainBaseUrl: settings.opentrain?.baseUrl ?? simulation?.platformApiUrl ?? '',
    workspace,
    clock,
    logger,
    port: settings.port,
    backOff: { baseSeconds: 1, capSeconds: 30 },
    emulators: { endpoints: settings.endpoints },
  });
  closing.unshift(() => connector.close());

  // A wrong address or token comes out now, and not with the first hire.
  await connector.workspace.ping();
  const story = simulation === undefined ? undefined : await setTheScene(simulation, connector, settings.project);
  if (settings.opentrain !== undefined) await useTheirs(settings.opentrain, connector);
  closing.unshift(startSchedule(settings.usageSeconds, connector, logger));

  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.once(signal, async () => {
      for (const close of closing) await close();
      process.exit(0);
    });
  }
  const urls = {
    ...connector.addresses,
    webhook: connector.webhookUrl(CONNECTION),
    budget: connector.budgetUrl(CONNECTION, settings.project),
    opentrain: simulation?.url ?? settings.opentrain?.baseUrl,
    ...(simulation && { employerApi: simulation.employerApiUrl, ...story }),
  };
  process.stdout.write(`ready ${JSON.stringify(urls)}\n`);
}

async function simulate(settings: LocalSettings): Promise<SimulatedOpenTrain> {
  const port = await freePort(settings.port && settings.port + 1);
  return startSimulatedOpenTrain({ port, clock: createAdvanceableClock(), employerToken: settings.employerToken });
}

/** A customer who has connected, with a job linked to a project and trainers who would like it. */
async function setTheScene(opentrain: SimulatedOpenTrain, connector: LocalConnector, project: string) {
  const { installId, token, organizationId } = opentrain.consent();
  await connector.connect(CONNECTION, token);
  const job = opentrain.postJob({ organizationId, title: 'Image annotation' });
  opentrain.linkProject(installId, { externalProjectId: project, jobId: job.id });
  for (const trainer of ['Maria Silva', 'João Costa', 'Aiko Tanaka']) opentrain.trainer(trainer);
  await opentrain.idle();
  await connector.idle();
  return { job: job.id, project };
}

/** A real OpenTrain's credentials go where `connect` would have put them, and so does what the connector knows of it. */
async function useTheirs(
  { token, webhookSecret }: NonNullable<LocalSettings['opentrain']>,
  { parameters, names, store }: LocalConnector,
): Promise<void> {
  await store.connections.connect({ id: CONNECTION, workspaceId: DEFAULT_WORKSPACE }, systemClock.now());
  await parameters.put(names.token(CONNECTION), token);
  await parameters.put(names.webhookSecrets(CONNECTION), webhookSecret);
}

/**
 * Reports usage again and again, as the schedule of a deployment does, but one report after the other.
 *
 * @param seconds - from the end of one to the next; 0: none at all
 * @returns what ends it
 */
function startSchedule(seconds: number, connector: LocalConnector, logger: Logger): () => Promise<void> {
  const stopping = new AbortController();
  const { signal } = stopping;
  async function run(): Promise<void> {
    while (seconds > 0) {
      await pause(seconds * 1000, undefined, { signal });
      await connector.reportUsage().catch((error) => {
        if (!signal.aborted) logger.error({ event: 'usage.not-planned', error });
      });
    }
  }
  run().catch((error) => {
    if (!signal.aborted) throw error;
  });
  return async () => stopping.abort();
}

try {
  await main();
} catch (error) {
  const { code, port } = error as NodeJS.ErrnoException & { readonly port?: number };
  const isTaken = code === 'EADDRINUSE';
  if (!(error instanceof ConnectorError) && !isTaken) throw error;
  const told = isTaken
    ? `Port ${port} is taken, perhaps by another local mode. End that, or choose another with PORT=9000 npm run local.`
    : (error as Error).message;
  process.stderr.write(`${told}\n`);
  process.exit(isTaken || error instanceof ConfigurationError ? 2 : 1);
}

import type { Logger } from '../shared/logging.ts';
import { type LocalConnector, type LocalConnectorOptions, startConnector } from './connector.ts';
import { freePort } from './free-port.ts';
import { createAdvanceableClock } from './opentrain/advanceable-clock.ts';
import { type SimulatedOpenTrain, startSimulatedOpenTrain } from './opentrain/simulated-opentrain.ts';
import { type DemoWorkspace, type DemoWorkspaceOptions, startDemoWorkspace } from './workspace/demo-workspace.ts';

export interface SystemOptions {
  readonly logger: Logger;
  /** Of the gateway; the other parts take the next free ones. 0 for any. @default 0 */
  readonly port?: number;
  /** @default 1 s, at most 4 s: an outage in a story heals while somebody watches */
  readonly backOff?: LocalConnectorOptions['backOff'];
  readonly emulators?: LocalConnectorOptions['emulators'];
  readonly workspace?: Omit<DemoWorkspaceOptions, 'clock' | 'port'>;
  readonly employerToken?: string;
}

/** Both sides and the connector between them, on one clock that can be moved forward. */
export interface System {
  readonly opentrain: SimulatedOpenTrain;
  readonly workspace: DemoWorkspace;
  readonly connector: LocalConnector;
  /** Resolves once OpenTrain has sent all that is due and the connector has acted on it. */
  idle(): Promise<void>;
  close(): Promise<void>;
}

export async function startSystem(options: SystemOptions): Promise<System> {
  const { logger, port = 0, backOff = { baseSeconds: 1, capSeconds: 4 }, emulators = {}, employerToken } = options;
  const clock = createAdvanceableClock();
  const opentrain = await startSimulatedOpenTrain({
    clock,
    port: await freePort(port && port + 1),
    ...(employerToken === undefined ? {} : { employerToken }),
  });
  const workspace = await startDemoWorkspace({ ...options.workspace, clock, port: await freePort(port && port + 2) });
  const connector = await startConnector({
    opentrainBaseUrl: opentrain.platformApiUrl,
    workspace: { adapter: 'http', url: workspace.url, token: workspace.token },
    clock,
    logger,
    port: await freePort(port),
    backOff,
    emulators,
  });
  return {
    opentrain,
    workspace,
    connector,
    async idle() {
      await opentrain.idle();
      await connector.idle();
    },
    async close() {
      await opentrain.close();
      await connector.close();
      await workspace.close();
    },
  };
}

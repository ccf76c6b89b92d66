import type { Logger } from '../shared/logging.ts';
import { type LocalConnector, type LocalConnectorOptions, startConnector } from './connector.ts';
import { createAdvanceableClock } from './opentrain/advanceable-clock.ts';
import { type SimulatedOpenTrain, startSimulatedOpenTrain } from './opentrain/simulated-opentrain.ts';
import { type DemoWorkspace, startDemoWorkspace } from './workspace/demo-workspace.ts';

export interface SystemOptions {
  readonly logger: Logger;
  /** @default 1 s, at most 4 s: an outage in a story heals while somebody watches */
  readonly backOff?: LocalConnectorOptions['backOff'];
  readonly emulators?: LocalConnectorOptions['emulators'];
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
  const { logger, backOff = { baseSeconds: 1, capSeconds: 4 }, emulators = {} } = options;
  const clock = createAdvanceableClock();
  const opentrain = await startSimulatedOpenTrain({ clock });
  const workspace = await startDemoWorkspace({ clock });
  const connector = await startConnector({
    opentrainBaseUrl: opentrain.platformApiUrl,
    workspace: { adapter: 'http', url: workspace.url, token: workspace.token },
    clock,
    logger,
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

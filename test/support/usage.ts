import type { Queue } from '../../shared/aws/queue.ts';
import { createSecretReader } from '../../shared/connections/secret-reader.ts';
import type { ConnectionId, TrainerId } from '../../shared/ids.ts';
import { createLogger } from '../../shared/logging.ts';
import { createOpenTrainClient } from '../../shared/opentrain/client.ts';
import type { Store } from '../../shared/store/store.ts';
import {
  type ConnectionUsage,
  type ReportOptions,
  reportConnection,
  type UsageParts,
} from '../../shared/usage/report-connection.ts';
import { lookBack, type UsageWindow } from '../../shared/usage/usage-window.ts';
import type { DailyTotal, Workspace } from '../../shared/workspace/port.ts';
import type { Story } from './story.ts';
import { fakeWorkspace } from './worker.ts';

export interface UsageFaults {
  /** Stands in for the workspace. */
  readonly workspace?: Partial<Workspace>;
  /** Stands between the run and OpenTrain. */
  readonly opentrainFetch?: typeof globalThis.fetch;
  /** Stands between the run and its table. */
  readonly store?: (store: Store) => Store;
  readonly queue?: Pick<Queue, 'sendAll'>;
}

/** What the usage function works with, over a story's parts. */
export async function usageParts(story: Story, faults: UsageFaults = {}) {
  const { connector, opentrain } = story;
  const { clock } = opentrain;
  const { store: faulty = (store: Store) => store, workspace, opentrainFetch } = faults;
  const lines: Record<string, unknown>[] = [];
  const readSecret = createSecretReader(connector.parameters, clock);
  const parts: UsageParts = {
    store: faulty(story.store),
    clock,
    logger: createLogger((line) => lines.push(JSON.parse(line))),
    topUpUrl: 'https://app.opentrain.ai/',
    opentrain: (connection) =>
      createOpenTrainClient({
        baseUrl: opentrain.platformApiUrl,
        token: (options) => readSecret(connector.names.token(connection), options),
        sleep: async () => {},
        clock,
        ...(opentrainFetch && { fetch: opentrainFetch }),
      }),
    placeOf: async (workspaceId) => ({
      workspaceId,
      workspace: workspace === undefined ? connector.workspace : fakeWorkspace(workspace),
    }),
  };
  return { parts, lines };
}

/** One run over one connection, with what it logged. */
export async function runUsage(
  story: Story,
  connectionId: ConnectionId,
  {
    faults = {},
    window = lookBack(3, story.opentrain.clock.now()),
    signal = new AbortController().signal,
    job = {},
    ...options
  }: {
    faults?: UsageFaults;
    window?: UsageWindow;
    signal?: AbortSignal;
    job?: Partial<Pick<ConnectionUsage, 'runId' | 'part' | 'resume' | 'plannedAt'>>;
  } & ReportOptions = {},
) {
  const { parts, lines } = await usageParts(story, faults);
  const about = { connectionId, runId: 'usage-test', ...job, ...window };
  const outcome = await reportConnection(about, parts, signal, options);
  return { outcome, lines };
}

/** A workspace that tells these totals, whatever it is asked for. */
export const telling = (...rows: (Omit<DailyTotal, 'member' | 'project'> & { trainer: string })[]) =>
  ({
    async *dailyTotals({ project }) {
      for (const { trainer, ...row } of rows)
        yield { member: { opentrainUserId: trainer as TrainerId }, project, ...row };
    },
  }) satisfies Partial<Workspace>;

import { createReconcileParts } from '../../functions/reconcile/parts.ts';
import { createSecretReader } from '../../shared/connections/secret-reader.ts';
import type { ConnectionId } from '../../shared/ids.ts';
import { createLogger } from '../../shared/logging.ts';
import { createOpenTrainClient } from '../../shared/opentrain/client.ts';
import {
  type ReconcileParts,
  type ReconcileRequest,
  reconcileConnection,
} from '../../shared/reconcile/reconcile-connection.ts';
import { createStore, type Store } from '../../shared/store/store.ts';
import type { Workspace } from '../../shared/workspace/port.ts';
import type { Story } from './story.ts';
import { countedTable } from './worker.ts';

export interface ReconcileFaults {
  /** Stands in for what the workspace does. */
  readonly workspace?: Partial<Workspace>;
  /** Stands between the run and OpenTrain. */
  readonly opentrainFetch?: typeof globalThis.fetch;
  /** Stands between the run and its table, for a crash after a write. */
  readonly store?: (store: Store) => Store;
  /** @default false */
  readonly keepAfterUnlink?: boolean;
  /** @default one that is never aborted */
  readonly signal?: AbortSignal;
}

/** What the reconcile function works with, over a story's parts. */
export function reconcileParts(story: Story, faults: ReconcileFaults = {}) {
  const { connector, opentrain } = story;
  const { clock } = opentrain;
  const { store: faulty = (store: Store) => store, workspace = {}, opentrainFetch, keepAfterUnlink = false } = faults;
  const lines: Record<string, unknown>[] = [];
  const { table, requests } = countedTable(connector.emulators);
  const readSecret = createSecretReader(connector.parameters, clock);
  const settings = { webhookBaseUrl: connector.url, graceHours: 24, intervalMinutes: 30 };
  const parts: ReconcileParts = {
    ...createReconcileParts(settings),
    store: faulty(createStore(table)),
    clock,
    logger: createLogger((line) => lines.push(JSON.parse(line))),
    topUpUrl: 'https://app.opentrain.ai/',
    keepAfterUnlink,
    opentrain: (connection) =>
      createOpenTrainClient({
        baseUrl: opentrain.platformApiUrl,
        token: (options) => readSecret(connector.names.token(connection), options),
        sleep: async () => {},
        clock,
        ...(opentrainFetch && { fetch: opentrainFetch }),
      }),
    placeOf: async (workspaceId) => ({ workspaceId, workspace: { ...connector.workspace, ...workspace } }),
  };
  return { parts, lines, requests };
}

let runs = 0;

/** One run over one connection, with what it logged and how many requests it made. */
export async function runReconcile(
  story: Story,
  connectionId: ConnectionId,
  { signal = new AbortController().signal, ...options }: ReconcileFaults & Partial<ReconcileRequest> = {},
) {
  const { parts, lines, requests } = reconcileParts(story, options);
  const { only, approve, isDryRun = false, plannedAt } = options;
  runs += 1;
  const request = {
    connectionId,
    runId: `run-${runs}`,
    isDryRun,
    approve,
    ...(only && { only }),
    ...(plannedAt && { plannedAt }),
  };
  const before = { opentrain: story.opentrain.calls.length, workspace: story.workspace.requests.count };
  const outcome = await reconcileConnection(request, parts, signal);
  return {
    ...outcome,
    ...outcome.report,
    lines,
    events: lines.map(({ event }) => event),
    calls: {
      dynamodb: requests.count,
      opentrain: story.opentrain.calls.slice(before.opentrain).map(({ operationId }) => operationId),
      workspace: story.workspace.requests.log.slice(before.workspace).map(({ operationId }) => operationId),
    },
  };
}

import { startSystem } from '../../local/system.ts';
import type { ConnectionId } from '../../shared/ids.ts';
import { createLogger } from '../../shared/logging.ts';
import { METRICS } from '../../shared/metrics.ts';
import type { Store } from '../../shared/store/store.ts';
import { startMeteredDynamo } from './metered-dynamo.ts';

/** What something costs in requests; of one event, or of one run for one connection. */
export interface Counts {
  readonly readUnits: number;
  readonly writeUnits: number;
  readonly dynamodbRequests: number;
  /** The functions' own lines, with what CloudWatch adds to each. */
  readonly logBytes: number;
  readonly workspaceRequests: number;
  readonly opentrainRequests: number;
}

export interface CostCounts {
  readonly contractStarted: Counts;
  readonly contractEnded: Counts;
  readonly duplicate: Counts;
  /** Of a connection with a project, and nobody at work in it. */
  readonly idleUsageRun: Counts;
  readonly idleReconcileRun: Counts;
  /** A delivery's record in the table, done. */
  readonly recordBytes: number;
}

const CONNECTION = 'acme' as ConnectionId;
/** Source: CloudWatch Logs, PutLogEvents: so much is counted on top of each event's own bytes. */
const BYTES_BESIDE_A_LINE = 26;

/**
 * Lets the whole system work on embedded services, with logs and metrics as deployed, and counts what it asks for. It does
 * not depend on time, so that it is the same in every run.
 */
export async function countCosts(): Promise<CostCounts> {
  const dynamo = await startMeteredDynamo();
  const lines: string[] = [];
  const system = await startSystem({
    logger: createLogger((line) => lines.push(line), 'OpenTrainConnector/prod'),
    emulators: { endpoints: { AWS_ENDPOINT_URL_DYNAMODB: dynamo.url } },
  });
  const { connector, opentrain, workspace } = system;
  const reading = () => ({
    ...dynamo.capacity(),
    logBytes: lines.reduce((sum, line) => sum + sizeOf(line), 0),
    workspaceRequests: workspace.requests.count,
    opentrainRequests: opentrain.calls.length,
  });
  async function count(happen: () => unknown): Promise<Counts> {
    const before = reading();
    await happen();
    await system.idle();
    const after = reading();
    return {
      readUnits: after.readUnits - before.readUnits,
      writeUnits: after.writeUnits - before.writeUnits,
      dynamodbRequests: after.dynamodbRequests - before.dynamodbRequests,
      logBytes: after.logBytes - before.logBytes,
      workspaceRequests: after.workspaceRequests - before.workspaceRequests,
      opentrainRequests: after.opentrainRequests - before.opentrainRequests,
    };
  }
  try {
    const { installId, token, organizationId } = opentrain.consent();
    const { endpointId } = await connector.connect(CONNECTION, token);
    const { id: jobId } = opentrain.postJob({ organizationId });
    opentrain.linkProject(installId, { jobId, externalProjectId: 'street-scenes' });
    await system.idle();
    // What is noted only once is noted before anything is counted.
    await connector.reportUsage();
    await connector.reconcile();
    const idleUsageRun = await count(() => connector.reportUsage());
    const idleReconcileRun = await count(() => connector.reconcile());

    let contractId = '';
    const contractStarted = await count(() => {
      contractId = opentrain.hire({ jobId, trainer: 'Maria Silva' }).id;
    });
    const delivery = opentrain.deliveriesOf(endpointId).at(-1);
    if (delivery?.event.type !== 'contract.started') throw new Error('OpenTrain has delivered no contract.started.');
    const duplicate = await count(() => opentrain.redeliver(delivery));
    const contractEnded = await count(() => opentrain.endContract(contractId));
    const recordBytes = await sizeOfRecords(connector.store);
    return { recordBytes, contractStarted, contractEnded, duplicate, idleUsageRun, idleReconcileRun };
  } finally {
    await system.close();
    await dynamo.close();
  }
}

/** The mean, with what DynamoDB adds to each item. Source: DynamoDB Developer Guide, "Item sizes and formats". */
async function sizeOfRecords(store: Store): Promise<number> {
  const BYTES_BESIDE_AN_ITEM = 100;
  const sizes: number[] = [];
  for await (const record of store.deliveries.list(CONNECTION)) {
    sizes.push(Buffer.byteLength(JSON.stringify(record)) + BYTES_BESIDE_AN_ITEM);
  }
  return Math.round(sizes.reduce((sum, size) => sum + size, 0) / sizes.length);
}

const TIMES = new Set(
  Object.values(METRICS).flatMap((metrics) => metrics.flatMap(({ name, unit }) => (unit === 'Count' ? [] : [name]))),
);

/** In bytes. How long something took is always written with four digits here, so that no machine's speed is in the number. */
function sizeOf(line: string): number {
  const fields = Object.entries(JSON.parse(line)).map(([name, value]) =>
    TIMES.has(name) || ['durationMs', 'workspaceMs', 'lagSeconds'].includes(name) ? [name, 1234] : [name, value],
  );
  return Buffer.byteLength(JSON.stringify(Object.fromEntries(fields))) + BYTES_BESIDE_A_LINE;
}

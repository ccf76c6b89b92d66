import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { bundleFunctions } from '../../infra/bundle.ts';
import { type System, startSystem } from '../../local/system.ts';
import type { ConnectionId } from '../../shared/ids.ts';
import { silentLogger } from '../../shared/logging.ts';
import { countAwsRequests, totalOf } from './aws-requests.ts';

/** What is counted: a contract of a trainer whom the workspace has never seen, the same delivery again, and its end. */
export const COUNTED_EVENTS = ['contractStarted', 'duplicate', 'contractEnded'] as const;
export type CountedEvent = (typeof COUNTED_EVENTS)[number];
type Counts = Readonly<Record<CountedEvent, number>>;

export interface WorkerReport {
  readonly bundleBytes: number;
  readonly dynamodbRequests: Counts;
  readonly workspaceRequests: Counts;
  readonly opentrainRequests: Counts;
}

interface Requests {
  readonly dynamodb: number;
  readonly workspace: number;
  readonly opentrain: number;
}

const CONNECTION = 'acme' as ConnectionId;

/**
 * Counts what the worker asks of others for one event. It runs in the whole system, on embedded services, and every
 * request is counted where it arrives. What it counts does not depend on time, so that it is the same in every run.
 */
export async function benchWorker(): Promise<WorkerReport> {
  const system = await startSystem({ logger: silentLogger });
  try {
    const { connector, opentrain } = system;
    const { installId, token, organizationId } = opentrain.consent();
    const { endpointId } = await connector.connect(CONNECTION, token);
    const { id: jobId } = opentrain.postJob({ organizationId });
    opentrain.linkProject(installId, { jobId, externalProjectId: 'street-scenes' });
    await system.idle();

    let contractId = '';
    const started = await requestsFor(system, () => {
      contractId = opentrain.hire({ jobId, trainer: 'Maria Silva' }).id;
    });
    const delivery = opentrain.deliveriesOf(endpointId).at(-1);
    if (delivery?.event.type !== 'contract.started') throw new Error('OpenTrain has delivered no contract.started.');
    const duplicate = await requestsFor(system, () => opentrain.redeliver(delivery));
    const ended = await requestsFor(system, () => opentrain.endContract(contractId));

    const countsOf = (kind: keyof Requests): Counts => ({
      contractStarted: started[kind],
      duplicate: duplicate[kind],
      contractEnded: ended[kind],
    });
    return {
      bundleBytes: workerBundleBytes(),
      dynamodbRequests: countsOf('dynamodb'),
      workspaceRequests: countsOf('workspace'),
      opentrainRequests: countsOf('opentrain'),
    };
  } finally {
    await system.close();
  }
}

async function requestsFor(system: System, happen: () => unknown): Promise<Requests> {
  const { opentrain, workspace } = system;
  const before = { workspace: workspace.requests.count, opentrain: opentrain.calls.length };
  const aws = await countAwsRequests(async () => {
    await happen();
    await system.idle();
  });
  return {
    dynamodb: totalOf(aws, 'DynamoDB_'),
    workspace: workspace.requests.count - before.workspace,
    opentrain: opentrain.calls.length - before.opentrain,
  };
}

/** Built beside the deployed bundles, which may be in use. */
function workerBundleBytes(): number {
  const outputDirectory = mkdtempSync(join(tmpdir(), 'connector-bench-'));
  try {
    return bundleFunctions({ outputDirectory }).worker;
  } finally {
    rmSync(outputDirectory, { recursive: true });
  }
}

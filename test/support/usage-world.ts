import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { SQSClient } from '@aws-sdk/client-sqs';
import { type Emulators, startEmulators } from '../../local/aws/emulators.ts';
import { createAdvanceableClock } from '../../local/opentrain/advanceable-clock.ts';
import { type SimulatedOpenTrain, startSimulatedOpenTrain } from '../../local/opentrain/simulated-opentrain.ts';
import { startDemoWorkspace } from '../../local/workspace/demo-workspace.ts';
import { createAwsJsonClient } from '../../shared/aws/aws-json-client.ts';
import { createParameterStore } from '../../shared/aws/parameter-store.ts';
import { credentialNames } from '../../shared/connections/credential-names.ts';
import type { ConnectionId, ContractId, LinkId, ProjectId, TrainerId, WorkEmail } from '../../shared/ids.ts';
import { DEFAULT_WORKSPACE } from '../../shared/store/connections.ts';
import { createStore } from '../../shared/store/store.ts';
import { openSeedingTable } from './seeding-table.ts';

/** What the usage function meets: the services of AWS, OpenTrain and a workspace, with trainers who have worked. */
export interface UsageWorld {
  readonly emulators: Emulators;
  readonly sqs: SQSClient;
  readonly opentrain: SimulatedOpenTrain;
  /** All of it: what the stack and Lambda set, and where the services are. */
  readonly environment: NodeJS.ProcessEnv;
  /** By connection. */
  readonly contracts: ReadonlyMap<ConnectionId, readonly ContractId[]>;
  /** Reports that OpenTrain got. */
  posts(): number;
  /** Calls so far. */
  requests(): { readonly workspace: number; readonly opentrain: number };
  close(): Promise<void>;
}

export interface WorldSize {
  readonly connections: number;
  readonly contracts: number;
}

const DAY_MILLISECONDS = 24 * 3600_000;
/** One contract of so many uses up most of its funds, so that there are notices to be shown. */
const LOW_EVERY = 50;

/** Each connection has one project, in which all of its contracts are; each trainer has worked on the last two days. */
export async function startUsageWorld({ connections, contracts }: WorldSize): Promise<UsageWorld> {
  const emulators = await startEmulators();
  const clock = createAdvanceableClock({ start: Date.now() - 5 * DAY_MILLISECONDS });
  const opentrain = await startSimulatedOpenTrain({ clock });
  const demo = await startDemoWorkspace({ clock });
  const {
    AWS_REGION: region,
    AWS_ACCESS_KEY_ID: accessKeyId,
    AWS_SECRET_ACCESS_KEY: secretAccessKey,
    ...places
  } = emulators.environment;
  const credentials = { accessKeyId, secretAccessKey };
  const environment: NodeJS.ProcessEnv = {
    ...emulators.environment,
    OPENTRAIN_BASE_URL: opentrain.platformApiUrl,
    WORKSPACE: 'http',
    WORKSPACE_URL: demo.url,
  };
  const parameters = createParameterStore(createAwsJsonClient('ssm', { environment }));
  const names = credentialNames(places.CREDENTIALS_PATH);
  const dynamo = new DynamoDBClient({ region, credentials, endpoint: places.AWS_ENDPOINT_URL_DYNAMODB });
  const table = openSeedingTable(places.TABLE_NAME, dynamo);
  const store = createStore(table);
  const midnight = Math.floor(Date.now() / DAY_MILLISECONDS) * DAY_MILLISECONDS;

  const contractsOf = new Map<ConnectionId, ContractId[]>();

  await parameters.put(names.workspaceToken(DEFAULT_WORKSPACE), demo.token);
  for (let index = 0; index < connections; index += 1) {
    const connectionId = `customer-${index}` as ConnectionId;
    const projectId = `project-${index}` as ProjectId;
    const { installId, token, organizationId } = opentrain.consent({ organization: connectionId });
    const { id: jobId } = opentrain.postJob({ organizationId });
    const linkId = opentrain.linkProject(installId, { externalProjectId: projectId, jobId }).id as LinkId;
    await parameters.put(names.token(connectionId), token);
    await store.connections.connect({ id: connectionId, workspaceId: DEFAULT_WORKSPACE }, clock.now());

    const ownContracts: ContractId[] = [];
    contractsOf.set(connectionId, ownContracts);
    for (let number = index, own = 0; number < contracts; number += connections, own += 1) {
      const { id, trainer, title, startDate } = opentrain.hire({ jobId, trainer: `Trainer ${number}` });
      if (trainer === null) throw new Error('Nobody was hired.');
      opentrain.fundMilestone(id, { volume: (index + own) % LOW_EVERY === 0 ? 10 : 40 });
      const contractId = id as ContractId;
      ownContracts.push(contractId);
      const { displayName, opentrainUserId } = trainer;
      const workEmail = trainer.workEmail as WorkEmail;
      await store.grants.open(
        { connectionId, contractId, linkId },
        {
          trainerId: opentrainUserId as TrainerId,
          displayName,
          workEmail,
          projectId,
          workspaceId: DEFAULT_WORKSPACE,
          title,
          startDate,
        },
        clock.now(),
      );
      demo.addMemberByHand(projectId, { opentrainUserId, workEmail, displayName });
      for (const day of [1, 2]) {
        const at = midnight - day * DAY_MILLISECONDS + 8 * 3600_000;
        demo.recordWork({ trainer: opentrainUserId, project: projectId, at, seconds: 4 * 3600, tasks: 20 });
      }
    }
  }
  await table.flush();
  await clock.advance(5 * DAY_MILLISECONDS);

  return {
    emulators,
    sqs: new SQSClient({ region, credentials, endpoint: places.AWS_ENDPOINT_URL_SQS, useQueueUrlAsEndpoint: false }),
    opentrain,
    contracts: contractsOf,
    environment,
    posts: () => opentrain.calls.filter(({ operationId }) => operationId === 'reportContractUsage').length,
    requests: () => ({ workspace: demo.requests.count, opentrain: opentrain.calls.length }),
    async close() {
      await opentrain.close();
      await demo.close();
      await emulators.close();
    },
  };
}

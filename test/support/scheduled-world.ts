import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { SQSClient } from '@aws-sdk/client-sqs';
import { type Emulators, startEmulators } from '../../local/aws/emulators.ts';
import { type AdvanceableClock, createAdvanceableClock } from '../../local/opentrain/advanceable-clock.ts';
import { type SimulatedOpenTrain, startSimulatedOpenTrain } from '../../local/opentrain/simulated-opentrain.ts';
import { type DemoWorkspace, startDemoWorkspace } from '../../local/workspace/demo-workspace.ts';
import { createAwsJsonClient } from '../../shared/aws/aws-json-client.ts';
import { createParameterStore } from '../../shared/aws/parameter-store.ts';
import { credentialNames } from '../../shared/connections/credential-names.ts';
import type {
  ConnectionId,
  ContractId,
  InstallId,
  LinkId,
  MemberId,
  ProjectId,
  TrainerId,
  WorkEmail,
} from '../../shared/ids.ts';
import { DEFAULT_WORKSPACE, type FreshConnection } from '../../shared/store/connections.ts';
import type { GrantRef } from '../../shared/store/grants.ts';
import { createStore, type Store } from '../../shared/store/store.ts';
import type { Trainer } from '../../shared/workspace/port.ts';
import { openSeedingTable } from './seeding-table.ts';

/** What a scheduled function meets: the services of AWS, OpenTrain and a workspace. */
export interface ScheduledWorld {
  readonly emulators: Emulators;
  readonly sqs: SQSClient;
  readonly opentrain: SimulatedOpenTrain;
  readonly workspace: DemoWorkspace;
  /** All of it: what the stack and Lambda set, and where the services are. */
  readonly environment: NodeJS.ProcessEnv;
  close(): Promise<void>;
}

/** A customer with one project, whose job is linked. */
export interface Customer {
  readonly connectionId: ConnectionId;
  readonly installId: InstallId;
  readonly jobId: string;
  readonly linkId: LinkId;
  readonly projectId: ProjectId;
}

export interface Hired {
  readonly grant: GrantRef;
  readonly contractId: ContractId;
  readonly trainer: Trainer;
  readonly memberId: MemberId;
}

/** A world that is being made. Each item of the table is written once, see `openSeedingTable`. */
export interface Seed {
  readonly world: ScheduledWorld;
  readonly clock: AdvanceableClock;
  readonly store: Store;
  /** The customer consents and links a job; the connection is left to be written. */
  addCustomer(index: number): Promise<Customer>;
  connect(customer: Customer, details?: Partial<FreshConnection>): Promise<void>;
  /** With an open grant, and in the project. */
  hire(customer: Customer, name: string): Promise<Hired>;
  /** Writes what is left. */
  flush(): Promise<void>;
}

/** @param daysAgo - when its story begins; `clock` can be advanced to the present */
export async function startScheduledWorld({ daysAgo = 0 }: { readonly daysAgo?: number } = {}): Promise<Seed> {
  const emulators = await startEmulators();
  const clock = createAdvanceableClock({ start: Date.now() - daysAgo * 24 * 3600_000 });
  const opentrain = await startSimulatedOpenTrain({ clock });
  const workspace = await startDemoWorkspace({ clock });
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
    WORKSPACE_URL: workspace.url,
  };
  const parameters = createParameterStore(createAwsJsonClient('ssm', { environment }));
  const names = credentialNames(places.CREDENTIALS_PATH);
  const dynamo = new DynamoDBClient({ region, credentials, endpoint: places.AWS_ENDPOINT_URL_DYNAMODB });
  const table = openSeedingTable(places.TABLE_NAME, dynamo);
  const store = createStore(table);
  await parameters.put(names.workspaceToken(DEFAULT_WORKSPACE), workspace.token);

  return {
    world: {
      emulators,
      sqs: new SQSClient({ region, credentials, endpoint: places.AWS_ENDPOINT_URL_SQS, useQueueUrlAsEndpoint: false }),
      opentrain,
      workspace,
      environment,
      async close() {
        await opentrain.close();
        await workspace.close();
        await emulators.close();
      },
    },
    clock,
    store,
    async addCustomer(index) {
      const connectionId = `customer-${index}` as ConnectionId;
      const projectId = `project-${index}` as ProjectId;
      const { installId, token, organizationId } = opentrain.consent({ organization: connectionId });
      const { id: jobId } = opentrain.postJob({ organizationId });
      const linkId = opentrain.linkProject(installId, { externalProjectId: projectId, jobId }).id as LinkId;
      await parameters.put(names.token(connectionId), token);
      return { connectionId, installId: installId as InstallId, jobId, linkId, projectId };
    },
    async connect({ connectionId }, details = {}) {
      await store.connections.connect({ id: connectionId, workspaceId: DEFAULT_WORKSPACE, ...details }, clock.now());
    },
    async hire({ connectionId, jobId, linkId, projectId }, name) {
      const { id, trainer: hired, title, startDate } = opentrain.hire({ jobId, trainer: name });
      if (hired === null) throw new Error('Nobody was hired.');
      const contractId = id as ContractId;
      const grant = { connectionId, contractId, linkId };
      const trainer = {
        opentrainUserId: hired.opentrainUserId as TrainerId,
        displayName: hired.displayName,
        workEmail: hired.workEmail as WorkEmail,
      };
      const { opentrainUserId: trainerId, displayName, workEmail } = trainer;
      await store.grants.open(
        grant,
        { trainerId, displayName, workEmail, projectId, workspaceId: DEFAULT_WORKSPACE, title, startDate },
        clock.now(),
      );
      const memberId = workspace.addMemberByHand(projectId, trainer) as MemberId;
      return { grant, contractId, trainer, memberId };
    },
    flush: table.flush,
  };
}

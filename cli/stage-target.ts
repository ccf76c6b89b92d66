import { CloudFormationClient, DescribeStacksCommand } from '@aws-sdk/client-cloudformation';
import { ConnectorError } from '../shared/errors.ts';
import type { WorkspaceSettings } from '../shared/store/workspaces.ts';
import { AWS_PATIENCE } from './aws-patience.ts';
import { said } from './explain.ts';
import { flagOf, type Target, type TargetOptions } from './target.ts';

/** AWS did not let us look, or what is deployed is not as it should be. */
export class DeploymentError extends ConnectorError {
  override readonly name = 'DeploymentError';
}

/** There is no such stage, at least not in this account and region. */
export class StageMissingError extends ConnectorError {
  override readonly name = 'StageMissingError';
}

const OPENTRAIN_URL = 'https://app.opentrain.ai/api/partner/v1';

/**
 * Finds a deployment by the outputs of its stack (`infra/connector-stack.ts`).
 *
 * @throws {StageMissingError} when there is no such stack
 * @throws {DeploymentError} when there are no credentials, or AWS does not let us look
 */
export async function openStage(
  stage: string,
  options: TargetOptions,
  environment: NodeJS.ProcessEnv,
): Promise<Target> {
  const { region, opentrainUrl, webhookBaseUrl } = options;
  // As `infra/app.ts` names it.
  const stackName = `OpenTrainConnector-${stage}`;
  const client = new CloudFormationClient({ ...AWS_PATIENCE, ...(region === undefined ? {} : { region }) });
  const aws = await resolveAws(client);
  const outputs = await describe(client, stackName, aws.region);
  const output = (name: string) => {
    const value = outputs.get(name);
    if (value !== undefined) return value;
    throw new DeploymentError(`The stack ${stackName} has no output ${name}. Deploy it anew; is it an older one?`);
  };
  const opentrain = opentrainUrl ?? outputs.get('OpenTrainBaseUrl') ?? OPENTRAIN_URL;
  return {
    kind: 'stage',
    name: `stage ${stage}`,
    flag: flagOf(options),
    apiUrl: webhookBaseUrl ?? output('WebhookBaseUrl'),
    opentrainUrl: opentrain,
    credentialsPath: output('CredentialsPath'),
    tableName: output('TableName'),
    queues: [
      { name: 'deliveries', url: output('QueueUrl'), deadLetterUrl: output('DeadLetterQueueUrl') },
      { name: 'usage', url: output('UsageQueueUrl'), deadLetterUrl: output('UsageDeadLetterQueueUrl') },
      { name: 'reconcile', url: output('ReconcileQueueUrl'), deadLetterUrl: output('ReconcileDeadLetterQueueUrl') },
    ],
    droppedQueues: [
      { name: 'usage-dropped', url: output('UsageDroppedQueueUrl') },
      { name: 'reconcile-dropped', url: output('ReconcileDroppedQueueUrl') },
    ],
    workspace: workspaceOf(outputs),
    topUpUrl: outputs.get('TopUpUrl') ?? new URL(opentrain).origin,
    keepAfterUnlink: output('KeepAccessAfterUnlink') === 'true',
    graceHours: Number(output('GraceHours')),
    reconcileMinutes: Number(output('ReconcileMinutes')),
    stackName,
    environment: {
      ...environment,
      AWS_REGION: aws.region,
      AWS_ACCESS_KEY_ID: aws.credentials.accessKeyId,
      AWS_SECRET_ACCESS_KEY: aws.credentials.secretAccessKey,
      AWS_SESSION_TOKEN: aws.credentials.sessionToken,
    },
  };
}

function workspaceOf(outputs: ReadonlyMap<string, string>): WorkspaceSettings | undefined {
  const [adapter, url] = [outputs.get('WorkspaceAdapter'), outputs.get('WorkspaceUrl')];
  if (adapter === undefined || url === undefined) return undefined;
  const [usageAdapter, usageUrl] = [outputs.get('UsageWorkspaceAdapter'), outputs.get('UsageWorkspaceUrl')];
  if (usageAdapter === undefined || usageUrl === undefined) return { adapter, url };
  return { adapter, url, usage: { adapter: usageAdapter, url: usageUrl } };
}

async function resolveAws({ config }: CloudFormationClient) {
  const region = await config.region().catch((cause) => {
    throw new DeploymentError('No AWS region was found. Name it with --region, or set AWS_REGION.', { cause });
  });
  const credentials = await config.credentials().catch((cause) => {
    throw new DeploymentError(
      'No AWS credentials were found. Sign in as for the deployment (aws sso login, AWS_PROFILE, …). ' +
        `The SDK says: ${said(cause)}`,
      { cause },
    );
  });
  return { region, credentials };
}

async function describe(
  client: CloudFormationClient,
  stackName: string,
  region: string,
): Promise<ReadonlyMap<string, string>> {
  try {
    const { Stacks: [stack] = [] } = await client.send(new DescribeStacksCommand({ StackName: stackName }));
    return new Map(stack?.Outputs?.map(({ OutputKey = '', OutputValue = '' }) => [OutputKey, OutputValue]));
  } catch (cause) {
    if (/does not exist/.test(said(cause))) {
      throw new StageMissingError(
        `There is no stack ${stackName} in ${region}. Deploy the stage first, or name its region with --region; ` +
          'and see that AWS_PROFILE is of the right account.',
        { cause },
      );
    }
    throw new DeploymentError(
      `AWS CloudFormation in ${region} was asked for the stack ${stackName}, and that failed: ${said(cause)} ` +
        'Check the network, and that these credentials may call cloudformation:DescribeStacks.',
      { cause },
    );
  }
}

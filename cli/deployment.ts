import {
  CloudFormationClient,
  type CloudFormationClientConfig,
  DescribeStacksCommand,
} from '@aws-sdk/client-cloudformation';
import { ConnectorError } from '../shared/errors.ts';
import { scrub } from '../shared/logging.ts';

/** The deployment of a stage was not found, or AWS did not let us look. */
export class DeploymentError extends ConnectorError {
  override readonly name = 'DeploymentError';
}

/** Where the parts of one stage are, and as whom to call them. */
export interface Deployment {
  readonly apiUrl: string;
  readonly credentialsPath: string;
  readonly tableName: string;
  /** Region and credentials, as the SDK has found them. */
  readonly aws: {
    readonly region: string;
    readonly credentials: Awaited<ReturnType<CloudFormationClient['config']['credentials']>>;
  };
}

/** Somebody waits at a terminal: two tries, and no longer than an AWS that is there takes. */
export const AWS_PATIENCE = {
  maxAttempts: 2,
  requestHandler: { connectionTimeout: 3_000, requestTimeout: 10_000, throwOnRequestTimeout: true },
} as const satisfies CloudFormationClientConfig;

/**
 * Finds a deployment by the outputs of its stack (`infra/connector-stack.ts`).
 *
 * @param region - by default the one that the SDK finds: AWS_REGION, or the profile's
 * @throws {DeploymentError} when there are no credentials, or no such stack
 */
export async function findDeployment(stage: string, region?: string): Promise<Deployment> {
  // As `infra/app.ts` names it.
  const stackName = `OpenTrainConnector-${stage}`;
  const client = new CloudFormationClient({ ...AWS_PATIENCE, ...(region === undefined ? {} : { region }) });
  const found = await resolveAws(client);
  const outputs = await describe(client, stackName, found.region);
  const output = (name: string) => {
    const value = outputs.get(name);
    if (value !== undefined) return value;
    throw new DeploymentError(`The stack ${stackName} has no output ${name}. Deploy it anew; is it an older one?`);
  };
  return {
    apiUrl: output('ApiUrl'),
    credentialsPath: output('CredentialsPath'),
    tableName: output('TableName'),
    aws: found,
  };
}

async function resolveAws({ config }: CloudFormationClient): Promise<Deployment['aws']> {
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
      throw new DeploymentError(
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

/** What an error of the SDK says: its name, and its message where it has one (that of a refused connection is empty). */
export function said(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const { code } = error as NodeJS.ErrnoException;
  const text = scrub(error.message || code || 'no reason given');
  return `${error.name}: ${text}${/[.!?]$/.test(text) ? '' : '.'}`;
}

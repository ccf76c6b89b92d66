import { parseArgs } from 'node:util';
import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { createAwsJsonClient } from '../shared/aws/aws-json-client.ts';
import { createParameterStore } from '../shared/aws/parameter-store.ts';
import { parseBaseUrl } from '../shared/base-url.ts';
import { systemClock } from '../shared/clock.ts';
import { type Connected, type ConnectRequest, connect } from '../shared/connections/connect.ts';
import { credentialNames } from '../shared/connections/credential-names.ts';
import { NEEDED_SCOPES } from '../shared/connections/needed-scopes.ts';
import { ConfigurationError, ConnectorError } from '../shared/errors.ts';
import { type ConnectionId, parseConnectionId, type WorkspaceId } from '../shared/ids.ts';
import { createConnections, DEFAULT_WORKSPACE } from '../shared/store/connections.ts';
import { openTable } from '../shared/store/table.ts';
import { createWorkspaces } from '../shared/store/workspaces.ts';
import { AWS_PATIENCE, type Deployment, DeploymentError, findDeployment, said } from './deployment.ts';
import { readSecret } from './read-secret.ts';

const TOKEN_VARIABLE = 'OPENTRAIN_PARTNER_TOKEN';

const HELP = `Connects a customer's OpenTrain install to a deployment: stores the token, registers the webhook endpoint,
stores its secret. Run it again after a reconnect, or to mend a connection: it never registers an endpoint twice.

  npm run --silent connect -- acme --stage prod

Arguments
  <connection>              the id that you give the customer: lower-case letters, digits, inner hyphens

Options
  --stage <stage>           the deployment, as in cdk deploy -c stage=…
  --region <region>         where it is; by default as the AWS SDK finds it (AWS_REGION, the profile)
  --workspace <id>          a workspace of the connection's own; by default the one it has, or the deployment's
  --opentrain-url <url>     the Partner API; by default https://app.opentrain.ai/api/partner/v1
  --webhook-base-url <url>  where OpenTrain reaches the deployment, if that is a domain of your own; by default its ApiUrl
  --json                    one JSON document instead of the lines
  --help                    this text

The token (ot_ptk_…) comes from ${TOKEN_VARIABLE}, from standard input, or from a prompt that does not show it.
AWS credentials are found as the AWS SDK finds them.

Exit code: 0 connected, perhaps with something missing; 1 it failed; 2 the command cannot be understood.
`;

interface Arguments {
  readonly connectionId: ConnectionId;
  readonly stage: string;
  readonly region: string | undefined;
  readonly workspaceId: WorkspaceId | undefined;
  readonly opentrainUrl: string;
  readonly webhookBaseUrl: string | undefined;
  readonly json: boolean;
}

async function main(): Promise<void> {
  const given = readArguments();
  if (given === 'help') {
    process.stdout.write(HELP);
    return;
  }
  const token = await readToken();
  const deployment = await findDeployment(given.stage, given.region);
  const { request, connected } = await connectTo(deployment, given, token);
  process.stdout.write(given.json ? json(request, connected) : lines(request, connected));
}

/** @throws {ConfigurationError} for the first argument that makes no sense */
function readArguments(): Arguments | 'help' {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      stage: { type: 'string', default: '' },
      region: { type: 'string' },
      workspace: { type: 'string' },
      'opentrain-url': { type: 'string', default: 'https://app.opentrain.ai/api/partner/v1' },
      'webhook-base-url': { type: 'string' },
      json: { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
    },
  });
  if (values.help) return 'help';
  const [id = '', ...others] = positionals;
  const connectionId = parseConnectionId(id);
  if (connectionId === undefined || others.length > 0) {
    // What came is not repeated: it might be the token.
    throw new ConfigurationError(
      'One connection must be named: 1 to 64 lower-case letters, digits and inner hyphens, such as acme. ' +
        'The token is no argument. See --help.',
    );
  }
  if (!/^[a-z0-9-]+$/.test(values.stage)) {
    throw new ConfigurationError('--stage must name the deployment, such as prod. See --help.');
  }
  const base = values['webhook-base-url'];
  return {
    connectionId,
    stage: values.stage,
    region: values.region,
    workspaceId: values.workspace as WorkspaceId | undefined,
    opentrainUrl: parseBaseUrl(values['opentrain-url'], '--opentrain-url'),
    webhookBaseUrl: base === undefined ? undefined : parseBaseUrl(base, '--webhook-base-url'),
    json: values.json,
  };
}

async function readToken(): Promise<string> {
  const token = await readSecret(TOKEN_VARIABLE, 'Token of the install (ot_ptk_…; it is not shown): ');
  if (/^ot_ptk_[\x21-\x7e]+$/.test(token)) return token;
  throw new ConfigurationError(
    `${TOKEN_VARIABLE}, standard input or the prompt must give the install's token, and nothing else; ` +
      `${token === '' ? 'nothing came' : 'what came does not begin with ot_ptk_, or is more than one word'}. See --help.`,
  );
}

async function connectTo(deployment: Deployment, given: Arguments, token: string) {
  const { apiUrl, credentialsPath, tableName, aws } = deployment;
  const { connectionId, opentrainUrl, webhookBaseUrl = apiUrl } = given;
  const table = openTable(tableName, new DynamoDBClient({ ...AWS_PATIENCE, ...aws }));
  const connections = createConnections(table);
  const workspaceId = given.workspaceId ?? (await connections.get(connectionId)).workspaceId;
  if (workspaceId !== DEFAULT_WORKSPACE && (await createWorkspaces(table).get(workspaceId)) === undefined) {
    throw new DeploymentError(
      `There is no workspace "${workspaceId}" in the table ${tableName}. Write it first, see the README, ` +
        'or leave --workspace out for that of the deployment.',
    );
  }
  const environment = {
    ...process.env,
    AWS_REGION: aws.region,
    AWS_ACCESS_KEY_ID: aws.credentials.accessKeyId,
    AWS_SECRET_ACCESS_KEY: aws.credentials.secretAccessKey,
    AWS_SESSION_TOKEN: aws.credentials.sessionToken,
  };
  const ssm = createAwsJsonClient('ssm', { environment, timeoutMilliseconds: 5_000 });
  const webhookUrl = `${webhookBaseUrl}/webhooks/opentrain/${connectionId}`;
  const request = { connectionId, token, webhookUrl, workspaceId };
  const connected = await connect(request, {
    parameters: createParameterStore(ssm),
    names: credentialNames(credentialsPath),
    connections,
    opentrain: { baseUrl: opentrainUrl },
    clock: systemClock,
  });
  return { request, connected };
}

function json({ connectionId, workspaceId, webhookUrl }: ConnectRequest, connected: Connected): string {
  const { install, endpointId, kept, missingScopes } = connected;
  const { id: installId, organizationId } = install;
  const piiConsent = install.piiConsent === true;
  const told = { connectionId, installId, organizationId, workspaceId, endpointId, webhookUrl, kept };
  return `${JSON.stringify({ ...told, missingScopes, piiConsent }, null, 2)}\n`;
}

function lines({ connectionId, workspaceId, webhookUrl }: ConnectRequest, connected: Connected): string {
  const { install, endpointId, kept, missingScopes } = connected;
  const missing = [
    ...missingScopes.map((scope) => `Missing: the scope ${scope}. Without it, ${NEEDED_SCOPES[scope]}.`),
    ...(install.piiConsent === true
      ? []
      : ['Missing: the consent to personal data. Without it, Work Emails are withheld, so nobody is let in.']),
  ];
  const told = [
    `Connected ${connectionId} to install ${install.id}, in the workspace ${workspaceId}.`,
    `Endpoint ${endpointId} ${kept ? 'kept' : 'registered'}: ${webhookUrl}`,
    ...missing,
    missing.length === 0
      ? 'Nothing is missing: scopes and consent are as they should be.'
      : 'Scopes and consent are given when the customer connects: let them reconnect, then run this with the new token.',
  ];
  return `${told.join('\n')}\n`;
}

/** What is said in one line; anything else is a mistake of ours, and worth its stack trace. */
function isExpected(error: unknown): error is Error {
  return error instanceof ConnectorError || (error instanceof Error && '$metadata' in error);
}

try {
  await main();
} catch (error) {
  const isOfArguments =
    error instanceof TypeError && String((error as NodeJS.ErrnoException).code).startsWith('ERR_PARSE');
  if (!isOfArguments && !isExpected(error)) throw error;
  const message = '$metadata' in error ? `AWS refused: ${said(error)}` : error.message;
  process.stderr.write(`${message}\n`);
  process.exitCode = isOfArguments || error instanceof ConfigurationError ? 2 : 1;
}

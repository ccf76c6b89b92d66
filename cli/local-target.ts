import * as v from 'valibot';
import { parseBaseUrl } from '../shared/base-url.ts';
import { ConnectorError } from '../shared/errors.ts';
import { UsageError } from './errors.ts';
import { flagOf, type Target, type TargetOptions } from './target.ts';

/** Nothing that is local mode answered. */
export class LocalModeError extends ConnectorError {
  override readonly name = 'LocalModeError';
}

const text = v.pipe(v.string(), v.minLength(1));

/** What `GET /_local` answers, as far as it is needed: `LocalAddresses` of local/connector.ts. */
const addresses = v.object({
  gateway: text,
  platformApi: text,
  workspaceAdapter: text,
  workspace: text,
  usageWorkspaceAdapter: v.optional(text),
  usageWorkspace: v.optional(text),
  dynamodb: text,
  sqs: text,
  ssm: text,
  table: text,
  queue: text,
  deadLetterQueue: text,
  usageQueue: text,
  usageDeadLetterQueue: text,
  reconcileQueue: text,
  reconcileDeadLetterQueue: text,
  usageDroppedQueue: text,
  reconcileDroppedQueue: text,
  credentialsPath: text,
});

const PATIENCE_MILLISECONDS = 5_000;

/**
 * Finds the parts of local mode by asking its gateway.
 *
 * @throws {LocalModeError} when it does not run there
 */
export async function openLocal(url: string, options: TargetOptions): Promise<Target> {
  const { opentrainUrl, webhookBaseUrl } = options;
  const { hostname } = URL.parse(url) ?? {};
  if (hostname !== '127.0.0.1' && hostname !== 'localhost' && hostname !== '[::1]') {
    throw new UsageError('--local must be the URL of a gateway on this machine, such as http://127.0.0.1:8787.');
  }
  const found = await askGateway(parseBaseUrl(url, '--local'));
  const { usageWorkspaceAdapter, usageWorkspace } = found;
  const usage =
    usageWorkspaceAdapter === undefined || usageWorkspace === undefined
      ? {}
      : { usage: { adapter: usageWorkspaceAdapter, url: usageWorkspace } };
  return {
    kind: 'local',
    name: 'local mode',
    flag: flagOf(options),
    apiUrl: webhookBaseUrl ?? found.gateway,
    opentrainUrl: opentrainUrl ?? found.platformApi,
    credentialsPath: found.credentialsPath,
    tableName: found.table,
    queues: [
      { name: 'deliveries', url: found.queue, deadLetterUrl: found.deadLetterQueue },
      { name: 'usage', url: found.usageQueue, deadLetterUrl: found.usageDeadLetterQueue },
      { name: 'reconcile', url: found.reconcileQueue, deadLetterUrl: found.reconcileDeadLetterQueue },
    ],
    droppedQueues: [
      { name: 'usage-dropped', url: found.usageDroppedQueue },
      { name: 'reconcile-dropped', url: found.reconcileDroppedQueue },
    ],
    workspace: { adapter: found.workspaceAdapter, url: found.workspace, ...usage },
    topUpUrl: new URL(found.platformApi).origin,
    keepAfterUnlink: false,
    graceHours: 24,
    reconcileMinutes: 30,
    stackName: undefined,
    // The emulators take any; nothing of this machine's own AWS is meant.
    environment: {
      AWS_REGION: 'us-east-1',
      AWS_ACCESS_KEY_ID: 'local',
      AWS_SECRET_ACCESS_KEY: 'local',
      AWS_ENDPOINT_URL_DYNAMODB: found.dynamodb,
      AWS_ENDPOINT_URL_SQS: found.sqs,
      AWS_ENDPOINT_URL_SSM: found.ssm,
    },
  };
}

async function askGateway(url: string): Promise<v.InferOutput<typeof addresses>> {
  let body: unknown;
  try {
    const response = await fetch(`${url}/_local`, { signal: AbortSignal.timeout(PATIENCE_MILLISECONDS) });
    body = await response.json();
  } catch (cause) {
    throw new LocalModeError(
      `Local mode does not answer at ${url}. Start it with npm run local, or name its gateway.`,
      {
        cause,
      },
    );
  }
  const parsed = v.safeParse(addresses, body);
  if (parsed.success) return parsed.output;
  throw new LocalModeError(
    `What answers at ${url} is not local mode, or one of another version. See its "ready" line.`,
  );
}

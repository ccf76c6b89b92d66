import { Agent as HttpAgent, request as httpRequest } from 'node:http';
import { Agent as HttpsAgent, request as httpsRequest } from 'node:https';
import { urlToHttpOptions } from 'node:url';
import { type Clock, sleep as realSleep, type Sleep, systemClock } from '../clock.ts';
import { ConnectorError } from '../errors.ts';
import { type AwsCredentials, createSigner } from './sign-request.ts';

/**
 * Calls SQS and SSM over their JSON protocols without their SDK clients: those cost a cold webhook function some 80 ms of
 * import, and OpenTrain waits ten seconds for an answer. What is left is a signature and one HTTPS request.
 */
export interface AwsJsonClient {
  /** @throws {AwsError} when AWS refuses, or does not answer twice */
  call(operation: string, input: object): Promise<Record<string, unknown>>;
}

/** AWS refused a call, or could not be reached. */
export class AwsError extends ConnectorError {
  override readonly name = 'AwsError';
  /** The exception's short name ("ParameterNotFound"); undefined when no answer came. */
  readonly code: string | undefined;
  readonly status: number | undefined;

  constructor(message: string, options: { code?: string | undefined; status?: number | undefined; cause?: unknown }) {
    super(message, options);
    this.code = options.code;
    this.status = options.status;
  }
}

/** Protocols: https://smithy.io/2.0/aws/protocols/ (awsJson1_0, awsJson1_1). */
const SERVICES = {
  sqs: { target: 'AmazonSQS', contentType: 'application/x-amz-json-1.0' },
  ssm: { target: 'AmazonSSM', contentType: 'application/x-amz-json-1.1' },
} as const;

export interface AwsJsonClientOptions {
  /** Where the region, the credentials and the endpoint are read, by the names that Lambda and the SDKs use. */
  readonly environment?: NodeJS.ProcessEnv;
  /**
   * For connecting and answering, each try. Two tries of three calls, the most that a reception makes, stay within the
   * webhook function's 9 s.
   *
   * @default 1300
   */
  readonly timeoutMilliseconds?: number;
  readonly clock?: Clock;
  readonly sleep?: Sleep;
  readonly random?: () => number;
}

/** A second try comes after 50 to 150 ms: long enough for a new connection, short enough for OpenTrain's ten seconds. */
const TRIES = 2;
const PAUSE_MILLISECONDS = { least: 50, spread: 100 };

export function createAwsJsonClient(service: keyof typeof SERVICES, options: AwsJsonClientOptions = {}): AwsJsonClient {
  const {
    environment = process.env,
    timeoutMilliseconds = 1_300,
    clock = systemClock,
    sleep = realSleep,
    random = Math.random,
  } = options;
  const { target, contentType } = SERVICES[service];
  const region = environment.AWS_REGION ?? environment.AWS_DEFAULT_REGION ?? 'us-east-1';
  const endpoint = new URL(
    environment[`AWS_ENDPOINT_URL_${service.toUpperCase()}`] ??
      environment.AWS_ENDPOINT_URL ??
      regionalEndpoint(service, region),
  );
  const isPlain = endpoint.protocol === 'http:';
  const request = isPlain ? httpRequest : httpsRequest;
  const agent = isPlain ? new HttpAgent({ keepAlive: true }) : new HttpsAgent({ keepAlive: true });
  const address = urlToHttpOptions(endpoint);
  const sign = createSigner(service, region);

  async function attempt(operation: string, body: string): Promise<Answer> {
    const unsigned = {
      host: endpoint.host,
      'content-type': contentType,
      'content-length': String(Buffer.byteLength(body)),
      'x-amz-target': `${target}.${operation}`,
    };
    const headers = sign({ headers: unsigned, body }, credentialsFrom(environment), new Date(clock.now()));
    return new Promise((resolve, reject) => {
      const outgoing = request({ ...address, method: 'POST', headers, agent }, (response) => {
        const chunks: Buffer[] = [];
        response.on('data', (chunk: Buffer) => chunks.push(chunk));
        response.on('error', reject);
        response.on('end', () => resolve({ status: response.statusCode ?? 0, text: Buffer.concat(chunks).toString() }));
      });
      const timer = setTimeout(
        () => outgoing.destroy(new Error(`no answer within ${timeoutMilliseconds} ms`)),
        timeoutMilliseconds,
      );
      outgoing.on('close', () => clearTimeout(timer));
      outgoing.on('error', reject);
      outgoing.end(body);
    });
  }

  async function callOnce(operation: string, body: string): Promise<Record<string, unknown>> {
    const what = `${service.toUpperCase()} ${operation}`;
    let answer: Answer;
    try {
      answer = await attempt(operation, body);
    } catch (cause) {
      if (cause instanceof AwsError) throw cause;
      throw new AwsError(`${what} got no answer. Check the function's network and the endpoint.`, { cause });
    }
    const content = parseObject(answer.text);
    if (answer.status === 200 && content !== undefined) return content;
    const code = errorCode(content);
    throw new AwsError(`${what} was answered ${answer.status} (${code ?? 'no error code'}).`, {
      code,
      status: answer.status,
    });
  }

  return {
    async call(operation, input) {
      const body = JSON.stringify(input);
      for (let tries = 1; ; tries += 1) {
        try {
          return await callOnce(operation, body);
        } catch (error) {
          if (tries >= TRIES || !(error instanceof AwsError) || !mayPass(error)) throw error;
          await sleep(PAUSE_MILLISECONDS.least + random() * PAUSE_MILLISECONDS.spread);
        }
      }
    },
  };
}

/** China is a partition of its own, with a domain of its own; GovCloud's is that of all others. Source: AWS, "Regional endpoints". */
export function regionalEndpoint(service: keyof typeof SERVICES, region: string): string {
  return `https://${service}.${region}.${region.startsWith('cn-') ? 'amazonaws.com.cn' : 'amazonaws.com'}`;
}

interface Answer {
  readonly status: number;
  readonly text: string;
}

/** SendMessage twice is a duplicate, which the worker absorbs; GetParameter twice is nothing. So both may be repeated. */
function mayPass(error: AwsError): boolean {
  const { status, code = '' } = error;
  return status === undefined || status >= 500 || status === 429 || /Thrott|TooManyRequests|LimitExceeded/.test(code);
}

function parseObject(text: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : undefined;
  } catch {
    return undefined;
  }
}

/** `com.amazonaws.ssm#ParameterNotFound` and the like, without the name space. */
function errorCode(content: Record<string, unknown> | undefined): string | undefined {
  const type = content?.__type ?? content?.code;
  return typeof type === 'string' ? type.slice(type.lastIndexOf('#') + 1) : undefined;
}

/** @throws {AwsError} when there are none */
export function credentialsFrom(environment: NodeJS.ProcessEnv): AwsCredentials {
  const { AWS_ACCESS_KEY_ID: accessKeyId, AWS_SECRET_ACCESS_KEY: secretAccessKey, AWS_SESSION_TOKEN } = environment;
  if (accessKeyId === undefined || secretAccessKey === undefined) {
    throw new AwsError(
      'Expected AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY in the environment, as Lambda sets them.',
      {},
    );
  }
  return { accessKeyId, secretAccessKey, ...(AWS_SESSION_TOKEN ? { sessionToken: AWS_SESSION_TOKEN } : {}) };
}

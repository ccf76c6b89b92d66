import { AwsError } from '../../shared/aws/aws-json-client.ts';
import { UnknownWorkspaceError } from '../../shared/connections/choose-workspace.ts';
import { ChangedMeanwhileError, OtherOrganizationError } from '../../shared/connections/connect.ts';
import { UnknownConnectionError } from '../../shared/connections/disconnect.ts';
import { EndpointLeftBehindError } from '../../shared/connections/endpoints.ts';
import {
  InstallNotActiveError,
  InstallTakenError,
  ScopeMissingError,
} from '../../shared/connections/usable-install.ts';
import { OpenTrainError, type OpenTrainErrorKind } from '../../shared/opentrain/errors.ts';
import { TableBusyError } from '../../shared/store/table.ts';
import { BadRequestError, BodyTooLargeError } from './request.ts';

/** How a failure is answered. */
export interface Refusal {
  readonly status: number;
  /** A stable word for programs. */
  readonly code: string;
  /** For people. */
  readonly message: string;
  readonly retryAfterSeconds?: number | undefined;
  /** OpenTrain's, to quote to their support. */
  readonly requestId?: string | undefined;
}

export function refusalOf(error: unknown): Refusal {
  if (error instanceof OpenTrainError) {
    const { message, retryAfterSeconds, requestId } = error;
    return { ...OPENTRAIN[error.kind], message, retryAfterSeconds, requestId };
  }
  const [, status, code] = KNOWN.find(([kind]) => error instanceof kind) ?? [];
  if (error instanceof Error && status !== undefined && code !== undefined)
    return { status, code, message: error.message };
  // The SDK's own errors, of the table; what they say is AWS's business, and goes to the log.
  if (error instanceof Error && '$metadata' in error) {
    return {
      status: 503,
      code: 'aws_unavailable',
      message: 'DynamoDB refuses or does not answer. Try again; see the log.',
    };
  }
  return {
    status: 500,
    code: 'unforeseen',
    message: 'Something failed that nobody foresaw. See the log of the function.',
  };
}

const OPENTRAIN = {
  forbidden: { status: 403, code: 'token_refused' },
  transient: { status: 502, code: 'opentrain_unavailable' },
  'rate-limited': { status: 503, code: 'opentrain_busy' },
  rejected: { status: 502, code: 'opentrain_refused' },
} as const satisfies Record<OpenTrainErrorKind, object>;

const KNOWN = [
  [BadRequestError, 400, 'bad_request'],
  [UnknownConnectionError, 404, 'unknown_connection'],
  [OtherOrganizationError, 409, 'other_organization'],
  [InstallTakenError, 409, 'install_taken'],
  [ChangedMeanwhileError, 409, 'changed_meanwhile'],
  [BodyTooLargeError, 413, 'body_too_large'],
  [InstallNotActiveError, 422, 'install_not_active'],
  [ScopeMissingError, 422, 'scope_missing'],
  [UnknownWorkspaceError, 422, 'unknown_workspace'],
  [EndpointLeftBehindError, 503, 'endpoint_left_behind'],
  [AwsError, 503, 'aws_unavailable'],
  [TableBusyError, 503, 'aws_unavailable'],
] as const;

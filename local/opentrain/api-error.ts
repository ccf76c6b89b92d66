import type { Schemas } from './state.ts';

export type ErrorCode = Schemas['ErrorCode'];

const STATUS_OF_CODE = {
  BAD_REQUEST: 400,
  UNAUTHORIZED: 401,
  FORBIDDEN: 403,
  NOT_FOUND: 404,
  CONFLICT: 409,
  RATE_LIMITED: 429,
  INTERNAL_ERROR: 500,
} as const satisfies Record<ErrorCode, number>;

/** A call that OpenTrain refuses; becomes the error envelope. */
export class ApiError extends Error {
  override readonly name = 'ApiError';
  readonly code: ErrorCode;
  readonly details: Record<string, unknown> | undefined;

  constructor(code: ErrorCode, message: string, details?: Record<string, unknown>) {
    super(message);
    this.code = code;
    this.details = details;
  }
}

/** An answer before it is put on the wire. */
export interface Answer {
  readonly status: (typeof STATUS_OF_CODE)[ErrorCode] | 200 | 201 | 202;
  readonly body: unknown;
}

/** Anything that is no ApiError becomes INTERNAL_ERROR. */
export function answerOfError(error: unknown, requestId: string): Answer {
  const known = error instanceof ApiError ? error : new ApiError('INTERNAL_ERROR', String(error));
  const body: Schemas['Error'] = {
    error: known.message,
    code: known.code,
    requestId,
    ...(known.details === undefined ? {} : { details: known.details }),
  };
  return { status: STATUS_OF_CODE[known.code], body };
}

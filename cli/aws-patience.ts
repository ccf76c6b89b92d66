/** Somebody waits at a terminal: two tries, and no longer than an AWS that is there takes. */
export const AWS_PATIENCE = {
  maxAttempts: 2,
  requestHandler: { connectionTimeout: 3_000, requestTimeout: 10_000, throwOnRequestTimeout: true },
} as const;

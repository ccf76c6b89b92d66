import { metricsOf } from './metrics.ts';

/**
 * One logger: JSON lines on standard output, which Lambda hands to CloudWatch Logs.
 *
 * Rule 7 holds by construction: a line takes only the fields named here, none of which can hold a body, a secret or an
 * address, and whatever an unforeseen error says about itself is scrubbed. Thirty lines instead of a library, because
 * the webhook function's cold start pays for every module.
 */
export interface LogFields {
  /** What happened, as a stable name to search and count by: `delivery.rejected`, `delivery.retried`, … */
  readonly event: string;
  readonly connectionId?: string | undefined;
  readonly deliveryId?: string | undefined;
  readonly eventId?: string | undefined;
  readonly eventType?: string | undefined;
  readonly contractId?: string | undefined;
  readonly linkId?: string | undefined;
  /** `opentrainUserId`: the only way in which a trainer is named. */
  readonly trainerId?: string | undefined;
  readonly workspaceId?: string | undefined;
  /** Which of a connection's secrets matched, as a fingerprint. */
  readonly secretId?: string | undefined;
  readonly outcome?: string | undefined;
  readonly reason?: string | undefined;
  readonly status?: number | undefined;
  /** OpenTrain's id of a failed call, to quote to their support. */
  readonly requestId?: string | undefined;
  readonly attempt?: number | undefined;
  readonly retryAfterSeconds?: number | undefined;
  readonly durationMs?: number | undefined;
  /** How long a delivery's attempt waited for the workspace, all calls together. */
  readonly workspaceMs?: number | undefined;
  readonly count?: number | undefined;
  /** Of a usage run, part of every entry's `externalReportId`. */
  readonly runId?: string | undefined;
  readonly projectId?: string | undefined;
  /** `YYYY-MM-DD`, UTC. */
  readonly workDate?: string | undefined;
  /** Usage entries that OpenTrain accepted, that it has already, and that are set aside. */
  readonly sent?: number | undefined;
  readonly unchanged?: number | undefined;
  readonly setAside?: number | undefined;
  /** Of a reconciliation: what was set right, what waits for a person's approval, and what could not be done. */
  readonly repaired?: number | undefined;
  /** The same by the kind of repair, where there was any. */
  readonly repairedBy?: Readonly<Record<string, number>> | undefined;
  readonly held?: number | undefined;
  readonly failed?: number | undefined;
  /** Of a reconciliation: what has waited for a person to act in the workspace for more than a day. */
  readonly overdue?: number | undefined;
  /** For how long the connection had not been reported, or compared, to the end. */
  readonly lagSeconds?: number | undefined;
  /** Work outside every contract's time, which is reported nowhere. */
  readonly unattributedSeconds?: number | undefined;
  readonly error?: unknown;
}

export type LogLevel = 'info' | 'warn' | 'error';

export type Logger = Readonly<Record<LogLevel, (fields: LogFields) => void>>;

/** Standard output is what Lambda hands to CloudWatch Logs. */
export const writeLine = (line: string): void => void process.stdout.write(`${line}\n`);

/**
 * @param write - takes one finished line, without a line end
 * @param metricsNamespace - where CloudWatch puts the metrics that it finds in the lines, see `METRICS`; without it there
 *   are none, as in local mode
 */
export function createLogger(write: (line: string) => void = writeLine, metricsNamespace?: string): Logger {
  const at = (level: LogLevel) => (fields: LogFields) => {
    const { error, ...rest } = fields;
    const now = new Date();
    const described = error === undefined ? {} : { error: describeError(error) };
    const metrics = metricsNamespace ? metricsOf(fields, metricsNamespace, now.getTime()) : {};
    write(JSON.stringify({ level, time: now.toISOString(), ...rest, ...described, ...metrics }));
  };
  return { info: at('info'), warn: at('warn'), error: at('error') };
}

export const silentLogger: Logger = { info: () => {}, warn: () => {}, error: () => {} };

/** What may be told of an error: its class, its scrubbed message, where it was thrown, and the same of its cause. */
export function describeError(error: unknown, depth = 0): Record<string, unknown> {
  if (!(error instanceof Error)) return { name: typeof error };
  const frames = (error.stack ?? '')
    .split('\n')
    .filter((line) => /^\s+at /.test(line))
    .slice(0, 6)
    .map((line) => line.trim());
  return {
    name: error.name,
    message: scrub(error.message),
    frames,
    // A chain of causes may bite its own tail.
    ...(error.cause === undefined || depth >= 4 ? {} : { cause: describeError(error.cause, depth + 1) }),
  };
}

const SECRETS = /(?:whsec|ot_ptk|ot_pat)_[\w-]+|\b(?:Bearer|Token|Basic)\s+[\w.~+/=-]{16,}|\beyJ[\w-]+\.[\w.-]+/gi;
const ADDRESSES = /[^\s"'<>@:,;()/?&=]+(?:@|%40)[^\s"'<>@:,;()/?&=]+/gi;
const LONG_HEX = /\b[0-9a-f]{32,}\b/gi;
/** `JSON.parse` quotes the text it could not read, which may be a delivery's body. */
const QUOTED_JSON = /(?:\.\.\.)?"[\s\S]*"(?:\.\.\.)? is not valid JSON/;

/** Of a longer text the rest is not even looked at: what the patterns cost grows faster than the text. */
const SCRUBBED_AT_MOST = 2_000;

/** Takes secrets, signatures, addresses and quoted bodies out of a text that others wrote; at most 300 characters. */
export function scrub(text: string): string {
  // An address that is cut, of 254 characters at most, is none to the patterns any more.
  const looked = text.length > SCRUBBED_AT_MOST ? text.slice(0, SCRUBBED_AT_MOST).replace(/\S{1,254}$/, '') : text;
  return looked
    .replace(QUOTED_JSON, '[text] is not valid JSON')
    .replace(SECRETS, '[secret]')
    .replace(ADDRESSES, '[address]')
    .replace(LONG_HEX, '[hex]')
    .slice(0, 300);
}

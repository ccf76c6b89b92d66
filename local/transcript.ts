import { styleText } from 'node:util';
import { createLogger, type Logger } from '../shared/logging.ts';

/** Who did something. */
type Side = 'OpenTrain' | 'connector' | 'workspace';

const COLOURS = { OpenTrain: 'magenta', connector: 'cyan', workspace: 'green' } as const;

/** Tells a story line by line: who, and what. Trainers are named as OpenTrain shows them ("Maria S."), never by address. */
export interface Transcript {
  heading(text: string): void;
  tell(side: Side, what: string): void;
  /** The connector's own log, in words. */
  readonly logger: Logger;
}

export function createTranscript(write: (line: string) => void): Transcript {
  const paint = (side: Side, text: string) => styleText(COLOURS[side], text, { stream: process.stdout });
  const tell = (side: Side, what: string) => write(`  ${paint(side, side.padEnd(9))}  ${what}`);
  return {
    tell,
    heading: (text) => write(`\n${styleText('bold', text, { stream: process.stdout })}`),
    logger: createLogger((line) => {
      const words = inWords(JSON.parse(line));
      if (words !== undefined) tell('connector', words);
    }),
  };
}

function inWords(line: Record<string, unknown>): string | undefined {
  const { event, eventType, outcome, reason, retryAfterSeconds, attempt } = line;
  switch (event) {
    case 'delivery.accepted':
      return 'signature verified, delivery queued, answered 202';
    case 'delivery.done':
      return `${eventType}: ${outcome}${Number(attempt) > 1 ? ` at attempt ${attempt}` : ''}`;
    case 'delivery.duplicate':
      return `${eventType}: done before, nothing touched`;
    case 'delivery.retried':
      return `${eventType}: ${reason}, tried again in ${retryAfterSeconds} s`;
    case 'delivery.parked':
      return `${eventType}: parked, ${reason}`;
    case 'delivery.rejected':
      return `refused with ${line.status}: signature ${reason}`;
    case 'usage.connection-done':
      return `usage of ${line.count} contracts: ${line.sent} ${line.sent === 1 ? 'total' : 'totals'} sent, ${line.unchanged} as OpenTrain has them`;
    case 'endpoint.healed':
      return `webhook endpoint enabled again; ${line.count} failed deliveries come once more`;
    case 'reconcile.repaired':
      return `set right: ${String(reason).replaceAll('_', ' ')}`;
    case 'reconcile.connection-done':
      return `${line.count} running contracts compared with table and workspace, ${line.repaired} things set right`;
    default:
      return undefined;
  }
}

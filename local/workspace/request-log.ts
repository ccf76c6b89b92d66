import type { Clock } from '../../shared/clock.ts';

export interface LoggedRequest {
  readonly operationId: string;
  readonly status: number;
  /** When it was answered, milliseconds since the epoch. */
  readonly at: number;
  /** What the call was made for, as its header says. */
  readonly correlationId: string | undefined;
}

/** Every call of the contract that the demo workspace answered, so that a test or a benchmark can count them. */
export class RequestLog {
  readonly log: LoggedRequest[] = [];
  readonly #clock: Clock;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  get count(): number {
    return this.log.length;
  }

  /** @returns how many calls of one operation there were */
  of(operationId: string): number {
    return this.log.filter((request) => request.operationId === operationId).length;
  }

  add(request: Omit<LoggedRequest, 'at'>): void {
    this.log.push({ ...request, at: this.#clock.now() });
  }

  clear(): void {
    this.log.length = 0;
  }
}

import type { Clock } from '../../shared/clock.ts';

export interface LoggedRequest {
  readonly operationId: string;
  readonly status: number;
  /** When it was answered, milliseconds since the epoch. */
  readonly at: number;
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

  add(operationId: string, status: number): void {
    this.log.push({ operationId, status, at: this.#clock.now() });
  }

  clear(): void {
    this.log.length = 0;
  }
}

import { type Clock, sleep as realSleep, type Sleep } from '../../shared/clock.ts';

/** Trouble on demand: what a real platform does on a bad day. */
export interface DemoFaults {
  /** Every call is answered 503 until it is switched off. */
  outage(on: boolean): void;
  /** The next calls are answered with this status and do nothing. @param times - how many calls. @default 1 */
  respondNext(status: number, headers?: Readonly<Record<string, string>>, times?: number): void;
  /** Every call takes that much longer, or only those about one project; 0 ends it. */
  slow(milliseconds: number, options?: { readonly projectId?: string }): void;
  /** Answers 429 with Retry-After beyond so many calls in a window; null ends it. */
  rateLimit(limit: RateLimit | null): void;
}

export interface RateLimit {
  readonly calls: number;
  readonly perSeconds: number;
}

export interface FaultyAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
}

export class FaultInjector implements DemoFaults {
  readonly #clock: Clock;
  readonly #sleep: Sleep;
  readonly #next: FaultyAnswer[] = [];
  readonly #slowProjects = new Map<string, number>();
  #slowMilliseconds = 0;
  #isDown = false;
  #limit: RateLimit | null = null;
  #window = { startedAt: 0, calls: 0 };

  constructor(clock: Clock, sleep: Sleep = realSleep) {
    this.#clock = clock;
    this.#sleep = sleep;
  }

  outage(on: boolean): void {
    this.#isDown = on;
  }

  respondNext(status: number, headers: Readonly<Record<string, string>> = {}, times = 1): void {
    this.#next.push(...Array.from({ length: times }, () => ({ status, headers })));
  }

  slow(milliseconds: number, { projectId }: { readonly projectId?: string } = {}): void {
    if (projectId === undefined) this.#slowMilliseconds = milliseconds;
    else this.#slowProjects.set(projectId, milliseconds);
  }

  rateLimit(limit: RateLimit | null): void {
    this.#limit = limit;
    this.#window = { startedAt: this.#clock.now(), calls: 0 };
  }

  /** @returns what to answer instead of doing the work; undefined when nothing is wrong */
  async strike(projectId: string | undefined): Promise<FaultyAnswer | undefined> {
    const delay = this.#slowMilliseconds + (this.#slowProjects.get(projectId ?? '') ?? 0);
    if (delay > 0) await this.#sleep(delay);
    if (this.#isDown) return { status: 503, headers: {} };
    return this.#next.shift() ?? this.#overLimit();
  }

  #overLimit(): FaultyAnswer | undefined {
    if (this.#limit === null) return undefined;
    const windowMilliseconds = this.#limit.perSeconds * 1000;
    const age = this.#clock.now() - this.#window.startedAt;
    if (age >= windowMilliseconds) this.#window = { startedAt: this.#clock.now(), calls: 0 };
    this.#window.calls += 1;
    if (this.#window.calls <= this.#limit.calls) return undefined;
    const left = Math.ceil((this.#window.startedAt + windowMilliseconds - this.#clock.now()) / 1000);
    return { status: 429, headers: { 'retry-after': String(left) } };
  }
}

/**
 * Runs several workers at once, one step at a time, in an order that the test chooses, and kills them between steps.
 *
 * A step is one request to the table or to the workspace. Every worker that is alive waits before its next step; the
 * test picks who goes on. A worker that is killed simply never hears back, as in a real crash: no `catch` of its own runs.
 */
export interface Interleaver {
  /** For the worker's parts: takes the step when it is this worker's turn. */
  stepOf(worker: number): Step;
  /** Starts a worker. */
  start<Result>(worker: number, work: () => Promise<Result>, onEnd: (result: Result) => void): void;
  /** Who waits before which step, once every living worker does so or has ended. */
  waiting(): Promise<readonly Waiting[]>;
}

export type Step = <Result>(name: string, perform: () => Promise<Result>) => Promise<Result>;

export interface Waiting {
  readonly worker: number;
  readonly name: string;
  /** Performs the step and lets the worker go on. */
  go(): Promise<void>;
  /** Performs the step and kills the worker before it hears the answer. */
  crashAfter(): Promise<void>;
  /** Kills the worker before the step. @returns the step, which may still arrive on the other side later */
  crashBefore(): () => Promise<void>;
}

export function createInterleaver(): Interleaver {
  const living = new Set<number>();
  const waiting = new Map<number, Waiting>();
  let wake = () => {};

  return {
    stepOf: (worker) => (name, perform) =>
      new Promise((resolve, reject) => {
        const quietly = async () => {
          await perform().catch(() => undefined);
        };
        const leave = () => {
          waiting.delete(worker);
        };
        waiting.set(worker, {
          worker,
          name,
          async go() {
            leave();
            await perform().then(resolve, reject);
          },
          async crashAfter() {
            leave();
            living.delete(worker);
            await quietly();
          },
          crashBefore() {
            leave();
            living.delete(worker);
            return quietly;
          },
        });
        wake();
      }),
    start(worker, work, onEnd) {
      living.add(worker);
      void work().then((result) => {
        living.delete(worker);
        onEnd(result);
        wake();
      });
    },
    async waiting() {
      while (waiting.size < living.size) {
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
      }
      return [...waiting.values()];
    },
  };
}

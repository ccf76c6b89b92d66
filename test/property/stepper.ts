/**
 * Runs several workers at once like `interleaver.ts`, for workers that do several things at the same time: each may
 * wait before any number of steps. All that they wait for must be a step; then they stand still when the test looks.
 */
export interface Stepper {
  /** Starts a worker, its every request a step. @param onEnd - not called once it was killed */
  start<Result>(work: (step: NamedStep) => Promise<Result>, onEnd: (result: Result) => void): StartedWorker;
  /** What may be done next, once every living worker waits. */
  waiting(): Promise<readonly WaitingStep[]>;
}

export type NamedStep = <Result>(name: string, perform: () => Promise<Result>) => Promise<Result>;

export interface StartedWorker {
  /** The worker never hears back from anything: no `catch` of its own runs. */
  kill(): void;
}

export interface WaitingStep {
  readonly worker: StartedWorker;
  readonly name: string;
  /** Performs the step and lets the worker hear of it. */
  go(): Promise<void>;
  /** Takes the step out of the worker's hands. @returns performs it, with nobody to hear of it */
  take(): () => Promise<void>;
  /** Lets the worker hear of a failure instead. */
  fail(error: unknown): void;
}

export function createStepper(): Stepper {
  const waiting = new Set<WaitingStep>();
  return {
    start(work, onEnd) {
      let isAlive = true;
      const worker: StartedWorker = {
        kill() {
          isAlive = false;
          for (const step of waiting) if (step.worker === worker) waiting.delete(step);
        },
      };
      const step: NamedStep = (name, perform) =>
        new Promise((resolve, reject) => {
          if (!isAlive) return;
          const tell =
            <Value>(listen: (value: Value) => void) =>
            (value: Value) => {
              if (isAlive) listen(value);
            };
          const one: WaitingStep = {
            worker,
            name,
            async go() {
              waiting.delete(one);
              await perform().then(tell(resolve), tell(reject));
            },
            take() {
              waiting.delete(one);
              return async () => {
                await perform().catch(() => undefined);
              };
            },
            fail(error) {
              waiting.delete(one);
              tell(reject)(error);
            },
          };
          waiting.add(one);
        });
      void work(step).then((result) => {
        if (isAlive) onEnd(result);
      });
      return worker;
    },
    async waiting() {
      // Whatever the workers have to think about is done by then: nothing of it takes time.
      await new Promise((resolve) => setImmediate(resolve));
      return [...waiting];
    },
  };
}

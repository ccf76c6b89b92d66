import { createInterleaver, type Step } from './interleaver.ts';

/** Workers that go on only as far as a test lets them. @returns what starts one: it waits before its first step */
export function createSteppedWork() {
  const interleaver = createInterleaver();
  let workers = 0;

  return (work: (step: Step) => Promise<{ readonly kind: string }>) => {
    const worker = workers;
    workers += 1;
    let outcome: string | undefined;
    interleaver.start(
      worker,
      () => work(interleaver.stepOf(worker)),
      ({ kind }) => {
        outcome = kind;
      },
    );
    const here = async () => (await interleaver.waiting()).find((step) => step.worker === worker);
    return {
      /** Goes on until it waits before a step whose name begins so. */
      async until(name: string) {
        for (let step = await here(); step !== undefined; step = await here()) {
          if (step.name.startsWith(name)) return step;
          await step.go();
        }
        throw new Error(`it ended (${outcome}) before ${name}`);
      },
      async toTheEnd() {
        for (let step = await here(); step !== undefined; step = await here()) await step.go();
        return outcome;
      },
    };
  };
}

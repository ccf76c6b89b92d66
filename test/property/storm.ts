import type { DeliveryEnvelope } from '../../shared/deliveries/envelope.ts';
import { type DeliveryParts, type Outcome, processDelivery } from '../../shared/deliveries/process-delivery.ts';
import { choicesOf } from './choices.ts';
import { createInterleaver, type Step } from './interleaver.ts';

export interface PlannedDelivery {
  readonly envelope: DeliveryEnvelope;
  attempts: number;
}

/** What deliveries go through on their way. */
export interface StormPlan {
  /** Who goes on, what crashes, what fails: consumed one by one, from the start again when used up. */
  readonly choices: readonly number[];
  readonly crashes: CrashPlan;
  readonly workers: number;
}

/** `after`: the step was done and never heard of; `late`: it was done after the worker's death; `lost`: never done. */
export type Crash = 'after' | 'late' | 'lost';

export type CrashPlan =
  /** Where the choices have it, but at most so many, so that every history ends. */
  | { readonly kind: 'anywhere'; readonly most: number }
  /** Once, at this step (the first is 1), with the deliveries in their natural order. */
  | { readonly kind: 'at'; readonly step: number; readonly crash: Crash };

export const CRASHES: readonly Crash[] = ['after', 'late', 'lost'];

/**
 * Lives through a storm: deliveries in any order, workers at once, crashes; then quiet.
 *
 * @param partsOf - what one worker works with, each request of it a step
 * @returns how many steps were taken
 */
export async function runStorm(
  deliveries: readonly PlannedDelivery[],
  { choices, crashes, workers }: StormPlan,
  partsOf: (step: Step) => DeliveryParts,
): Promise<number> {
  const nextChoice = choicesOf(choices);
  const interleaver = createInterleaver();
  const queue = [...deliveries];
  const busy = new Map<number, PlannedDelivery>();
  const crashAt = crashesOf(crashes, nextChoice);
  const underway: { perform: () => Promise<void>; delivery: PlannedDelivery | undefined }[] = [];
  let steps = 0;
  let nextWorker = 0;

  const finish = (worker: number) => (outcome: Outcome) => {
    const delivery = busy.get(worker);
    busy.delete(worker);
    if (delivery !== undefined && outcome.kind === 'retry') queue.push(delivery);
  };

  while (queue.length > 0 || busy.size > 0 || underway.length > 0) {
    while (busy.size < workers && queue.length > 0) {
      const [delivery] = queue.splice(crashes.kind === 'at' ? 0 : nextChoice(queue.length), 1);
      if (delivery === undefined) break;
      delivery.attempts += 1;
      const worker = nextWorker;
      nextWorker += 1;
      busy.set(worker, delivery);
      const parts = partsOf(interleaver.stepOf(worker));
      const { envelope, attempts } = delivery;
      const work = () => processDelivery(envelope, attempts, parts, new AbortController().signal);
      interleaver.start(worker, work, finish(worker));
    }
    // A request that was on its way arrives some time before the queue hands the delivery out again: that takes minutes.
    if (underway.length > 0 && (busy.size === 0 || nextChoice(4) === 0)) {
      const request = underway.shift();
      await request?.perform();
      if (request?.delivery !== undefined) queue.unshift(request.delivery);
      continue;
    }
    const waiting = await interleaver.waiting();
    const next = waiting[nextChoice(waiting.length)];
    if (next === undefined) continue;
    steps += 1;
    if (steps > 5_000) throw new Error('the history does not come to an end');
    const crash = crashAt(steps);
    if (crash === undefined) {
      await next.go();
      continue;
    }
    const delivery = busy.get(next.worker);
    busy.delete(next.worker);
    if (crash === 'after') await next.crashAfter();
    else {
      const perform = next.crashBefore();
      if (crash === 'late') underway.push({ perform, delivery });
    }
    if (delivery !== undefined && crash !== 'late') queue.unshift(delivery);
  }
  return steps;
}

function crashesOf(plan: CrashPlan, nextChoice: (below: number) => number): (step: number) => Crash | undefined {
  if (plan.kind === 'at') return (step) => (step === plan.step ? plan.crash : undefined);
  let left = plan.most;
  return () => {
    const crash = left > 0 ? CRASHES[nextChoice(8)] : undefined;
    if (crash !== undefined) left -= 1;
    return crash;
  };
}

import { expect, onTestFinished, test } from 'vitest';
import { type AdvanceableClock, createAdvanceableClock } from '../../local/opentrain/advanceable-clock.ts';

function startClock(options: Parameters<typeof createAdvanceableClock>[0]): AdvanceableClock {
  const clock = createAdvanceableClock(options);
  onTestFinished(clock.stop);
  return clock;
}

test('what falls due on the way rings in the order of its times, each at its own, also what is set on the way', async () => {
  const clock = startClock({ running: false, start: 1000 });
  const rung: string[] = [];
  const ring = (name: string) => () => {
    rung.push(`${name} ${clock.now()}`);
  };
  clock.schedule(1500, ring('late'));
  clock.schedule(1200, () => {
    ring('early')();
    clock.schedule(1300, ring('between'));
  });
  clock.schedule(1501, ring('too late'));
  await clock.advance(500);
  expect(rung).toEqual(['early 1200', 'between 1300', 'late 1500']);
  expect(clock.now()).toBe(1500);
});

test('what is called off does not ring', async () => {
  const clock = startClock({ running: false, start: 0 });
  let rung = false;
  const callOff = clock.schedule(10, () => {
    rung = true;
  });
  callOff();
  await clock.advance(100);
  expect(rung).toBe(false);
});

test('a clock that runs rings by itself', async () => {
  const clock = startClock({ running: true });
  const keepAlive = setTimeout(() => {}, 5000);
  onTestFinished(() => clearTimeout(keepAlive));
  await new Promise<void>((resolve) => clock.schedule(clock.now() + 5, resolve));
});

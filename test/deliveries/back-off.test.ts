import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { readStageSettings } from '../../infra/stages.ts';
import { DEFAULT_BACK_OFF, waitSeconds } from '../../shared/deliveries/back-off.ts';

const attempts = fc.integer({ min: 1, max: 1_000 });
/** [0, 1), like `Math.random`. */
const jitter = fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true });
const backOff = fc
  .tuple(fc.integer({ min: 1, max: 900 }), fc.integer({ min: 1, max: 900 }))
  .map(([baseSeconds, capSeconds]) => ({ baseSeconds, capSeconds }));
const asked = fc.option(fc.integer({ min: 0, max: 999_999_999 }), { nil: undefined });

describe('the wait before a delivery is tried again', () => {
  test('is in whole seconds from 1 to the cap, whatever was asked for', () => {
    fc.assert(
      fc.property(attempts, asked, backOff, jitter, (attempt, retryAfter, settings, random) => {
        const wait = waitSeconds(attempt, retryAfter, settings, () => random);
        expect(Number.isInteger(wait)).toBe(true);
        expect(wait).toBeGreaterThanOrEqual(1);
        expect(wait).toBeLessThanOrEqual(settings.capSeconds);
      }),
    );
  });

  test('is no shorter than Retry-After, as far as the cap allows', () => {
    fc.assert(
      fc.property(attempts, fc.nat(100_000), backOff, jitter, (attempt, retryAfter, settings, random) => {
        const wait = waitSeconds(attempt, retryAfter, settings, () => random);
        expect(wait).toBeGreaterThanOrEqual(Math.min(retryAfter, settings.capSeconds));
      }),
    );
  });

  test('keeps a jitter on top of Retry-After, so that a crowd told the same does not come back together', () => {
    const waits = [0, 0.25, 0.5, 0.99].map((random) => waitSeconds(3, 60, DEFAULT_BACK_OFF, () => random));
    expect(waits).toEqual([60, 64, 68, 76]);
  });

  test('may be anything up to a ceiling that doubles with every attempt: full jitter', () => {
    fc.assert(
      fc.property(attempts, backOff, jitter, (attempt, settings, random) => {
        const { baseSeconds, capSeconds } = settings;
        const ceiling = Math.min(capSeconds, baseSeconds * 2 ** (attempt - 1));
        expect(waitSeconds(attempt, undefined, settings, () => random)).toBeLessThanOrEqual(Math.max(1, ceiling));
        expect(waitSeconds(attempt, undefined, settings, () => 0)).toBe(1);
        const longest = waitSeconds(attempt, undefined, settings, () => 1 - Number.EPSILON);
        expect(longest).toBe(Math.max(1, ceiling));
      }),
    );
    const ceilings = Array.from({ length: 10 }, (_, index) =>
      waitSeconds(index + 1, undefined, DEFAULT_BACK_OFF, () => 1 - Number.EPSILON),
    );
    expect(ceilings).toEqual([4, 8, 16, 32, 64, 128, 256, 512, 900, 900]);
  });

  test('never shrinks from one attempt to the next by the same luck', () => {
    fc.assert(
      fc.property(attempts, asked, backOff, jitter, (attempt, retryAfter, settings, random) => {
        const wait = (of: number) => waitSeconds(of, retryAfter, settings, () => random);
        expect(wait(attempt + 1)).toBeGreaterThanOrEqual(wait(attempt));
      }),
    );
  });
});

describe('with the settings as deployed', () => {
  const { retryBaseSeconds, retryCapSeconds, maxReceiveCount } = readStageSettings({
    stage: 'prod',
    workspaceUrl: 'https://workspace.example.com',
  });
  const settings = { baseSeconds: retryBaseSeconds, capSeconds: retryCapSeconds };
  const MESSAGES = 10_000;
  const SIX_HOURS = 6 * 3600;

  /** After how many seconds a message that fails every time is handed out for the last time. */
  function lastReceive(random: () => number): number {
    let at = 0;
    for (let attempt = 1; attempt < maxReceiveCount; attempt += 1)
      at += waitSeconds(attempt, undefined, settings, random);
    return at;
  }

  test('they are those that the worker takes by default', () => {
    expect(settings).toEqual(DEFAULT_BACK_OFF);
  });

  test(`${MESSAGES.toLocaleString('en')} simulated messages all outlast an outage of six hours before the dead-letter queue`, () => {
    const random = seededRandom(20261121);
    const last = Array.from({ length: MESSAGES }, () => lastReceive(random));
    expect(Math.min(...last)).toBeGreaterThan(SIX_HOURS);
  });

  test('after an outage of six hours nobody waits longer than 15 minutes for the next attempt', () => {
    const random = seededRandom(7);
    const late = Array.from({ length: MESSAGES }, () => {
      let at = 0;
      for (let attempt = 1; at < SIX_HOURS; attempt += 1) at += waitSeconds(attempt, undefined, settings, random);
      return at - SIX_HOURS;
    });
    expect(Math.max(...late)).toBeLessThanOrEqual(900);
  });

  test('after a hiccup of half a minute nearly everybody is through within three', () => {
    const random = seededRandom(42);
    const healed = Array.from({ length: MESSAGES }, () => {
      let at = 0;
      for (let attempt = 1; at < 30; attempt += 1) at += waitSeconds(attempt, undefined, settings, random);
      return at;
    }).sort((a, b) => a - b);
    expect(healed[Math.floor(MESSAGES * 0.99)]).toBeLessThan(180);
  });
});

/** mulberry32: small, and the same on every machine. */
function seededRandom(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { loggedEvents } from '../support/logged-events.ts';
import { ROWS } from './rows.ts';
import { type LeakWorld, startLeakWorld } from './world.ts';

/** Rule 7, over every function and every row of the failure tables: whatever comes out is searched. */

let world: LeakWorld;

beforeAll(async () => {
  world = await startLeakWorld();
});
afterAll(() => world.close());
afterEach(() => world.heal());

const eventOf = (line: string): string => (JSON.parse(line) as { event: string }).event;

describe.each([...new Set(ROWS.map(({ of }) => of))])('%s', (name) => {
  test.each(ROWS.filter(({ of }) => of === name))('tells nothing when $when', async ({ logs, happen }) => {
    const [lines, answers] = [world.lines.length, world.answers.length];
    await happen(world);
    const logged = world.lines.slice(lines);
    expect(logged.map(eventOf)).toEqual(expect.arrayContaining([...logs]));
    expect(world.leaksIn(logged.join('\n'))).toEqual([]);
    expect(world.leaksIn(world.answers.slice(answers).join('\n'))).toEqual([]);
  });
});

test('the table holds no secret and no body, and Work Emails in grants and seats only', async () => {
  expect(await world.leaksInTable()).toEqual([]);
});

test('no number or dimension of a metric is a canary, and metrics were told', () => {
  const metrics = world.lines.filter((line) => line.includes('"_aws"'));
  expect(metrics.length).toBeGreaterThan(50);
  expect(world.leaksIn(metrics.join('\n'))).toEqual([]);
});

test('every event that there is was logged here', () => {
  expect([...new Set(world.lines.map(eventOf))].sort()).toEqual(loggedEvents());
});

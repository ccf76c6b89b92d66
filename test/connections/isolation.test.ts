import { afterAll, beforeAll, expect, test } from 'vitest';
import { disconnect } from '../../shared/connections/disconnect.ts';
import { signDelivery } from '../../shared/opentrain/signature.ts';
import { type Story, startStory } from '../support/story.ts';
import { mortalParts, storedOf } from './mortal.ts';

let story: Story;

beforeAll(async () => {
  story = await startStory();
});
afterAll(() => story.close());

/** Three customers on one deployment, each with somebody at work. */
async function startThree() {
  const three = [];
  for (let number = 1; number <= 3; number += 1) {
    const hire = await story.newHire({ delivered: true });
    const stored = await storedOf(hire.customer.id, story);
    three.push({ ...hire, secret: stored.secrets[0] ?? '', token: stored.token });
  }
  await story.idle();
  return three;
}

type One = Awaited<ReturnType<typeof startThree>>[number];

async function answerTo({ secret }: One, { customer }: One): Promise<number> {
  const body = Buffer.from(JSON.stringify({ id: story.unique('event'), type: 'nothing.new' }));
  const signature = signDelivery(secret, body, Math.floor(story.opentrain.clock.now() / 1000));
  const headers = { 'X-OpenTrain-Delivery': story.unique('delivery'), 'X-OpenTrain-Signature': signature };
  return (await fetch(story.connector.webhookUrl(customer.id), { method: 'POST', headers, body })).status;
}

/** @returns whether somebody who is hired now can work a moment later */
async function letsIn({ customer, jobId, project }: One): Promise<boolean> {
  const { trainer } = customer.hire(jobId);
  await story.idle();
  return story.membersOf(project).includes(trainer?.workEmail ?? '');
}

test('each has a secret and a token of its own, and a delivery with one’s secret is refused at every other’s URL', async () => {
  const three = await startThree();
  expect(new Set(three.map(({ secret }) => secret)).size).toBe(3);
  expect(new Set(three.map(({ token }) => token)).size).toBe(3);
  for (const sender of three) {
    for (const receiver of three) {
      expect(await answerTo(sender, receiver)).toBe(sender === receiver ? 202 : 401);
    }
  }
});

test('one that is revoked and one that is disconnected change nothing for the third', async () => {
  const [revoked, disconnected, third] = (await startThree()) as [One, One, One];
  story.opentrain.revoke(revoked.customer.installId);
  const connectionId = disconnected.customer.id;
  await disconnect(
    { connectionId, webhookUrl: story.connector.webhookUrl(connectionId) },
    { ...mortalParts(story).parts, grants: story.store.grants },
  );
  await story.idle();
  expect((await revoked.customer.connection()).disconnectedReason).toBe('install_revoked');
  expect([await letsIn(third), await letsIn(revoked), await letsIn(disconnected)]).toEqual([true, false, false]);
  for (const { project, workEmail } of [revoked, disconnected]) {
    expect(story.membersOf(project), 'who worked goes on working').toEqual([workEmail]);
  }
  expect((await third.customer.connection()).status).toBe('active');
});

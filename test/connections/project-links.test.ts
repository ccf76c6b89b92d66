import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { startSimulatedOpenTrain } from '../../local/opentrain/simulated-opentrain.ts';
import { connectionClient, NotConnectedError } from '../../shared/connections/connection-client.ts';
import { LinkRefusedError, linkProject, listLinks, unlinkProject } from '../../shared/connections/project-links.ts';
import type { ConnectionId, JobId, LinkId } from '../../shared/ids.ts';
import { createOpenTrainClient } from '../../shared/opentrain/client.ts';
import { OpenTrainError } from '../../shared/opentrain/errors.ts';
import { type Story, startStory } from '../support/story.ts';
import { mortalParts } from './mortal.ts';

let story: Story;

beforeAll(async () => {
  story = await startStory();
});
afterAll(() => story.close());

async function newEmployer() {
  const customer = await story.newCustomer({ delivered: true });
  const client = await connectionClient(customer.id, mortalParts(story).parts);
  return { customer, client, jobId: customer.postJob() as JobId, projectId: story.unique('project') };
}

test('a project is linked with the connection’s own token, and whoever is hired already is let in', async () => {
  const { customer, client, jobId, projectId } = await newEmployer();
  const { trainer } = customer.hire(jobId);
  const name = 'Street signs';
  const { kind, link } = await linkProject({ projectId, jobId, name, url: 'https://annotation.example/p/1' }, client);
  expect(kind).toBe('linked');
  expect(await listLinks(client)).toEqual([link]);
  expect(link).toMatchObject({
    jobId,
    externalProjectId: projectId,
    externalProjectName: name,
    externalProjectUrl: 'https://annotation.example/p/1',
    provisioningMode: 'PARTNER_WEBHOOK',
  });
  await story.idle();
  expect(await story.store.links.get(customer.id, link.id)).toMatchObject({ projectId, jobId });
  expect(story.membersOf(projectId)).toEqual([trainer?.workEmail]);

  await unlinkProject(link.id, client);
  await story.idle();
  expect(await listLinks(client)).toEqual([]);
  expect(story.membersOf(projectId)).toEqual([]);
});

test('the same once more finds the link that is there', async () => {
  const { client, jobId, projectId } = await newEmployer();
  const { link } = await linkProject({ projectId, jobId }, client);
  expect(await linkProject({ projectId, jobId }, client)).toEqual({ kind: 'linked_already', link });
  expect(await listLinks(client)).toHaveLength(1);
});

describe('is refused, with what to do:', () => {
  test('a project that is linked to another job, or in another way', async () => {
    const { customer, client, jobId, projectId } = await newEmployer();
    const { link } = await linkProject({ projectId, jobId }, client);
    const elsewhere = linkProject({ projectId, jobId: customer.postJob() as JobId }, client);
    await expect(elsewhere).rejects.toThrow(LinkRefusedError);
    await expect(elsewhere).rejects.toThrow(`linked already, by ${link.id} to the job ${jobId} (PARTNER_WEBHOOK)`);
    const otherwise = linkProject({ projectId, jobId, provisioningMode: 'MANAGED_ADAPTER' }, client);
    await expect(otherwise).rejects.toThrow('unlink it, which takes everybody out, and link it anew');
  });

  test('a job of another customer', async () => {
    const { client, projectId } = await newEmployer();
    const { jobId } = await newEmployer();
    await expect(linkProject({ projectId, jobId }, client)).rejects.toThrow(
      `OpenTrain knows no job ${jobId} of this customer.`,
    );
  });

  test('one link more than there may be', async () => {
    const opentrain = await startSimulatedOpenTrain({ linkLimit: 2 });
    try {
      const { organizationId, token } = opentrain.consent();
      const client = createOpenTrainClient({ baseUrl: opentrain.platformApiUrl, token: async () => token });
      const jobId = opentrain.postJob({ organizationId }).id as JobId;
      for (const projectId of ['one', 'two']) await linkProject({ projectId, jobId }, client);
      await expect(linkProject({ projectId: 'three', jobId }, client)).rejects.toThrow(
        'OpenTrain takes no further link: this customer has 2.',
      );
    } finally {
      await opentrain.close();
    }
  });

  test('texts that are too long or empty, all of them named, without asking OpenTrain', async () => {
    const { client, jobId } = await newEmployer();
    const long = (length: number) => 'x'.repeat(length);
    const before = story.opentrain.calls.length;
    await expect(
      linkProject({ projectId: long(201), name: long(301), url: long(2049), jobId }, client),
    ).rejects.toThrow(/projectId has 201.*at most 200; name has 301.*at most 300; url has 2049.*at most 2048/);
    await expect(linkProject({ projectId: '', jobId }, client)).rejects.toThrow('projectId is empty');
    expect(story.opentrain.calls).toHaveLength(before);
    const { kind } = await linkProject({ projectId: long(200), name: long(300), url: long(2048), jobId }, client);
    expect(kind, 'as long as they may be').toBe('linked');
  });

  test('a link that is not this customer’s', async () => {
    const { client } = await newEmployer();
    const { client: neighbour, jobId, projectId } = await newEmployer();
    const { link } = await linkProject({ projectId, jobId }, neighbour);
    for (const id of [link.id, 'link-of-nobody' as LinkId]) {
      await expect(unlinkProject(id, client)).rejects.toThrow(LinkRefusedError);
      await expect(unlinkProject(id, client)).rejects.toThrow(`OpenTrain knows no link ${id} of this customer`);
    }
    expect(await listLinks(neighbour)).toHaveLength(1);
  });
});

test('an OpenTrain that is away is no refusal', async () => {
  const { client, jobId, projectId } = await newEmployer();
  story.opentrain.setOutage('unavailable');
  await expect(linkProject({ projectId, jobId }, client)).rejects.toThrow(OpenTrainError);
  story.opentrain.setOutage('none');
});

test('a connection that was never made has no client', async () => {
  const client = connectionClient('stranger' as ConnectionId, mortalParts(story).parts);
  await expect(client).rejects.toThrow(NotConnectedError);
  await expect(client).rejects.toThrow('Expected a token of the connection stranger');
});

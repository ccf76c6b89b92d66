import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Command, hireAiko, readyLine, runScript } from '../support/local-mode.ts';
import { createHarness, type LabelStudioHarness } from './harness.ts';
import { takeOver } from './installation.ts';

/** `npm run local` with a real Label Studio in the demo workspace's place. */

const installation = takeOver();
let harness: LabelStudioHarness;
let command: Command;

beforeAll(() => {
  harness = createHarness(installation);
});
afterAll(() => command.stop());

test('local mode with WORKSPACE=label-studio: whoever is hired is a member of the organisation', async () => {
  const { projectId } = await harness.newProject();
  // Nobody else in this suite is called so, who could be a member already.
  const before = await harness.accessState();
  command = runScript('local/main.ts', {
    PORT: '0',
    WORKSPACE: 'label-studio',
    WORKSPACE_URL: installation.url,
    WORKSPACE_TOKEN: installation.owner.personalAccessToken,
    WORKSPACE_PROJECT: projectId,
    OPENTRAIN_EMPLOYER_TOKEN: 'ot_pat_test',
  });
  const ready = await readyLine(command);
  expect(ready.project).toBe(projectId);
  await hireAiko(ready, 'ot_pat_test');
  await expect.poll(() => command.output.stderr, { timeout: 30_000 }).toContain('"outcome":"provisioned"');
  expect(await harness.accessState()).not.toEqual(before);
}, 60_000);

import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Emulators, startEmulators } from '../../local/aws/emulators.ts';
import type { WorkspaceId } from '../../shared/ids.ts';
import { createWorkspaces, type Workspaces } from '../../shared/store/workspaces.ts';
import { countedTable } from '../support/worker.ts';

const NOW = Date.parse('2026-06-15T12:00:00Z');
const acme = 'acme' as WorkspaceId;
const scim = { adapter: 'scim', url: 'https://tool.example/scim/v2' };
const usage = { adapter: 'http', url: 'https://totals.example' };

let emulators: Emulators;
let workspaces: Workspaces;

beforeAll(async () => {
  emulators = await startEmulators();
  workspaces = createWorkspaces(countedTable(emulators).table);
});
afterAll(() => emulators.close());

test('a workspace that nobody has written down is not there', async () => {
  expect(await workspaces.get('nobody' as WorkspaceId)).toBeUndefined();
});

test('a workspace keeps where its usage comes from, until that is the same place again', async () => {
  await workspaces.put(acme, { ...scim, usage }, NOW);
  expect(await workspaces.get(acme)).toEqual({ ...scim, usage });
  await workspaces.put(acme, scim, NOW);
  expect(await workspaces.get(acme)).toEqual(scim);
});

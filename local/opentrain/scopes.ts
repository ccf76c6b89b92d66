import type { Scope } from './state.ts';

/** Every scope that an app can ask for. */
export const ALL_SCOPES = [
  'project-links:read',
  'project-links:write',
  'contracts:read',
  'participants:read',
  'participants:email',
  'usage:write',
  'webhooks:manage',
] as const satisfies readonly Scope[];

import type { EventType } from './state.ts';

/** Every type of event that an endpoint can subscribe to. */
export const ALL_EVENT_TYPES = [
  'contract.started',
  'contract.ended',
  'project_link.created',
  'project_link.removed',
  'install.revoked',
  'milestone.funded',
  'milestone.budget_low',
  'milestone.budget_depleted',
] as const satisfies readonly EventType[];

/** Every type that OpenTrain has; each of them is handled. */
export const EVENT_TYPES = [
  'contract.started',
  'contract.ended',
  'project_link.created',
  'project_link.removed',
  'install.revoked',
  'milestone.funded',
  'milestone.budget_low',
  'milestone.budget_depleted',
] as const;

/** What `sendTest` sends through a deployment; OpenTrain has no such type. */
export const TEST_EVENT = 'connector.test';

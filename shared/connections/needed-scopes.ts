import { OPERATIONS } from '../opentrain/relied-on.ts';

/** Every scope that the connector needs, and what does not work without it. */
export const NEEDED_SCOPES = {
  [OPERATIONS.createWebhookEndpoint.scope]: 'no webhook endpoint can be registered, so nothing is ever delivered',
  [OPERATIONS.listProjectLinks.scope]: 'hires wait, unless the delivery itself tells the project',
  [OPERATIONS.listContracts.scope]: 'nobody hired before a project was linked is let in',
  [OPERATIONS.listContractParticipants.scope]: 'hires wait, unless the delivery itself tells the trainer',
  'participants:email': 'Work Emails are withheld, so nobody is let in',
} as const;

export type NeededScope = keyof typeof NEEDED_SCOPES;

/** @param granted - the install's scopes; they never change, only a new install gets new ones */
export function missingScopes(granted: readonly string[]): NeededScope[] {
  return (Object.keys(NEEDED_SCOPES) as NeededScope[]).filter((scope) => !granted.includes(scope));
}

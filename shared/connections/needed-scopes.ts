import { OPERATIONS } from '../opentrain/relied-on.ts';

/** Every scope that the connector needs, and what does not work without it. */
export const NEEDED_SCOPES = {
  [OPERATIONS.createWebhookEndpoint.scope]: 'no webhook endpoint can be registered, so nothing is ever delivered',
  [OPERATIONS.listProjectLinks.scope]: 'hires wait, unless the delivery itself tells the project',
  [OPERATIONS.listContracts.scope]: 'nobody hired before a project was linked is let in',
  [OPERATIONS.listContractParticipants.scope]: 'hires wait, unless the delivery itself tells the trainer',
  'participants:email': 'Work Emails are withheld, so nobody is let in',
  [OPERATIONS.reportContractUsage.scope]: 'no usage can be reported, so work may outrun its funding unseen',
  [OPERATIONS.createProjectLink.scope]: 'projects cannot be linked or unlinked from here; all else works',
} as const;

export type NeededScope = keyof typeof NEEDED_SCOPES;

/** What does not work without the install's consent to personal data. */
export const WITHOUT_CONSENT = NEEDED_SCOPES['participants:email'];

/** What an install lacks, a line each, with what does not work without it. */
export function tellMissing(granted: readonly string[], piiConsent: boolean): string[] {
  return [
    ...missingScopes(granted).map((scope) => `Missing: the scope ${scope}. Without it, ${NEEDED_SCOPES[scope]}.`),
    ...(piiConsent ? [] : [`Missing: the consent to personal data. Without it, ${WITHOUT_CONSENT}.`]),
  ];
}

/** @param granted - the install's scopes; they never change, only a new install gets new ones */
export function missingScopes(granted: readonly string[]): NeededScope[] {
  // Who may write links may read them.
  const held = granted.includes(OPERATIONS.createProjectLink.scope)
    ? [...granted, OPERATIONS.listProjectLinks.scope]
    : granted;
  return (Object.keys(NEEDED_SCOPES) as NeededScope[]).filter((scope) => !held.includes(scope));
}

import {
  type Contract,
  type Install,
  linksToJob,
  type ProjectLink,
  type Schemas,
  type State,
  type Trainer,
  type WebhookEndpoint,
} from './state.ts';

/** What OpenTrain shows of what it knows: the exact shapes of the API and of events, and nothing besides. */

export function showInstall(state: State, install: Install): Schemas['Install'] {
  const { id, slug, name } = state.app;
  return {
    id: install.id,
    status: install.status,
    scopes: [...install.scopes],
    piiConsent: install.piiConsent,
    organizationId: install.organizationId,
    createdAt: install.createdAt,
    partnerApp: { id, slug, name },
    token: { id: install.token.id, name: install.token.name, scopes: [...install.scopes] },
  };
}

export function showLink({ installId, ...link }: ProjectLink): Schemas['ProjectLink'] {
  return link;
}

export function showContract(state: State, install: Install, contract: Contract): Schemas['Contract'] {
  return {
    ...showEventContract(contract),
    createdAt: contract.createdAt,
    projectLinkIds: linksToJob(state, install, contract.jobId).map((link) => link.id),
  };
}

/** A contract as events show it, with everything that OpenTrain's documentation names. */
export type EventContract = Required<Schemas['EventContract']>;

export function showEventContract({ id, jobId, title, startDate, endDate }: Contract): EventContract {
  return { id, status: endDate === null ? 'active' : 'ended', jobId, title, startDate, endDate };
}

/** The Work Email needs both: the token's scope and the install's consent. */
export function showTrainer(install: Install, { workEmail, ...trainer }: Trainer): Schemas['Participant'] {
  const mayKnow = install.piiConsent && install.scopes.includes('participants:email');
  return mayKnow ? { ...trainer, workEmail } : trainer;
}

export function showEndpoint({ installId, secret, ...endpoint }: WebhookEndpoint): Schemas['WebhookEndpoint'] {
  return { ...endpoint, eventTypes: [...endpoint.eventTypes] };
}

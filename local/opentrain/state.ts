import type { components } from '../../shared/opentrain/openapi.types.ts';

/** The shapes of the Platform API, from the project's OpenAPI file. */
export type Schemas = components['schemas'];
export type Scope = Schemas['Scope'];
export type EventType = Schemas['EventType'];

/** An employer: the customer who hires trainers and uses the annotation platform. */
export interface Organization {
  readonly id: string;
  readonly name: string;
  /** Personal token of the employer's account for the Public API, `ot_pat_…`. */
  readonly employerToken: string;
  /** The employer's annotation-platform feature; without it no install of theirs can call. */
  featureEnabled: boolean;
}

export interface Trainer {
  readonly opentrainUserId: string;
  /** Masked, as OpenTrain shows it: "Maria S." */
  readonly displayName: string;
  readonly country: string;
  readonly profileUrl: string;
  /** Managed by OpenTrain; ends in `@opentrain.work`. */
  readonly workEmail: string;
}

export interface Install {
  readonly id: string;
  readonly organizationId: string;
  readonly scopes: readonly Scope[];
  readonly createdAt: string;
  readonly token: { readonly id: string; readonly name: string; readonly value: string };
  status: 'ACTIVE' | 'REVOKED';
  piiConsent: boolean;
}

export interface Job {
  readonly id: string;
  readonly organizationId: string;
  readonly title: string;
  readonly paymentType: Schemas['PaymentType'] | null;
}

export type ProjectLink = Readonly<Schemas['ProjectLink']> & { readonly installId: string };

export type Milestone = Schemas['Milestone'] & { status: 'UNFUNDED' | 'FUNDED' };

/** What one worker did on one day, in total. */
export interface UsageDay {
  readonly workDate: string;
  readonly workerOpentrainUserId: string;
  readonly totalSeconds: number;
  readonly tasksCompleted: number;
  readonly labelsCompleted: number;
  readonly externalReportId?: string;
}

export interface Contract {
  readonly id: string;
  readonly organizationId: string;
  readonly jobId: string;
  readonly title: string;
  readonly paymentType: Schemas['PaymentType'] | null;
  readonly startDate: string;
  readonly createdAt: string;
  readonly milestones: Milestone[];
  /** By worker and day. */
  readonly usage: Map<string, UsageDay>;
  endDate: string | null;
  /** Null when the trainer's account is gone. */
  trainer: Trainer | null;
  lastUsageAt: string | null;
  /** What the budget was when it was last looked at: events tell only of crossings upward from here. */
  knownBudgetState: Schemas['BudgetState'];
}

export type WebhookEndpoint = Schemas['WebhookEndpoint'] & { readonly installId: string; readonly secret: string };

export interface PartnerApp {
  readonly id: string;
  readonly slug: string;
  readonly name: string;
  active: boolean;
}

/** Everything that the simulated OpenTrain knows, by id, oldest first. */
export interface State {
  readonly app: PartnerApp;
  readonly organizations: Map<string, Organization>;
  readonly trainers: Map<string, Trainer>;
  readonly installs: Map<string, Install>;
  readonly jobs: Map<string, Job>;
  readonly links: Map<string, ProjectLink>;
  readonly contracts: Map<string, Contract>;
  readonly endpoints: Map<string, WebhookEndpoint>;
}

export function createState(app: { readonly id: string; readonly slug: string; readonly name: string }): State {
  return {
    app: { ...app, active: true },
    organizations: new Map(),
    trainers: new Map(),
    installs: new Map(),
    jobs: new Map(),
    links: new Map(),
    contracts: new Map(),
    endpoints: new Map(),
  };
}

export function activeInstallOf(state: State, organizationId: string): Install | undefined {
  return [...state.installs.values()].find(
    (install) => install.organizationId === organizationId && install.status === 'ACTIVE',
  );
}

/** Newest first, as the API lists them. */
export function linksOf(state: State, install: Install): ProjectLink[] {
  return [...state.links.values()].filter((link) => link.installId === install.id).reverse();
}

export function linksToJob(state: State, install: Install, jobId: string): ProjectLink[] {
  return linksOf(state, install).filter((link) => link.jobId === jobId);
}

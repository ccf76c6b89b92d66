import { EVENT_TYPES } from '../../shared/connections/event-types.ts';
import type { AdvanceableClock } from './advanceable-clock.ts';
import type { Approval, Approvals } from './approvals.ts';
import { budgetOf } from './budget.ts';
import type { Arrange, Delivery, DeliveryEngine } from './deliveries.ts';
import type { Employer } from './employer.ts';
import type { EventLog, EventRecord } from './events.ts';
import type { Outage, OutageMode } from './outage.ts';
import type { AnsweredCall, PlatformHttp } from './platform-http.ts';
import type { PlatformApi } from './platform-operations.ts';
import { ALL_SCOPES } from './scopes.ts';
import type {
  Contract,
  EventType,
  Install,
  Job,
  Milestone,
  Organization,
  Schemas,
  Scope,
  State,
  Trainer,
  UsageDay,
} from './state.ts';

/** What a customer gets when they consent: the token is shown this once. */
export interface Consented {
  readonly installId: string;
  readonly token: string;
  readonly organizationId: string;
}

/** The hands in the simulation, for tests and the demo. They act at once: what they do needs no approval. */
export interface Facade {
  /** The employer who is signed in on the pages; its token is for the employer's API. */
  readonly signedIn: Readonly<Organization>;
  /**
   * An employer connects the platform. Again for the same one, it is a reconnect, which revokes the install before it.
   *
   * @param consent.organization - name of the employer; new unless known. Default: the signed-in one
   * @param consent.scopes - default: all
   * @param consent.piiConsent - default: true
   */
  consent(consent?: {
    readonly organization?: string;
    readonly scopes?: readonly Scope[];
    readonly piiConsent?: boolean;
  }): Consented;
  /** Connects anew with the same scopes and the same consent: a new install and token, the old ones revoked. */
  reconnect(installId: string): Consented;
  revoke(installId: string): void;
  setPiiConsent(installId: string, piiConsent: boolean): void;
  /** The employer's annotation-platform feature; off, every call of its install is a 403. */
  setFeatureEnabled(organizationId: string, enabled: boolean): void;
  /** The platform's app; not active, every call is a 403. */
  setAppActive(active: boolean): void;

  /** The trainer of that full name, new or known. */
  trainer(fullName: string): Trainer;
  /** @param job.paymentType - default PAY_PER_HOUR */
  postJob(job: {
    readonly organizationId: string;
    readonly title?: string;
    readonly paymentType?: Job['paymentType'];
  }): Readonly<Job>;
  /** @param hire.trainer - a full name. The same trainer may be hired by several employers, and again. */
  hire(hire: { readonly jobId: string; readonly trainer: string }): Readonly<Contract>;
  endContract(contractId: string): void;
  /** Creates a milestone and funds it. */
  fundMilestone(
    contractId: string,
    milestone: { readonly volume: number; readonly amountUsd?: number; readonly name?: string },
  ): Readonly<Milestone>;
  /** The trainer's account goes away: nobody is left to attribute work to. */
  loseTrainer(contractId: string): void;
  /** What the person behind the approval's link does. */
  confirmApproval(approvalId: string): Approval;

  /** The same as the platform's call, without the way over HTTP. */
  linkProject(installId: string, link: Schemas['NewProjectLink']): Schemas['ProjectLink'];
  unlinkProject(installId: string, linkId: string): void;
  /** @param eventTypes - default: all eight */
  registerEndpoint(
    installId: string,
    url: string,
    eventTypes?: readonly EventType[],
  ): { readonly endpointId: string; readonly secret: string };

  /** Every event of an install, oldest first, delivered or not. */
  eventsOf(installId: string): readonly EventRecord[];
  deliveriesOf(endpointId: string): readonly Delivery[];
  endpointsOf(installId: string): readonly Schemas['WebhookEndpoint'][];
  linksOf(installId: string): readonly Schemas['ProjectLink'][];
  contract(contractId: string): Readonly<Contract>;
  budgetOf(contractId: string): Schemas['Budget'];
  /** What has been reported, one entry for each worker and day. */
  usageOf(contractId: string): readonly UsageDay[];
  /** The platform's calls so far, with how each was answered. */
  readonly calls: readonly AnsweredCall[];
  /** Answers of the simulation that the OpenAPI file does not allow: a mistake in one of the two. */
  readonly violations: readonly string[];

  /** Waits until every attempt at a delivery that is due has been made. */
  idle(): Promise<void>;
  /** Moves time forward; every attempt that falls due on the way is made at its own time. */
  advance(milliseconds: number): Promise<void>;
  redeliver(delivery: Delivery): Promise<void>;

  setOutage(mode: OutageMode): void;
  /** The next deliveries arrive twice. */
  duplicateNext(count?: number): void;
  holdDeliveries(): void;
  /** Sends what was held, one after the other, as `arrange` chooses: reversed, twice, or only some. */
  release(arrange?: Arrange): Promise<void>;
}

interface Dependencies {
  readonly state: State;
  readonly clock: AdvanceableClock;
  readonly signedIn: Organization;
  readonly employer: Employer;
  readonly approvals: Approvals;
  readonly api: PlatformApi;
  readonly events: EventLog;
  readonly deliveries: DeliveryEngine;
  readonly outage: Outage;
  readonly platform: PlatformHttp;
}

export function createFacade(dependencies: Dependencies): Facade {
  const { state, clock, signedIn, employer, approvals, api, events, deliveries, outage, platform } = dependencies;

  const installOf = (installId: string) => existing(state.installs.get(installId), `install ${installId}`);
  const organizationNamed = (name: string) =>
    [...state.organizations.values()].find((candidate) => candidate.name === name) ?? employer.addOrganization(name);

  return {
    signedIn,
    consent({ organization = signedIn.name, scopes = ALL_SCOPES, piiConsent = true } = {}) {
      const organizationId = organizationNamed(organization).id;
      return consented(employer.consent({ organizationId, scopes, piiConsent }));
    },
    reconnect: (installId) => consented(employer.consent(installOf(installId))),
    revoke: employer.revoke,
    setPiiConsent(installId, piiConsent) {
      installOf(installId).piiConsent = piiConsent;
    },
    setFeatureEnabled(organizationId, enabled) {
      const organization = state.organizations.get(organizationId);
      existing(organization, `organization ${organizationId}`).featureEnabled = enabled;
    },
    setAppActive(active) {
      state.app.active = active;
    },

    trainer: employer.addTrainer,
    postJob: ({ organizationId, title = 'Annotation', paymentType = 'PAY_PER_HOUR' }) =>
      employer.postJob({ organizationId, title, paymentType }),
    hire: ({ jobId, trainer }) => employer.hire(jobId, employer.addTrainer(trainer).opentrainUserId),
    endContract(contractId) {
      employer.endContract(contractId);
    },
    fundMilestone(contractId, { volume, amountUsd = volume * 20, name = 'Milestone' }) {
      const milestone = employer.createMilestone(contractId, { name, amountUsd, volume });
      employer.fundMilestone(milestone.id);
      return milestone;
    },
    loseTrainer: employer.loseTrainer,
    confirmApproval: approvals.confirm,

    linkProject: (installId, body) =>
      api.createProjectLink({ ...parameterless, install: installOf(installId), body }).projectLink,
    unlinkProject(installId, linkId) {
      api.deleteProjectLink({ ...parameterless, install: installOf(installId), path: { linkId } });
    },
    registerEndpoint(installId, url, eventTypes = EVENT_TYPES) {
      const body = { url, eventTypes: [...eventTypes] };
      const created = api.createWebhookEndpoint({ ...parameterless, install: installOf(installId), body });
      return { endpointId: created.webhookEndpoint.id, secret: created.secret };
    },

    eventsOf: events.of,
    deliveriesOf: deliveries.of,
    endpointsOf: (installId) =>
      api.listWebhookEndpoints({ ...parameterless, install: installOf(installId) }).webhookEndpoints,
    linksOf: (installId) => api.listProjectLinks({ ...parameterless, install: installOf(installId) }).projectLinks,
    contract: employer.findContract,
    budgetOf: (contractId) => budgetOf(employer.findContract(contractId)),
    usageOf: (contractId) => [...employer.findContract(contractId).usage.values()],
    calls: platform.calls,
    violations: platform.violations,

    idle: deliveries.idle,
    async advance(milliseconds) {
      await deliveries.idle();
      await clock.advance(milliseconds);
      await deliveries.idle();
    },
    async redeliver(delivery) {
      deliveries.requeue([delivery]);
      await deliveries.idle();
    },

    setOutage: outage.set,
    duplicateNext: (count = 1) => deliveries.duplicateNext(count),
    holdDeliveries: deliveries.hold,
    release: deliveries.release,
  };
}

const parameterless = { path: undefined, query: undefined, body: undefined };

function consented({ id, token, organizationId }: Install): Consented {
  return { installId: id, token: token.value, organizationId };
}

function existing<Thing>(thing: Thing | undefined, name: string): Thing {
  if (thing === undefined) throw new Error(`The simulated OpenTrain has no ${name}.`);
  return thing;
}

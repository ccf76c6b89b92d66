import { EVENT_TYPES } from '../../shared/connections/event-types.ts';
import type {
  ConnectionId,
  ContractId,
  InstallId,
  JobId,
  LinkId,
  MemberId,
  ProjectId,
  TrainerId,
  WorkEmail,
} from '../../shared/ids.ts';
import type { ContractQuery, OpenTrainClient } from '../../shared/opentrain/client.ts';
import { OpenTrainError } from '../../shared/opentrain/errors.ts';
import type { OperationName, WebhookEndpoint } from '../../shared/opentrain/relied-on.ts';
import { NeedsPersonError } from '../../shared/workspace/errors.ts';
import type { AccessScope, Member, Workspace } from '../../shared/workspace/port.ts';
import { fakeWorkspace } from '../support/worker.ts';

/** OpenTrain and the workspace as they really are, as simple as they can be: what happens in them, and what they answer. */

export const CUSTOMERS = 3;
export const JOBS = 2;
export const PROJECTS = 2;
export const TRAINERS = 6;

export interface ModelLink {
  readonly id: LinkId;
  readonly project: ProjectId;
  readonly job: JobId;
}

export interface ModelInstall {
  readonly id: InstallId;
  readonly customer: number;
  readonly endpoint: ModelEndpoint;
  links: ModelLink[];
  isActive: boolean;
}

export interface ModelEndpoint {
  readonly id: string;
  isActive: boolean;
  failures: number;
  /** Deliveries that OpenTrain has given up. */
  failed: ModelDelivery[];
}

export interface ModelContract {
  readonly id: ContractId;
  readonly customer: number;
  readonly job: JobId;
  readonly trainer: TrainerId;
  isActive: boolean;
}

/** What OpenTrain says once, though it is not so. */
export type Glitch =
  /** A list of contracts is empty. */
  | 'empty list'
  /** A question for a link's contracts is answered 404. */
  | 'gone'
  /** A link is neither on the list nor to be had by name, until a whole run has been told so. */
  | 'denied';

/** One event on its way to a connection. */
export interface ModelDelivery {
  readonly id: string;
  readonly customer: number;
  readonly event: { readonly id: string; readonly type: string };
  attempts: number;
}

export const connectionOf = (customer: number) => `customer-${customer}` as ConnectionId;
export const jobOf = (customer: number, job: number) => `job-${customer}-${job}` as JobId;
export const projectOf = (project: number) => `project-${project}` as ProjectId;
export const trainerOf = (trainer: number) => `trainer-${trainer}` as TrainerId;
const addressOf = (trainer: TrainerId) => `${trainer}@opentrain.work` as WorkEmail;
const memberOf = (trainer: TrainerId) => `member of ${trainer}` as MemberId;

export type World = ReturnType<typeof createWorld>;
/** A request of a worker to one of the two. */
type Ask = <Result>(name: string, perform: () => Promise<Result>) => Promise<Result>;

export function createWorld(accessScope: AccessScope) {
  const installs = new Map<number, ModelInstall>();
  /** The install whose token the connector has. */
  const tokens = new Map<number, ModelInstall>();
  /** Customers whose tokens are refused. */
  const refused = new Set<number>();
  const contracts: ModelContract[] = [];
  const consents = new Set<number>();
  /** Who is in which place, by the id of the person. */
  const inside = new Map<string, Set<string>>();
  /** Customers of whom an event was told to nobody: no endpoint listened. */
  const unheard = new Set<number>();
  /** What is said next to those who ask for a customer. */
  const glitches = new Map<number, Glitch>();
  /** Links that were denied. */
  const denied = new Set<LinkId>();
  /** Trainers whom only a person can let in. */
  const barred = new Set<TrainerId>();
  /** `place trainer` of everybody who was ever hired for it, with the customers who did. */
  const everHired = new Map<string, Set<number>>();
  /** Events for endpoints that listen, in their order, for the history to take on. */
  const outbox: ModelDelivery[] = [];
  let numbers = 0;
  const next = () => ++numbers;

  const placeOf = (project: ProjectId): string => (accessScope === 'project' ? project : '*');
  const peopleIn = (project: ProjectId): Set<string> => {
    const people = inside.get(placeOf(project)) ?? new Set();
    inside.set(placeOf(project), people);
    return people;
  };
  const installOf = (customer: number): ModelInstall => installs.get(customer) ?? consent(customer);
  const isWelcome = (customer: number): boolean => tokens.get(customer)?.isActive === true && !refused.has(customer);
  const activeOn = ({ job }: ModelLink) => contracts.filter((contract) => contract.job === job && contract.isActive);

  function consent(customer: number): ModelInstall {
    const number = next();
    // There is none before the connector registers it.
    const endpoint = { id: `endpoint-${number}`, isActive: false, failures: 0, failed: [] };
    const install = { id: `install-${number}` as InstallId, customer, endpoint, links: [], isActive: true };
    installs.set(customer, install);
    return install;
  }

  function emit(install: ModelInstall, type: string, resourceId: string, data: object): void {
    if (!install.endpoint.isActive) return void unheard.add(install.customer);
    const event = { id: String(9_007_199_254_740_993n + BigInt(next())), type, resourceId, data };
    outbox.push({ id: `delivery-${event.id}`, customer: install.customer, event, attempts: 0 });
  }

  function emitContract(type: 'contract.started' | 'contract.ended', contract: ModelContract): void {
    const install = installOf(contract.customer);
    if (!install.isActive) return;
    for (const link of install.links.filter(({ job }) => job === contract.job)) {
      emit(install, type, contract.id, {
        contract: { ...showContract(contract, install), status: contract.isActive ? 'active' : 'ended' },
        freelancer: showTrainer(contract),
        projectLink: showLink(link),
      });
    }
  }

  function showContract({ id, job, isActive }: ModelContract, { links }: ModelInstall) {
    const projectLinkIds = links.filter((link) => link.job === job).map((link) => link.id);
    return {
      id,
      status: isActive ? 'active' : 'ended',
      jobId: job,
      title: 'A job',
      startDate: null,
      endDate: null,
      projectLinkIds,
    };
  }

  function showTrainer({ customer, trainer }: ModelContract) {
    const workEmail = consents.has(customer) ? addressOf(trainer) : null;
    return { opentrainUserId: trainer, displayName: 'T. T.', ...(workEmail !== null && { workEmail }) };
  }

  const showLink = ({ id, project, job }: ModelLink) => ({
    id,
    jobId: job,
    externalProjectId: project,
    externalProjectName: null,
    externalProjectUrl: null,
    provisioningMode: 'PARTNER_WEBHOOK',
  });

  const showEndpoint = ({ id, isActive, failures }: ModelEndpoint): WebhookEndpoint => ({
    id,
    url: 'https://connector.example/',
    eventTypes: [...EVENT_TYPES],
    status: isActive ? 'ACTIVE' : 'DISABLED',
    consecutiveFailures: failures,
    disabledAt: null,
    disabledReason: null,
  });

  function noteHires(): void {
    for (const { links, customer } of installs.values()) {
      for (const link of links) {
        for (const { trainer } of activeOn(link)) {
          const name = `${placeOf(link.project)} ${trainer}`;
          everHired.set(name, (everHired.get(name) ?? new Set()).add(customer));
        }
      }
    }
  }

  function revoke(customer: number): void {
    const install = installOf(customer);
    if (!install.isActive) return;
    install.isActive = false;
    emit(install, 'install.revoked', install.id, {});
  }

  return {
    accessScope,
    installs,
    tokens,
    refused,
    isWelcome,
    contracts,
    consents,
    inside,
    everHired,
    unheard,
    glitches,
    denied,
    barred,
    outbox,
    placeOf,
    installOf,
    activeOn,

    hire(customer: number, job: number, trainer: number): void {
      const hired = {
        id: `contract-${next()}` as ContractId,
        customer,
        job: jobOf(customer, job),
        trainer: trainerOf(trainer),
        isActive: true,
      };
      contracts.push(hired);
      noteHires();
      emitContract('contract.started', hired);
    },
    end(contract: ModelContract | undefined): void {
      if (contract === undefined || !contract.isActive) return;
      contract.isActive = false;
      emitContract('contract.ended', contract);
    },
    link(customer: number, project: ProjectId, job: JobId): void {
      const install = installOf(customer);
      if (!install.isActive || install.links.some((link) => link.project === project)) return;
      const link = { id: `link-${next()}` as LinkId, project, job };
      install.links = [...install.links, link];
      noteHires();
      emit(install, 'project_link.created', link.id, { projectLink: showLink(link) });
    },
    /** @returns false when there is nothing to unlink */
    unlink(customer: number, project: ProjectId): boolean {
      const install = installOf(customer);
      const link = install.links.find((one) => one.project === project);
      if (!install.isActive || link === undefined) return false;
      install.links = install.links.filter((one) => one !== link);
      emit(install, 'project_link.removed', link.id, { projectLink: showLink(link) });
      return true;
    },
    revoke,
    /** @param keepsLinks - whether the new install has the links of the old one, or none */
    reconnect(customer: number, keepsLinks: boolean): void {
      const before = installOf(customer);
      revoke(customer);
      const install = consent(customer);
      if (keepsLinks) install.links = before.links;
    },
    byHand(project: ProjectId, person: string, isIn: boolean): void {
      if (isIn) peopleIn(project).add(person);
      else peopleIn(project).delete(person);
    },

    /** OpenTrain, asked with the token that the connector has for the customer. */
    clientOf(customer: number, ask: Ask): OpenTrainClient {
      const call = <Answer>(operation: OperationName, answer: (install: ModelInstall) => Answer): Promise<Answer> =>
        ask(operation, async () => {
          const install = tokens.get(customer);
          if (install === undefined || !isWelcome(customer)) throw refusal(operation, 401);
          return answer(install);
        });
      const linkIn = (install: ModelInstall, id: string, operation: OperationName): ModelLink => {
        const link = install.links.find((one) => one.id === id);
        if (link === undefined) throw refusal(operation, 404);
        return link;
      };
      const contractIn = (install: ModelInstall, id: string, operation: OperationName): ModelContract => {
        const contract = contracts.find((one) => one.id === id && one.customer === customer);
        const isVisible = install.links.some(({ job }) => job === contract?.job);
        if (contract === undefined || !isVisible) throw refusal(operation, 404);
        return contract;
      };
      const client: Partial<OpenTrainClient> = {
        getCurrentInstall: () =>
          call('getCurrentInstall', ({ id }) => ({
            id,
            status: 'ACTIVE',
            scopes: ['all'],
            piiConsent: consents.has(customer),
            organizationId: null,
            partnerApp: null,
          })),
        listProjectLinks: () =>
          call('listProjectLinks', ({ links }) => {
            if (glitches.get(customer) !== 'denied') return links.map(showLink);
            for (const { id } of links) denied.add(id);
            return [];
          }),
        getProjectLink: (id) =>
          call('getProjectLink', (install) => {
            if (glitches.get(customer) === 'denied') throw refusal('getProjectLink', 404);
            return showLink(linkIn(install, id, 'getProjectLink'));
          }),
        listContracts: ({ projectLinkId, status, limit = 50 }: ContractQuery = {}) =>
          call('listContracts', (install) => {
            const glitch = glitches.get(customer);
            if (glitch === 'gone' || glitch === 'empty list') glitches.delete(customer);
            if (glitch === 'gone') throw refusal('listContracts', 404);
            if (glitch === 'empty list') return [];
            const only = projectLinkId === undefined ? undefined : linkIn(install, projectLinkId, 'listContracts').job;
            const linked = install.links.map(({ job }) => job);
            return contracts
              .filter(({ job }) => linked.includes(job) && (only === undefined || job === only))
              .map((contract) => showContract(contract, install))
              .filter((contract) => status === undefined || contract.status === status)
              .reverse()
              .slice(0, limit);
          }),
        listContractParticipants: (id) =>
          call('listContractParticipants', (install) => {
            const { workEmail = null, ...shown } = showTrainer(contractIn(install, id, 'listContractParticipants'));
            return [{ ...shown, workEmail }];
          }),
        getContractBudget: (id) =>
          call('getContractBudget', (install) => ({
            contractId: contractIn(install, id, 'getContractBudget').id,
            state: 'OK',
            paymentType: 'FIXED_PRICE',
            consumedFraction: null,
            fundedVolume: null,
            consumedVolume: null,
            remainingVolume: null,
            activeMilestone: null,
          })),
        listWebhookEndpoints: () => call('listWebhookEndpoints', ({ endpoint }) => [showEndpoint(endpoint)]),
        updateWebhookEndpoint: () =>
          call('updateWebhookEndpoint', ({ endpoint }) => {
            endpoint.isActive = true;
            endpoint.failures = 0;
            return showEndpoint(endpoint);
          }),
        redeliverWebhookEndpoint: () =>
          call('redeliverWebhookEndpoint', ({ endpoint }) => {
            const failed = endpoint.failed.splice(0);
            outbox.push(...failed);
            return failed.length;
          }),
      };
      return client as OpenTrainClient;
    },

    /** The workspace, whose every call is first shown to `look`. */
    workspaceFor(ask: Ask, look: (call: 'ensure' | 'revoke', place: string, trainer: string) => void): Workspace {
      const needsPerson = (trainer: TrainerId, project: ProjectId) =>
        barred.has(trainer) && !peopleIn(project).has(trainer);
      return fakeWorkspace({
        accessScope,
        ensureAccess: ({ opentrainUserId, workEmail }, { projectId }) => {
          if (workEmail !== addressOf(opentrainUserId)) throw new Error('That is not their Work Email.');
          look('ensure', placeOf(projectId), opentrainUserId);
          return ask('ensureAccess', async () => {
            if (needsPerson(opentrainUserId, projectId)) throw new NeedsPersonError('Help.', { steps: ['Help.'] });
            peopleIn(projectId).add(opentrainUserId);
            return { memberId: memberOf(opentrainUserId), opentrainUserId, workEmail };
          });
        },
        revokeAccess: ({ opentrainUserId = '' as TrainerId }, { projectId }) => {
          look('revoke', placeOf(projectId), opentrainUserId);
          return ask('revokeAccess', async () => void peopleIn(projectId).delete(opentrainUserId));
        },
        async *listAccess({ projectId }) {
          const members = await ask('listAccess', async () =>
            [...peopleIn(projectId)].map((person): Member => {
              const isTrainer = person.startsWith('trainer-');
              const memberId = memberOf(person as TrainerId);
              return isTrainer ? { memberId, opentrainUserId: person as TrainerId } : { memberId };
            }),
          );
          yield* members;
        },
      });
    },
  };
}

function refusal(operation: OperationName, status: 401 | 404): OpenTrainError {
  return new OpenTrainError(`answered ${status}`, {
    operation,
    kind: status === 401 ? 'forbidden' : 'rejected',
    status,
  });
}

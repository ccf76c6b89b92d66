import type { Clock } from '../../shared/clock.ts';
import type { Announcements } from './announcements.ts';
import { ApiError } from './api-error.ts';
import { budgetOf } from './budget.ts';
import { isoTime } from './calendar-date.ts';
import type { DeliveryEngine } from './deliveries.ts';
import { disable, enable } from './endpoint-status.ts';
import { type NewId, newSecret } from './new-id.ts';
import type { PlatformApi } from './platform-operations.ts';
import { recordUsage } from './record-usage.ts';
import {
  type Contract,
  type Install,
  linksOf,
  linksToJob,
  type ProjectLink,
  type State,
  type WebhookEndpoint,
} from './state.ts';
import { showContract, showEndpoint, showInstall, showLink, showTrainer } from './views.ts';

const DEFAULT_CONTRACTS = 50;

interface Dependencies {
  readonly state: State;
  readonly clock: Clock;
  readonly newId: NewId;
  readonly announce: Announcements;
  readonly deliveries: DeliveryEngine;
  /** Links that an install may have. */
  readonly linkLimit: number;
}

/** The 15 operations, each given an authorised and validated call. */
export function createPlatformApi(dependencies: Dependencies): PlatformApi {
  const { state, clock, newId, announce, deliveries, linkLimit } = dependencies;

  const findLink = (install: Install, linkId: string): ProjectLink => {
    const link = state.links.get(linkId);
    if (link?.installId !== install.id) throw new ApiError('NOT_FOUND', 'Project link not found');
    return link;
  };
  const findContract = (install: Install, contractId: string): Contract => {
    const contract = state.contracts.get(contractId);
    const visible = contract !== undefined && isVisible(state, install, contract);
    if (!visible) throw new ApiError('NOT_FOUND', 'Contract not found on a linked job');
    return contract;
  };
  const findEndpoint = (install: Install, endpointId: string): WebhookEndpoint => {
    const endpoint = state.endpoints.get(endpointId);
    if (endpoint?.installId !== install.id) throw new ApiError('NOT_FOUND', 'Webhook endpoint not found');
    return endpoint;
  };

  return {
    getCurrentInstall: ({ install }) => ({ install: showInstall(state, install) }),

    listProjectLinks: ({ install }) => ({ projectLinks: linksOf(state, install).map(showLink) }),

    getProjectLink: ({ install, path }) => ({ projectLink: showLink(findLink(install, path.linkId)) }),

    createProjectLink({ install, body }) {
      const links = linksOf(state, install);
      if (body.jobId !== undefined && state.jobs.get(body.jobId)?.organizationId !== install.organizationId) {
        throw new ApiError('NOT_FOUND', 'Job not found');
      }
      if (links.some((link) => link.externalProjectId === body.externalProjectId)) {
        throw new ApiError('CONFLICT', 'This externalProjectId is linked already');
      }
      if (links.length >= linkLimit) throw new ApiError('CONFLICT', `An install may have ${linkLimit} links`);
      const link: ProjectLink = {
        id: newId('link'),
        installId: install.id,
        jobId: body.jobId ?? null,
        externalProjectId: body.externalProjectId,
        externalProjectName: body.externalProjectName ?? null,
        externalProjectUrl: body.externalProjectUrl ?? null,
        provisioningMode: body.provisioningMode ?? 'PARTNER_WEBHOOK',
        createdAt: isoTime(clock.now()),
      };
      state.links.set(link.id, link);
      announce.link('project_link.created', install, link);
      return { projectLink: showLink(link) };
    },

    deleteProjectLink({ install, path }) {
      const link = findLink(install, path.linkId);
      state.links.delete(link.id);
      announce.link('project_link.removed', install, link);
      return { projectLink: showLink(link), deleted: true };
    },

    listContracts({ install, query }) {
      const { projectLinkId, status, limit = DEFAULT_CONTRACTS } = query;
      const onlyJob = projectLinkId === undefined ? undefined : findLink(install, projectLinkId).jobId;
      const contracts = [...state.contracts.values()]
        .reverse()
        .filter((contract) => isVisible(state, install, contract))
        .filter((contract) => onlyJob === undefined || contract.jobId === onlyJob)
        .map((contract) => showContract(state, install, contract))
        .filter((contract) => status === undefined || contract.status === status);
      return { contracts: contracts.slice(0, limit) };
    },

    listContractParticipants({ install, path }) {
      const { id, trainer } = findContract(install, path.contractId);
      return { contractId: id, participants: trainer === null ? [] : [showTrainer(install, trainer)] };
    },

    getContractBudget: ({ install, path }) => budgetOf(findContract(install, path.contractId)),

    reportContractUsage({ install, path, body }) {
      const contract = findContract(install, path.contractId);
      recordUsage(contract, body.entries, clock.now());
      announce.usageReported(contract);
      return { contractId: contract.id, accepted: body.entries.length, budget: budgetOf(contract) };
    },

    createWebhookEndpoint({ install, body }) {
      const endpoint: WebhookEndpoint = {
        id: newId('endpoint'),
        installId: install.id,
        secret: newSecret('whsec'),
        url: body.url,
        eventTypes: body.eventTypes,
        status: 'ACTIVE',
        createdAt: isoTime(clock.now()),
        consecutiveFailures: 0,
        disabledAt: null,
        disabledReason: null,
      };
      state.endpoints.set(endpoint.id, endpoint);
      return {
        webhookEndpoint: showEndpoint(endpoint),
        secret: endpoint.secret,
        message: 'Keep the secret: it is not shown again.',
      };
    },

    listWebhookEndpoints: ({ install }) => ({
      webhookEndpoints: [...state.endpoints.values()]
        .filter((endpoint) => endpoint.installId === install.id)
        .map(showEndpoint),
    }),

    getWebhookEndpoint: ({ install, path }) => ({
      webhookEndpoint: showEndpoint(findEndpoint(install, path.endpointId)),
    }),

    updateWebhookEndpoint({ install, path, body }) {
      const endpoint = findEndpoint(install, path.endpointId);
      if (body.url !== undefined) endpoint.url = body.url;
      if (body.eventTypes !== undefined) endpoint.eventTypes = body.eventTypes;
      if (body.status === 'DISABLED') disable(endpoint, 'Disabled through the API', clock.now());
      if (body.status === 'ACTIVE') {
        const wasDisabled = endpoint.status === 'DISABLED';
        enable(endpoint);
        if (wasDisabled) deliveries.resume(endpoint);
      }
      return { webhookEndpoint: showEndpoint(endpoint) };
    },

    deleteWebhookEndpoint({ install, path }) {
      const endpoint = findEndpoint(install, path.endpointId);
      state.endpoints.delete(endpoint.id);
      deliveries.discard(endpoint.id);
      return { webhookEndpoint: showEndpoint(endpoint), deleted: true };
    },

    redeliverWebhookEndpoint({ install, path, body }) {
      const endpoint = findEndpoint(install, path.endpointId);
      const chosen = deliveries
        .of(endpoint.id)
        .filter(({ id, status }) => (body.deliveryId === undefined ? status === 'FAILED' : id === body.deliveryId));
      if (body.deliveryId !== undefined && chosen.length === 0) throw new ApiError('NOT_FOUND', 'Delivery not found');
      deliveries.requeue(chosen);
      return {
        webhookEndpoint: showEndpoint(endpoint),
        requeued: chosen.length,
        message: 'Attempted within about 5 minutes, while the endpoint is ACTIVE.',
      };
    },
  };
}

/** A platform sees its customer's contracts on linked jobs only. */
function isVisible(state: State, install: Install, contract: Contract): boolean {
  const own = contract.organizationId === install.organizationId;
  return own && linksToJob(state, install, contract.jobId).length > 0;
}

import { budgetOf } from './budget.ts';
import type { EventLog } from './events.ts';
import { activeInstallOf, type Contract, type Install, linksToJob, type ProjectLink, type State } from './state.ts';
import { showEventContract, showLink, showTrainer } from './views.ts';

/** Which events follow from what happened, and for whom. */
export interface Announcements {
  contract(type: 'contract.started' | 'contract.ended', contract: Contract): void;
  link(type: 'project_link.created' | 'project_link.removed', install: Install, link: ProjectLink): void;
  installRevoked(install: Install): void;
  milestoneFunded(contract: Contract, milestoneId: string): void;
  /** Tells of the thresholds that consumption has crossed upward since the last look. */
  usageReported(contract: Contract): void;
}

export function createAnnouncements(state: State, events: EventLog): Announcements {
  /** The employer's install, when the platform may hear of the contract at all: that is, when its job is linked. */
  const listenerOf = (contract: Contract) => {
    const install = activeInstallOf(state, contract.organizationId);
    return install !== undefined && linksToJob(state, install, contract.jobId).length > 0 ? install : undefined;
  };
  const emitMilestone = (
    type: 'milestone.funded' | 'milestone.budget_low' | 'milestone.budget_depleted',
    contract: Contract,
    milestoneId: string | undefined,
  ) => {
    const install = listenerOf(contract);
    if (install === undefined) return;
    const milestone = contract.milestones.find((candidate) => candidate.id === milestoneId);
    events.emit(install, {
      type,
      resourceId: milestone?.id ?? contract.id,
      jobId: contract.jobId,
      data: { milestone: milestone === undefined ? null : { ...milestone }, budget: budgetOf(contract) },
    });
  };

  return {
    contract(type, contract) {
      const install = listenerOf(contract);
      if (install === undefined) return;
      // One event for every link that points at the job.
      for (const link of linksToJob(state, install, contract.jobId).reverse()) {
        events.emit(install, {
          type,
          resourceId: contract.id,
          jobId: contract.jobId,
          data: {
            contract: showEventContract(contract),
            ...(contract.trainer === null ? {} : { freelancer: showTrainer(install, contract.trainer) }),
            projectLink: showLink(link),
          },
        });
      }
    },
    link(type, install, link) {
      events.emit(install, {
        type,
        resourceId: link.id,
        jobId: link.jobId,
        data: { projectLink: showLink(link) },
      });
    },
    installRevoked(install) {
      const { id, status, organizationId } = install;
      events.emit(install, {
        type: 'install.revoked',
        resourceId: id,
        jobId: null,
        data: { install: { id, status, organizationId } },
      });
    },
    milestoneFunded(contract, milestoneId) {
      // More funds lower the fraction, and a later crossing tells again.
      contract.knownBudgetState = budgetOf(contract).state;
      emitMilestone('milestone.funded', contract, milestoneId);
    },
    usageReported(contract) {
      const before = contract.knownBudgetState;
      const { state: after, activeMilestone } = budgetOf(contract);
      contract.knownBudgetState = after;
      if (before === 'OK' && after !== 'OK') emitMilestone('milestone.budget_low', contract, activeMilestone?.id);
      if (before !== 'DEPLETED' && after === 'DEPLETED') {
        emitMilestone('milestone.budget_depleted', contract, activeMilestone?.id);
      }
    },
  };
}

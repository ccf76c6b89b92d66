import type { Clock } from '../../shared/clock.ts';
import type { Announcements } from './announcements.ts';
import { ApiError } from './api-error.ts';
import { isoTime } from './calendar-date.ts';
import { type NewId, newSecret } from './new-id.ts';
import {
  activeInstallOf,
  type Contract,
  type Install,
  type Job,
  type Milestone,
  type Organization,
  type Scope,
  type State,
  type Trainer,
} from './state.ts';

export interface Consent {
  readonly organizationId: string;
  readonly scopes: readonly Scope[];
  readonly piiConsent: boolean;
}

export interface NewJob {
  readonly organizationId: string;
  readonly title: string;
  readonly paymentType: Job['paymentType'];
}

export interface NewMilestone {
  readonly name: string;
  readonly amountUsd: number;
  /** Hours or labels, by the job's payment type. */
  readonly volume: number;
}

/** What an employer does, once it is confirmed: the state changes, and the events follow. */
export interface Employer {
  /** @param employerToken - default: a new one */
  addOrganization(name: string, employerToken?: string): Organization;
  /** The trainer of that full name, new or known. */
  addTrainer(fullName: string): Trainer;
  /** Installs the app. An install that the employer has already is revoked: that is how a reconnect goes. */
  consent(consent: Consent): Install;
  revoke(installId: string): void;
  postJob(job: NewJob): Job;
  hire(jobId: string, opentrainUserId: string): Contract;
  endContract(contractId: string): Contract;
  /** Unfunded: it moves no money and tells nobody. */
  createMilestone(contractId: string, milestone: NewMilestone): Milestone;
  fundMilestone(milestoneId: string): Contract;
  /** The trainer's account goes away, and the contract has nobody to attribute work to. */
  loseTrainer(contractId: string): void;
  findJob(jobId: string): Job;
  findContract(contractId: string): Contract;
  findContractOfMilestone(milestoneId: string): Contract;
}

interface Dependencies {
  readonly state: State;
  readonly clock: Clock;
  readonly newId: NewId;
  readonly announce: Announcements;
}

export function createEmployer({ state, clock, newId, announce }: Dependencies): Employer {
  const now = () => isoTime(clock.now());
  const findJob = (jobId: string) => known(state.jobs.get(jobId), 'Job');
  const findContract = (contractId: string) => known(state.contracts.get(contractId), 'Contract');
  const trainersByAddress = new Map<string, Trainer>();
  const contractsByMilestone = new Map<string, Contract>();
  const findContractOfMilestone = (milestoneId: string) => known(contractsByMilestone.get(milestoneId), 'Milestone');

  const revoke = (install: Install) => {
    if (install.status === 'REVOKED') return;
    install.status = 'REVOKED';
    announce.installRevoked(install);
  };

  return {
    addOrganization(name, employerToken = newSecret('ot_pat')) {
      const organization = {
        id: newId('organization'),
        name,
        employerToken,
        featureEnabled: true,
      };
      state.organizations.set(organization.id, organization);
      return organization;
    },

    addTrainer(fullName) {
      const workEmail = `${inAscii(fullName).trim().toLowerCase().replaceAll(/\s+/g, '.')}@opentrain.work`;
      const before = trainersByAddress.get(workEmail);
      if (before !== undefined) return before;
      const opentrainUserId = newId('user');
      const trainer: Trainer = {
        opentrainUserId,
        displayName: mask(fullName),
        country: 'PT',
        profileUrl: `https://app.opentrain.ai/trainers/${opentrainUserId}`,
        workEmail,
      };
      state.trainers.set(opentrainUserId, trainer);
      trainersByAddress.set(workEmail, trainer);
      return trainer;
    },

    consent({ organizationId, scopes, piiConsent }) {
      const earlier = activeInstallOf(state, organizationId);
      if (earlier !== undefined) revoke(earlier);
      const install: Install = {
        id: newId('install'),
        organizationId,
        scopes,
        piiConsent,
        status: 'ACTIVE',
        createdAt: now(),
        token: { id: newId('token'), name: 'Partner token', value: newSecret('ot_ptk') },
      };
      state.installs.set(install.id, install);
      return install;
    },

    revoke: (installId) => revoke(known(state.installs.get(installId), 'Install')),

    postJob(job) {
      const posted = { id: newId('job'), ...job };
      state.jobs.set(posted.id, posted);
      return posted;
    },

    hire(jobId, opentrainUserId) {
      const { organizationId, title, paymentType } = findJob(jobId);
      const contract: Contract = {
        id: newId('contract'),
        organizationId,
        jobId,
        title,
        paymentType,
        startDate: now(),
        endDate: null,
        createdAt: now(),
        trainer: known(state.trainers.get(opentrainUserId), 'Trainer'),
        milestones: [],
        usage: new Map(),
        lastUsageAt: null,
        knownBudgetState: 'OK',
      };
      state.contracts.set(contract.id, contract);
      announce.contract('contract.started', contract);
      return contract;
    },

    endContract(contractId) {
      const contract = findContract(contractId);
      if (contract.endDate !== null) throw new ApiError('CONFLICT', 'The contract has ended already');
      contract.endDate = now();
      announce.contract('contract.ended', contract);
      return contract;
    },

    createMilestone(contractId, milestone) {
      const created: Milestone = { id: newId('milestone'), ...milestone, status: 'UNFUNDED' };
      const contract = findContract(contractId);
      contract.milestones.push(created);
      contractsByMilestone.set(created.id, contract);
      return created;
    },

    fundMilestone(milestoneId) {
      const contract = findContractOfMilestone(milestoneId);
      const milestone = known(
        contract.milestones.find(({ id }) => id === milestoneId),
        'Milestone',
      );
      if (milestone.status === 'FUNDED') throw new ApiError('CONFLICT', 'The milestone is funded already');
      milestone.status = 'FUNDED';
      announce.milestoneFunded(contract, milestoneId);
      return contract;
    },

    loseTrainer(contractId) {
      findContract(contractId).trainer = null;
    },

    findJob,
    findContract,
    findContractOfMilestone,
  };
}

function known<Thing>(thing: Thing | undefined, name: string): Thing {
  if (thing === undefined) throw new ApiError('NOT_FOUND', `${name} not found`);
  return thing;
}

/** "Maria Silva" is shown as "Maria S." */
function mask(fullName: string): string {
  const [first = '', ...others] = fullName
    .trim()
    .split(/\s+/)
    .map((word) => word.charAt(0).toUpperCase() + word.slice(1));
  const last = others.at(-1);
  return last === undefined ? first : `${first} ${last.charAt(0)}.`;
}

/** "João" becomes "Joao". */
function inAscii(name: string): string {
  return name.normalize('NFD').replaceAll(/\p{M}/gu, '');
}

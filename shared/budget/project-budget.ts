import type { ConnectionId, ContractId, ProjectId } from '../ids.ts';

/**
 * How the funds of a project stand: the JSON of `GET /connections/{connectionId}/projects/{externalProjectId}/budget`.
 * `embed/opentrain-budget-notice.js` documents the same shape for whoever builds a page on it.
 */
export interface ProjectBudget {
  readonly connectionId: ConnectionId;
  /** The platform's own id of the project (`externalProjectId`). */
  readonly projectId: ProjectId;
  /** The worst of its contracts. */
  readonly state: BudgetState;
  /** One or two plain sentences, ready to show; null when there is nothing to say. */
  readonly text: string | null;
  /** Where to top up. */
  readonly url: string | null;
  readonly contracts: readonly ContractBudget[];
  /** When this was last heard from OpenTrain, ISO 8601 in UTC; null when it never was. */
  readonly updatedAt: string | null;
}

/** LOW from 0.8 of the funds on, DEPLETED from 1.0 on. Source: OpenTrain's budget object. */
export type BudgetState = 'OK' | 'LOW' | 'DEPLETED';

/** One contract's part. Null is what OpenTrain did not tell, or what its payment type does not have. */
export interface ContractBudget {
  readonly contractId: ContractId;
  readonly title: string | null;
  readonly state: BudgetState;
  /** `PAY_PER_HOUR`, `PAY_PER_LABEL` or `FIXED_PRICE`; others may come. */
  readonly paymentType: string | null;
  /** Share of the funds that is used: 1 is all of them, more is possible. */
  readonly consumedFraction: number | null;
  /** In `unit`, as are the two below. */
  readonly fundedVolume: number | null;
  readonly consumedVolume: number | null;
  readonly remainingVolume: number | null;
  readonly unit: 'hours' | 'labels' | null;
}

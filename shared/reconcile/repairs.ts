import type { ConnectionId, ContractId, LinkId, ProjectId, TrainerId, WorkspaceId } from '../ids.ts';
import type { Contract, ProjectLink } from '../opentrain/relied-on.ts';
import type { Grant, GrantRef } from '../store/grants.ts';
import type { Link } from '../store/links.ts';
import type { Seat } from '../store/seats.ts';

/** Why something is to be repaired: stable words for logs, records and people. */
export type Why =
  /** OpenTrain has a running contract that the connector never heard of, or has heard of too late. */
  | 'contract_unheard_of'
  /** It was parked: for consent, or for a person. */
  | 'was_parked'
  /** It was suspended, and what it was suspended for is over: the connection is back, or OpenTrain lists the contract again. */
  | 'reconnected'
  /** The grant is open, but the seat does not know of it: somebody crashed in between. */
  | 'claim_lost'
  /** The seat knows of a grant that is over: somebody crashed in between. */
  | 'claim_left_behind'
  | 'contract_ended'
  /** OpenTrain lists the contract neither as running nor as ended. */
  | 'contract_untold'
  | 'link_removed'
  /** Disconnected for longer than the grace period. */
  | 'disconnected'
  /** Somebody was taken out of, or let into, the workspace by hand; or a call of ours came to nothing. */
  | 'missing_in_workspace'
  | 'still_in_workspace'
  /** What should be was changed, but never made so. */
  | 'unsettled'
  /** A link was taken for removed, and OpenTrain lists it. */
  | 'still_listed';

/** One thing that reconciliation sets right. */
export type Repair =
  | { readonly kind: 'record-link'; readonly link: ProjectLink }
  | { readonly kind: 'remove-link'; readonly linkId: LinkId; readonly projectId: ProjectId | undefined }
  | { readonly kind: 'restore-link'; readonly why: Why; readonly link: Link }
  | Admission
  | { readonly kind: 'dismiss'; readonly why: Why; readonly grant: Grant; readonly endDate: string | undefined }
  | { readonly kind: 'suspend'; readonly why: Why; readonly grant: Grant }
  | { readonly kind: 'release'; readonly why: Why; readonly seat: Seat; readonly grant: GrantRef }
  | { readonly kind: 'let-in'; readonly why: Why; readonly seat: Seat }
  | { readonly kind: 'take-out'; readonly why: Why; readonly seat: Seat }
  /** Whoever should be in is in, and whoever should be out is out: it only has to be noted. */
  | { readonly kind: 'settle'; readonly why: Why; readonly seat: Seat };

export interface Admission {
  readonly kind: 'admit';
  readonly why: Why;
  readonly link: ProjectLink;
  readonly contract: Contract;
  readonly grant: Grant | undefined;
  /** Whose contract it is, where that was asked for before: see `nameNewcomers`. */
  readonly trainerId?: TrainerId | undefined;
}

/** The grant that somebody is let in by. */
export const refOf = ({ contract, link }: Admission, connectionId: ConnectionId): GrantRef => ({
  connectionId,
  contractId: contract.id,
  linkId: link.id,
});

/** A repair as people read it. */
export interface RepairRow {
  readonly action: 'add' | 'remove' | 'note' | 'note link' | 'forget link';
  readonly why: Why | undefined;
  readonly trainerId?: TrainerId | undefined;
  readonly workspaceId?: WorkspaceId | undefined;
  readonly projectId?: ProjectId | '*' | undefined;
  readonly contractId?: ContractId | undefined;
  readonly linkId?: LinkId | undefined;
}

export function toRow(repair: Repair): RepairRow {
  switch (repair.kind) {
    case 'record-link': {
      const { id: linkId, externalProjectId: projectId } = repair.link;
      return { action: 'note link', why: undefined, linkId, projectId };
    }
    case 'remove-link': {
      const { linkId, projectId } = repair;
      return { action: 'forget link', why: undefined, linkId, projectId };
    }
    case 'restore-link': {
      const { id: linkId, projectId } = repair.link;
      return { action: 'note link', why: repair.why, linkId, projectId };
    }
    case 'admit':
      return {
        action: 'add',
        why: repair.why,
        trainerId: repair.grant?.trainerId ?? repair.trainerId,
        projectId: repair.link.externalProjectId,
        contractId: repair.contract.id,
        linkId: repair.link.id,
      };
    case 'dismiss':
    case 'suspend': {
      const { trainerId, workspaceId, projectId, contractId, linkId } = repair.grant;
      return { action: 'remove', why: repair.why, trainerId, workspaceId, projectId, contractId, linkId };
    }
    case 'release': {
      const { trainerId, workspaceId, project: projectId } = repair.seat;
      const { contractId, linkId } = repair.grant;
      return { action: 'remove', why: repair.why, trainerId, workspaceId, projectId, contractId, linkId };
    }
    case 'let-in':
    case 'take-out':
    case 'settle': {
      const { trainerId, workspaceId, project: projectId } = repair.seat;
      const action = ({ 'let-in': 'add', 'take-out': 'remove', settle: 'note' } as const)[repair.kind];
      return { action, why: repair.why, trainerId, workspaceId, projectId };
    }
  }
}

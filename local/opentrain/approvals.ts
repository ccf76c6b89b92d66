import type { Clock } from '../../shared/clock.ts';
import { ApiError } from './api-error.ts';
import { isoTime } from './calendar-date.ts';
import type { NewId } from './new-id.ts';
import type { EventContract } from './views.ts';

/** Milliseconds for which an approval waits for a person: about 72 h. */
export const APPROVAL_LIFETIME = 72 * 3_600_000;

/** Something that moves money and therefore waits for a signed-in person to confirm it. */
export interface Approval {
  readonly id: string;
  readonly action: string;
  readonly status: 'PENDING' | 'APPROVED' | 'REJECTED' | 'EXPIRED';
  /** Where the person confirms. */
  readonly approvalUrl: string;
  readonly expiresAt: string;
  /** What came of it, once approved. */
  readonly result: ApprovalResult | null;
}

export interface ApprovalResult {
  readonly contract: EventContract;
}

export interface Approvals {
  request(organizationId: string, action: string, perform: () => ApprovalResult): Approval;
  /** @param organizationId - whose approval it must be; left out for the person who came by the link */
  find(id: string, organizationId?: string): Approval;
  confirm(id: string): Approval;
  reject(id: string): Approval;
}

interface StoredApproval {
  readonly approval: Approval;
  readonly organizationId: string;
  readonly expiresAt: number;
  readonly perform: () => ApprovalResult;
}

export function createApprovals(clock: Clock, newId: NewId, baseUrl: () => string): Approvals {
  const approvals = new Map<string, StoredApproval>();

  const find = (id: string, organizationId?: string): StoredApproval => {
    const stored = approvals.get(id);
    if (stored === undefined || (organizationId ?? stored.organizationId) !== stored.organizationId) {
      throw new ApiError('NOT_FOUND', 'Approval not found');
    }
    const { approval, expiresAt } = stored;
    const expired = approval.status === 'PENDING' && clock.now() >= expiresAt;
    return expired ? { ...stored, approval: { ...approval, status: 'EXPIRED' } } : stored;
  };
  const decide = (id: string, decision: (stored: StoredApproval) => Partial<Approval>): Approval => {
    const stored = find(id);
    if (stored.approval.status !== 'PENDING') {
      throw new ApiError('CONFLICT', `The approval is ${stored.approval.status} already`);
    }
    const approval = { ...stored.approval, ...decision(stored) };
    approvals.set(id, { ...stored, approval });
    return approval;
  };

  return {
    request(organizationId, action, perform) {
      const id = newId('approval');
      const expiresAt = clock.now() + APPROVAL_LIFETIME;
      const approval: Approval = {
        id,
        action,
        status: 'PENDING',
        approvalUrl: `${baseUrl()}/approvals/${id}`,
        expiresAt: isoTime(expiresAt),
        result: null,
      };
      approvals.set(id, { approval, organizationId, expiresAt, perform });
      return approval;
    },
    find: (id, organizationId) => find(id, organizationId).approval,
    confirm: (id) => decide(id, ({ perform }) => ({ result: perform(), status: 'APPROVED' })),
    reject: (id) => decide(id, () => ({ status: 'REJECTED' })),
  };
}

import { ALL_SCOPES } from '../../local/opentrain/scopes.ts';
import type { JobId } from '../../shared/ids.ts';
import { DEFAULT_WORKSPACE } from '../../shared/store/connections.ts';
import { type Customer, type ScheduledWorld, startScheduledWorld } from '../support/scheduled-world.ts';
import type { WorldSize } from '../support/usage-world.ts';

/** What the reconcile function meets where all is as it should be: OpenTrain, the table and the workspace agree. */
export interface ReconcileWorld extends ScheduledWorld {
  /** Hires somebody at each of the first customers, and no delivery tells of it. */
  loseHires(count: number): void;
}

/** Nobody listens there, and nothing is delivered: see `loseHires`. */
const WEBHOOK_BASE_URL = 'http://127.0.0.1:9';

/** Each connection has one project, in which all of its contracts are; it was compared just now, and nothing was amiss. */
export async function startReconcileWorld({ connections, contracts }: WorldSize): Promise<ReconcileWorld> {
  const { world, clock, store, ...seed } = await startScheduledWorld();
  const { opentrain } = world;
  const customers: Customer[] = [];
  opentrain.holdDeliveries();

  for (let index = 0; index < connections; index += 1) {
    const customer = await seed.addCustomer(index);
    customers.push(customer);
    const { connectionId, installId, jobId, linkId, projectId } = customer;
    const { endpointId } = opentrain.registerEndpoint(
      installId,
      `${WEBHOOK_BASE_URL}/webhooks/opentrain/${connectionId}`,
    );
    await seed.connect(customer, { installId, endpointId, scopes: ALL_SCOPES, piiConsent: true });
    const link = { id: linkId, jobId: jobId as JobId, projectId, provisioningMode: 'PARTNER_WEBHOOK' };
    await store.links.record(connectionId, link, clock.now());
    for (let number = index; number < contracts; number += connections) {
      const { grant, contractId, trainer, memberId } = await seed.hire(customer, `Trainer ${number}`);
      const ref = { workspaceId: DEFAULT_WORKSPACE, project: projectId, trainerId: trainer.opentrainUserId };
      const seat = await store.seats.claim(ref, grant, trainer, clock.now());
      await store.seats.settle(seat, { applied: 'in', memberId }, clock.now());
      const budget = { state: 'OK', paymentType: 'PAY_PER_HOUR', consumedFraction: 0, asOf: clock.now() } as const;
      await store.budgets.record(connectionId, contractId, budget, clock.now());
    }
    const at = clock.now();
    await store.reconciliations.put(connectionId, { ...NOTHING_AMISS, at, completeAt: at });
  }
  await seed.flush();

  return {
    ...world,
    environment: { ...world.environment, WEBHOOK_BASE_URL },
    loseHires(count) {
      for (const { jobId, connectionId } of customers.slice(0, count)) {
        opentrain.hire({ jobId, trainer: `Newcomer at ${connectionId}` });
      }
    },
  };
}

const NOTHING_AMISS = {
  runId: 'reconcile-before',
  durationMs: 0,
  checked: 0,
  repaired: {},
  waiting: 0,
  failed: 0,
  fullLinks: 0,
  outcome: 'active',
} as const;

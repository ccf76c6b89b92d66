import type { ConnectionId, ContractId } from '../../shared/ids.ts';
import { type ScheduledWorld, startScheduledWorld } from './scheduled-world.ts';

/** What the usage function meets: trainers who have worked. */
export interface UsageWorld extends ScheduledWorld {
  /** By connection. */
  readonly contracts: ReadonlyMap<ConnectionId, readonly ContractId[]>;
  /** Reports that OpenTrain got. */
  posts(): number;
}

export interface WorldSize {
  readonly connections: number;
  readonly contracts: number;
}

const DAY_MILLISECONDS = 24 * 3600_000;
const STORY_DAYS = 5;
/** One contract of so many uses up most of its funds, so that there are notices to be shown. */
const LOW_EVERY = 50;

/** Each connection has one project, in which all of its contracts are; each trainer has worked on the last two days. */
export async function startUsageWorld({ connections, contracts }: WorldSize): Promise<UsageWorld> {
  const seed = await startScheduledWorld({ daysAgo: STORY_DAYS });
  const { opentrain, workspace } = seed.world;
  const midnight = Math.floor(Date.now() / DAY_MILLISECONDS) * DAY_MILLISECONDS;
  const contractsOf = new Map<ConnectionId, ContractId[]>();

  for (let index = 0; index < connections; index += 1) {
    const customer = await seed.addCustomer(index);
    await seed.connect(customer);
    const ownContracts: ContractId[] = [];
    contractsOf.set(customer.connectionId, ownContracts);
    for (let number = index, own = 0; number < contracts; number += connections, own += 1) {
      const { contractId, trainer } = await seed.hire(customer, `Trainer ${number}`);
      opentrain.fundMilestone(contractId, { volume: (index + own) % LOW_EVERY === 0 ? 10 : 40 });
      ownContracts.push(contractId);
      for (const day of [1, 2]) {
        const at = midnight - day * DAY_MILLISECONDS + 8 * 3600_000;
        const work = { trainer: trainer.opentrainUserId, project: customer.projectId, at };
        workspace.recordWork({ ...work, seconds: 4 * 3600, tasks: 20 });
      }
    }
  }
  await seed.flush();
  await seed.clock.advance(STORY_DAYS * DAY_MILLISECONDS);

  return {
    ...seed.world,
    contracts: contractsOf,
    posts: () => opentrain.calls.filter(({ operationId }) => operationId === 'reportContractUsage').length,
  };
}

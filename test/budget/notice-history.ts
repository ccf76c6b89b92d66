import { noticeOf } from '../../shared/budget/notice-text.ts';
import type { DeliveryParts } from '../../shared/deliveries/process-delivery.ts';
import type { ConnectionId, ContractId, DeliveryId } from '../../shared/ids.ts';
import type { Table } from '../../shared/store/table.ts';
import { WorkspaceUnavailableError } from '../../shared/workspace/errors.ts';
import type { BudgetNotice } from '../../shared/workspace/port.ts';
import { partsOf } from '../property/history.ts';
import type { Step } from '../property/interleaver.ts';
import { type PlannedDelivery, runStorm, type StormPlan } from '../property/storm.ts';
import {
  contractEnded,
  contractStarted,
  type Hire,
  linkEvent,
  milestoneEvent,
  type TestEvent,
} from '../support/opentrain-event.ts';
import { newCopy } from './copies.ts';

/** One word of OpenTrain about a contract's funds; the later in the list, the later its event. */
export interface WordPlan {
  /** Which contract, by its place in the list. */
  readonly contract: number;
  /** In percent. */
  readonly consumed: number;
}

export interface NoticeHistoryPlan extends StormPlan {
  /** All in one project. */
  readonly contracts: readonly { readonly customer: number; readonly ends: boolean }[];
  readonly words: readonly WordPlan[];
  /** Customers whose link is removed at some time. */
  readonly unlinked: readonly number[];
  /** Which of the calls that change the notice fail, 0 for the first. */
  readonly failing: readonly number[];
}

export interface NoticeHistoryResult {
  readonly shown: BudgetNotice | null;
  /** What should be. */
  readonly expected: BudgetNotice | null;
  readonly steps: number;
}

const TOP_UP_URL = 'https://opentrain.example/{contractId}';
const NOW = Date.parse('2026-11-21T12:00:00Z');

/** Trainers are at work already; then words about funds, ends and removals come in any order, and workers crash. */
export async function runNoticeHistory(
  plan: NoticeHistoryPlan,
  table: Table,
  run: string,
): Promise<NoticeHistoryResult> {
  const stage = createNoticeStage(table, run, plan.failing);
  await runStorm(beginningsOf(plan, run), CALMLY, stage.partsOf);
  const steps = await runStorm(deliveriesOf(plan, run), plan, stage.partsOf);
  return { shown: stage.shown, expected: expectedOf(plan), steps };
}

export const CALMLY: StormPlan = { choices: [0], crashes: { kind: 'at', step: 0, crash: 'lost' }, workers: 1 };

/** A table and a workspace, whose one notice is seen. */
export function createNoticeStage(table: Table, run: string, failing: readonly number[] = []) {
  let shown: BudgetNotice | null = null;
  let calls = 0;
  const inside = new Set<string>();
  return {
    get shown() {
      return shown;
    },
    /** How often the notice was set or taken away. */
    get calls() {
      return calls;
    },
    partsOf(step: Step): DeliveryParts {
      const parts = partsOf(step, { table, run, inside, accessScope: 'project' });
      return {
        ...parts,
        topUpUrl: TOP_UP_URL,
        placeOf: async (id) => {
          const place = await parts.placeOf(id);
          const setNotice = (_: unknown, notice: BudgetNotice | null) =>
            step('setNotice', async () => {
              calls += 1;
              if (failing.includes(calls - 1)) throw new WorkspaceUnavailableError('The platform is away.');
              shown = notice;
            });
          return { ...place, workspace: { ...place.workspace, setNotice } };
        },
      };
    },
  };
}

const hireOf = (run: string, contract: number, customer: number): Hire => ({
  contract: `contract-${contract}`,
  trainer: `trainer-${contract}`,
  workEmail: `trainer-${contract}@opentrain.work`,
  link: `link-${customer}`,
  project: `project-${run}`,
  mode: 'PARTNER_WEBHOOK',
});

export function beginningsOf({ contracts }: Pick<NoticeHistoryPlan, 'contracts'>, run: string): PlannedDelivery[] {
  return contracts.map(({ customer }, index) =>
    deliver(run, customer, contractStarted(hireOf(run, index, customer)), `begin-${index}`),
  );
}

type Course = Pick<NoticeHistoryPlan, 'contracts' | 'words' | 'unlinked'>;

/** The words, then the ends, then the removals. */
export function deliveriesOf({ contracts, words, unlinked }: Course, run: string): PlannedDelivery[] {
  return [
    ...words.map((word, index) => {
      const id = String(9_007_199_254_740_993n + BigInt(index));
      const { type, budget } = told(word);
      const event = { ...milestoneEvent(type, `contract-${word.contract}`, budget), id };
      return deliver(run, contracts[word.contract]?.customer ?? 0, event, `word-${index}`);
    }),
    ...contracts.flatMap(({ customer, ends }, index) =>
      ends ? [deliver(run, customer, contractEnded(hireOf(run, index, customer)), `end-${index}`)] : [],
    ),
    ...unlinked.map((customer) =>
      deliver(run, customer, linkEvent('project_link.removed', hireOf(run, 0, customer)), `unlink-${customer}`),
    ),
  ];
}

function told({ consumed }: WordPlan) {
  const state = consumed >= 100 ? 'DEPLETED' : consumed >= 80 ? 'LOW' : 'OK';
  const type = { OK: 'milestone.funded', LOW: 'milestone.budget_low', DEPLETED: 'milestone.budget_depleted' }[state];
  const volumes = { fundedVolume: 100, consumedVolume: consumed, remainingVolume: Math.max(0, 100 - consumed) };
  return {
    type,
    budget: { state, paymentType: 'PAY_PER_HOUR', consumedFraction: consumed / 100, ...volumes },
  } as const;
}

function deliver(run: string, customer: number, event: TestEvent, id: string): PlannedDelivery {
  return {
    attempts: 0,
    envelope: {
      connectionId: connectionOf(run, customer),
      deliveryId: id as DeliveryId,
      secretId: 'secret',
      receivedAt: NOW,
      body: Buffer.from(JSON.stringify(event)),
    },
  };
}

const connectionOf = (run: string, customer: number) => `c${customer}-${run}` as ConnectionId;

/** The latest word about each contract that is not over. */
function expectedOf({ contracts, words, unlinked }: Course): BudgetNotice | null {
  const copies = contracts.flatMap(({ customer, ends }, index) => {
    const word = words.findLast(({ contract }) => contract === index);
    if (ends || unlinked.includes(customer) || word === undefined) return [];
    const contractId = `contract-${index}` as ContractId;
    const url = `https://opentrain.example/${contractId}`;
    return [
      newCopy({ connectionId: connectionOf('', customer), contractId, title: 'Draw boxes', url, ...told(word).budget }),
    ];
  });
  return noticeOf(copies);
}

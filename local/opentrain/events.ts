import type { Clock } from '../../shared/clock.ts';
import type { CheckEvent } from './api-contract.ts';
import { isoTime } from './calendar-date.ts';
import type { EventType, Install, Schemas, State, WebhookEndpoint } from './state.ts';

export type EventRecord = Schemas['EventRecord'];

/** What an event of each type carries. */
interface EventData {
  'contract.started': Schemas['ContractEventData'];
  'contract.ended': Schemas['ContractEventData'];
  'project_link.created': Schemas['ProjectLinkEventData'];
  'project_link.removed': Schemas['ProjectLinkEventData'];
  'install.revoked': Schemas['InstallRevokedEventData'];
  'milestone.funded': Schemas['MilestoneEventData'];
  'milestone.budget_low': Schemas['MilestoneEventData'];
  'milestone.budget_depleted': Schemas['MilestoneEventData'];
}

export interface NewEvent<Type extends EventType> {
  readonly type: Type;
  readonly resourceId: string;
  readonly jobId: string | null;
  readonly data: EventData[Type];
}

export interface EventLog {
  /** Records an event of an install and hands it to the endpoints that are subscribed right now: there is no backfill. */
  emit<Type extends EventType>(install: Install, event: NewEvent<Type>): void;
  /** Oldest first. */
  of(installId: string): readonly EventRecord[];
}

interface Dependencies {
  readonly state: State;
  readonly clock: Clock;
  readonly check: CheckEvent;
  readonly deliver: (endpoint: WebhookEndpoint, record: EventRecord) => void;
}

export function createEventLog({ state, clock, check, deliver }: Dependencies): EventLog {
  const log: { readonly installId: string; readonly record: EventRecord }[] = [];
  // Beyond 2^53, where neighbours are the same double; from the clock, so that a restart goes on above.
  let lastId = BigInt(clock.now()) * 1_000_000n;

  return {
    emit(install, { type, resourceId, jobId, data }) {
      lastId += 1n;
      const createdAt = isoTime(clock.now());
      const record = { id: String(lastId), type, apiVersion: 'v1', createdAt, resourceId, jobId, data: { ...data } };
      const mistakes = check(record);
      if (mistakes.length > 0) throw new Error(`The simulated OpenTrain made a bad ${type}: ${mistakes.join('; ')}.`);
      log.push({ installId: install.id, record });
      for (const endpoint of state.endpoints.values()) {
        const listens = endpoint.installId === install.id && endpoint.status === 'ACTIVE';
        if (listens && endpoint.eventTypes.includes(type)) deliver(endpoint, record);
      }
    },
    of: (installId) => log.filter((entry) => entry.installId === installId).map((entry) => entry.record),
  };
}

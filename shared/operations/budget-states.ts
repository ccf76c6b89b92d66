import type { ConnectionId } from '../ids.ts';
import type { Table } from '../store/table.ts';

/** `OK`, `LOW` or `DEPLETED` by contract, as far as OpenTrain has told. */
export async function budgetStates(connection: ConnectionId, table: Table): Promise<ReadonlyMap<string, string>> {
  const states = new Map<string, string>();
  for await (const { contractId, state } of table.list(`CONN#${connection}`, 'BUDGET#')) {
    if (typeof contractId === 'string' && typeof state === 'string') states.set(contractId, state);
  }
  return states;
}

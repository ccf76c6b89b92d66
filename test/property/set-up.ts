import { afterAll, beforeAll } from 'vitest';
import { type Emulators, startEmulators } from '../../local/aws/emulators.ts';
import { openTable, type Table } from '../../shared/store/table.ts';

/** One table for all tests of a file, in which each run of a history goes by a name of its own. */
export interface SharedTable {
  /** Only while the tests run. */
  readonly table: Table;
  nextRun(): string;
}

export function setUpTable(): SharedTable {
  let emulators: Emulators;
  let table: Table;
  let runs = 0;
  beforeAll(async () => {
    emulators = await startEmulators();
    Object.assign(process.env, emulators.environment);
    table = openTable(emulators.environment.TABLE_NAME);
  });
  afterAll(() => emulators.close());
  return {
    get table() {
      return table;
    },
    nextRun() {
      runs += 1;
      return `run${runs}`;
    },
  };
}

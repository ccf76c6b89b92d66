import { pbkdf2Sync, randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { DatabaseSync, type SQLInputValue } from 'node:sqlite';
import type { Installation } from './installation.ts';

/**
 * Label Studio's SQLite file, for what its API does not let a test do: backdate work, give a first password, and see
 * the truth about access. Opened for each statement, so that Label Studio never waits for a test.
 */
export interface Database {
  all(sql: string, ...values: SQLInputValue[]): Record<string, unknown>[];
  run(sql: string, ...values: SQLInputValue[]): void;
}

export function openDatabase({ dataDirectory }: Installation): Database {
  const file = join(dataDirectory, 'label_studio.sqlite3');
  function use<Result>(work: (database: DatabaseSync) => Result): Result {
    const database = new DatabaseSync(file, { timeout: 20_000 });
    try {
      return work(database);
    } finally {
      database.close();
    }
  }
  return {
    all: (sql, ...values) => use((database) => database.prepare(sql).all(...values)),
    run: (sql, ...values) => void use((database) => database.prepare(sql).run(...values)),
  };
}

/** As Django writes a point in time into SQLite: UTC, microseconds, no zone. */
export const djangoTime = (milliseconds: number): string =>
  new Date(milliseconds).toISOString().replace('T', ' ').replace('Z', '000');

/** Django 5.2's own number: with another one it would compute the hash anew at the first sign-in. */
const ITERATIONS = 1_000_000;

/** What `label-studio reset_password` writes, without the ten seconds that it takes to start. */
export function djangoPassword(password: string): string {
  const salt = randomBytes(12).toString('hex');
  const hash = pbkdf2Sync(password, salt, ITERATIONS, 32, 'sha256').toString('base64');
  return `pbkdf2_sha256$${ITERATIONS}$${salt}$${hash}`;
}

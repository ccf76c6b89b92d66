declare module 'dynalite' {
  import type { Server } from 'node:http';

  /** An embedded DynamoDB; in memory unless `path` names a directory. */
  export default function dynalite(options?: { createTableMs?: number; path?: string }): Server;
}

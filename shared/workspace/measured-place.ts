import type { Place } from '../access/access.ts';
import type { Clock } from '../clock.ts';
import type { Logger } from '../logging.ts';
import {
  NeedsPersonError,
  WorkspaceForbiddenError,
  WorkspaceRateLimitedError,
  WorkspaceRejectedError,
  WorkspaceUnavailableError,
  WorkspaceUnsupportedError,
} from './errors.ts';
import type { Workspace } from './port.ts';

/**
 * The same workspace; each call leaves a line that says how long it took, and how it failed if it did. What the failure
 * means, and its error, is logged by whoever asked.
 */
export function measuredPlace({ workspaceId, workspace }: Place, clock: Clock, logger: Logger): Place {
  function note(call: keyof Workspace, durationMs: number, failure?: { readonly error: unknown }): void {
    const about = { workspaceId, outcome: call, durationMs };
    if (failure === undefined) logger.info({ event: 'workspace.called', ...about });
    else logger.warn({ event: 'workspace.failed', ...about, reason: reasonOf(failure.error) });
  }

  async function measure<Answer>(call: keyof Workspace, ask: () => Promise<Answer>): Promise<Answer> {
    const began = clock.now();
    try {
      const answer = await ask();
      note(call, clock.now() - began);
      return answer;
    } catch (error) {
      note(call, clock.now() - began, { error });
      throw error;
    }
  }

  /** All pages are one call; what the caller does between them is not the workspace's time. */
  async function* measureAll<Item>(call: keyof Workspace, items: AsyncIterable<Item>): AsyncIterable<Item> {
    let waited = 0;
    let failure: { readonly error: unknown } | undefined;
    let began = clock.now();
    try {
      for await (const item of items) {
        waited += clock.now() - began;
        yield item;
        began = clock.now();
      }
      waited += clock.now() - began;
    } catch (error) {
      waited += clock.now() - began;
      failure = { error };
      throw error;
    } finally {
      note(call, waited, failure);
    }
  }

  const setNotice = workspace.setNotice?.bind(workspace);
  return {
    workspaceId,
    workspace: {
      accessScope: workspace.accessScope,
      ping: (signal) => measure('ping', () => workspace.ping(signal)),
      ensureAccess: (trainer, project, signal) =>
        measure('ensureAccess', () => workspace.ensureAccess(trainer, project, signal)),
      revokeAccess: (member, project, signal) =>
        measure('revokeAccess', () => workspace.revokeAccess(member, project, signal)),
      listAccess: (project, signal) => measureAll('listAccess', workspace.listAccess(project, signal)),
      dailyTotals: (query, signal) => measureAll('dailyTotals', workspace.dailyTotals(query, signal)),
      ...(setNotice && {
        setNotice: (project, notice, signal) => measure('setNotice', () => setNotice(project, notice, signal)),
      }),
    },
  };
}

/** The class of the error as a stable word. */
function reasonOf(error: unknown): string {
  // Before the class that it extends.
  if (error instanceof WorkspaceRateLimitedError) return 'rate_limited';
  if (error instanceof WorkspaceUnavailableError) return 'unavailable';
  if (error instanceof WorkspaceForbiddenError) return 'forbidden';
  if (error instanceof WorkspaceRejectedError) return 'rejected';
  if (error instanceof WorkspaceUnsupportedError) return 'unsupported';
  if (error instanceof NeedsPersonError) return 'needs_person';
  return 'other';
}

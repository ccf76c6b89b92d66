import { type CountedAnnotation, countAnnotation } from './annotation-totals.ts';
import { parseFailure, taskPage } from './answers.ts';
import type { LabelStudioClient } from './client.ts';

/** Label Studio's own default, and light enough for SQLite. */
const TASKS_ON_PAGE = 100;

/** A task is stamped a moment after its annotation; the minute is for a server's clock that was set back. */
const MARGIN_MILLISECONDS = 60_000;

/**
 * Reads every annotation of a project that may have been submitted since the given instant, and others of the same tasks.
 *
 * There is no list of annotations, so tasks are asked for, with a lower bound on their `updated_at` only: creating,
 * editing and deleting an annotation all raise it, and an upper bound would lose a task that is touched later.
 *
 * @param from - milliseconds since the epoch
 */
export async function readAnnotations(
  client: LabelStudioClient,
  projectId: number,
  from: number,
  signal: AbortSignal | undefined,
): Promise<Iterable<CountedAnnotation>> {
  const query = {
    filters: {
      conjunction: 'and',
      items: [
        {
          filter: 'filter:tasks:updated_at',
          operator: 'greater',
          type: 'Datetime',
          value: new Date(from - MARGIN_MILLISECONDS).toISOString(),
        },
      ],
    },
  };
  const parameters = {
    project: projectId,
    fields: 'all',
    // Without the tasks' own data, which may be long and is none of our business. The list holds for tasks and annotations.
    include: 'id,annotations,completed_by,created_at,lead_time,was_cancelled,result',
    page_size: TASKS_ON_PAGE,
    query: JSON.stringify(query),
  };

  // By id: a task that is touched meanwhile moves the pages, and may then come twice.
  const found = new Map<number, CountedAnnotation>();
  for (let page = 1; ; page += 1) {
    const what = `read the annotations of project ${projectId}`;
    const answer = await client.send({ what, path: ['tasks', ''], query: { ...parameters, page }, signal });
    const isPastTheEnd = page > 1 && answer.status === 404 && parseFailure(answer.body) !== undefined;
    if (isPastTheEnd) return found.values();
    if (answer.status !== 200) throw client.failure(what, answer);
    const { total, tasks } = client.parse(taskPage, what, answer);
    for (const annotation of tasks.flatMap(({ annotations }) => annotations)) {
      found.set(annotation.id, countAnnotation(annotation));
    }
    if (tasks.length === 0 || page * TASKS_ON_PAGE >= total) return found.values();
  }
}

import { ConnectorError } from '../errors.ts';
import type { JobId, LinkId } from '../ids.ts';
import { scrub } from '../logging.ts';
import type { NewProjectLink, OpenTrainClient } from '../opentrain/client.ts';
import { isRejection } from '../opentrain/errors.ts';
import type { ProjectLink } from '../opentrain/relied-on.ts';

/** A link that OpenTrain does not take, or does not know; trying again does not help. */
export class LinkRefusedError extends ConnectorError {
  override readonly name = 'LinkRefusedError';
}

export interface WantedLink {
  /** The platform's own id of the project: 1 to 200 characters. */
  readonly projectId: string;
  /** At most 300 characters. */
  readonly name?: string | undefined;
  /** At most 2,048 characters. */
  readonly url?: string | undefined;
  readonly jobId: JobId;
  /** @default PARTNER_WEBHOOK: the connector gives access; with MANAGED_ADAPTER, OpenTrain does */
  readonly provisioningMode?: NewProjectLink['provisioningMode'];
}

export interface LinkResult {
  /** `linked_already`: the same link was there, so there was nothing to do. */
  readonly kind: 'linked' | 'linked_already';
  readonly link: ProjectLink;
}

/** Source: OpenTrain, "POST /project-links". */
const LIMITS = { projectId: 200, name: 300, url: 2048 } as const;

/**
 * Links a project to a job. Nothing is written to the table here: `project_link.created` comes to the worker, which notes the
 * link and lets in whoever is hired already. So there is one writer, and a caller needs no more than the token.
 *
 * Once more is no harm: the same link is found again.
 *
 * @throws {LinkRefusedError} when a text is too long, the job is not this customer's, the project is linked to another job, or
 * there are as many links as there may be
 */
export async function linkProject(wanted: WantedLink, client: OpenTrainClient): Promise<LinkResult> {
  checkLengths(wanted);
  const { projectId, name, url, jobId, provisioningMode = 'PARTNER_WEBHOOK' } = wanted;
  try {
    const link = await client.createProjectLink({
      externalProjectId: projectId,
      jobId,
      provisioningMode,
      ...(name !== undefined && { externalProjectName: name }),
      ...(url !== undefined && { externalProjectUrl: url }),
    });
    return { kind: 'linked', link };
  } catch (error) {
    if (isRejection(error, 404)) {
      throw new LinkRefusedError(
        `OpenTrain knows no job ${scrub(jobId)} of this customer. Take the job’s id from their own OpenTrain, and check the connection.`,
        { cause: error },
      );
    }
    if (!isRejection(error, 409)) throw error;
    return { kind: 'linked_already', link: await existingLink({ ...wanted, provisioningMode }, error, client) };
  }
}

/** All of the install, newest first. */
export function listLinks(client: OpenTrainClient): Promise<readonly ProjectLink[]> {
  return client.listProjectLinks();
}

/**
 * Deletes a link for good: `project_link.removed` comes to the worker, which takes everybody out whom it let in.
 *
 * @throws {LinkRefusedError} when this customer has no such link
 */
export async function unlinkProject(linkId: LinkId, client: OpenTrainClient): Promise<void> {
  try {
    await client.deleteProjectLink(linkId);
  } catch (error) {
    if (!isRejection(error, 404)) throw error;
    throw new LinkRefusedError(
      `OpenTrain knows no link ${linkId} of this customer: it was deleted already, or is another customer’s. List the links.`,
      { cause: error },
    );
  }
}

/** Characters, checked here, because OpenTrain’s 400 does not always say which text it was. */
function checkLengths(wanted: WantedLink): void {
  const mistakes = Object.entries(LIMITS).flatMap(([field, most]) => {
    const { length } = wanted[field as keyof typeof LIMITS] ?? '';
    return length > most ? [`${field} has ${length} characters, of at most ${most}`] : [];
  });
  if (wanted.projectId === '') mistakes.push('projectId is empty');
  if (mistakes.length > 0) throw new LinkRefusedError(`OpenTrain would not take this link: ${mistakes.join('; ')}.`);
}

/** What stands in the way of a 409: the same link, another one of the project, or their number. */
async function existingLink(
  { projectId, jobId, provisioningMode }: WantedLink,
  conflict: unknown,
  client: OpenTrainClient,
): Promise<ProjectLink> {
  const links = await client.listProjectLinks();
  const existing = links.find(({ externalProjectId }) => externalProjectId === projectId);
  if (existing === undefined) {
    throw new LinkRefusedError(
      `OpenTrain takes no further link: this customer has ${links.length}. Delete one that is not needed any more.`,
      { cause: conflict },
    );
  }
  if (existing.jobId === jobId && existing.provisioningMode === provisioningMode) return existing;
  throw new LinkRefusedError(
    `The project is linked already, by ${existing.id} to the job ${existing.jobId ?? '(none)'} (${existing.provisioningMode}). ` +
      'OpenTrain changes no links: unlink it, which takes everybody out, and link it anew.',
    { cause: conflict },
  );
}

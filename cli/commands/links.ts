import { connectionClient } from '../../shared/connections/connection-client.ts';
import { linkProject, listLinks, unlinkProject } from '../../shared/connections/project-links.ts';
import type { JobId, LinkId } from '../../shared/ids.ts';
import { CONTRACTS_AT_MOST } from '../../shared/opentrain/client.ts';
import type { ProjectLink } from '../../shared/opentrain/relied-on.ts';
import type { Answer } from '../answer.ts';
import { NotFoundError } from '../errors.ts';
import { existingConnection, openParts } from '../parts.ts';
import { table } from '../table.ts';
import type { TargetOptions } from '../target.ts';
import type { Terminal } from '../terminal.ts';

export interface LinkOptions extends TargetOptions {
  readonly project: string;
  readonly job: string;
  readonly name?: string | undefined;
  readonly url?: string | undefined;
  readonly managedByOpentrain?: boolean | undefined;
}

export async function linkCommand(connection: string, options: LinkOptions): Promise<Answer> {
  const parts = await openParts(options);
  const id = await existingConnection(connection, parts);
  const { project: projectId, job, name, url, managedByOpentrain } = options;
  const provisioningMode = managedByOpentrain === true ? 'MANAGED_ADAPTER' : 'PARTNER_WEBHOOK';
  const wanted = { projectId, name, url, jobId: job as JobId, provisioningMode } as const;
  const { kind, link } = await linkProject(wanted, await connectionClient(id, parts));
  const done = kind === 'linked' ? 'Linked' : 'Was linked already:';
  const next =
    provisioningMode === 'MANAGED_ADAPTER'
      ? 'OpenTrain itself gives access on this link; the connector stays out of it.'
      : 'Whoever works on the job is let in within seconds, and everybody hired from now on.';
  return {
    data: { outcome: kind, link: viewOf(link) },
    text: () => `${done} project ${link.externalProjectId} to job ${link.jobId ?? '-'} (link ${link.id}).\n${next}`,
  };
}

export async function linksCommand(connection: string, options: TargetOptions): Promise<Answer> {
  const parts = await openParts(options);
  const id = await existingConnection(connection, parts);
  const links = (await listLinks(await connectionClient(id, parts))).map(viewOf);
  return {
    data: { connectionId: id, links },
    text: ({ width }) =>
      links.length === 0
        ? `${id} has no project link yet. See link --help.`
        : table(
            ['LINK', 'PROJECT', 'NAME', 'JOB', 'WHO GIVES ACCESS'],
            links.map((link) => [
              link.linkId,
              link.projectId,
              link.name ?? '-',
              link.jobId ?? '- (no job yet)',
              link.provisioningMode === 'PARTNER_WEBHOOK' ? 'the connector' : 'OpenTrain',
            ]),
            width,
          ),
  };
}

export interface UnlinkOptions extends TargetOptions {
  readonly dryRun?: boolean | undefined;
}

export async function unlinkCommand(
  connection: string,
  linkOrProject: string,
  { dryRun = false, ...options }: UnlinkOptions,
  terminal: Terminal,
): Promise<Answer> {
  const parts = await openParts(options);
  const id = await existingConnection(connection, parts);
  const client = await connectionClient(id, parts);
  const links = await listLinks(client);
  const link =
    links.find((one) => one.id === linkOrProject) ?? links.find((one) => one.externalProjectId === linkOrProject);
  if (link === undefined) {
    throw new NotFoundError(
      `${id} has no link and no linked project of that name. See opentrain-connector links ${id}.`,
    );
  }
  const query = { projectLinkId: link.id as LinkId, status: 'active', limit: CONTRACTS_AT_MOST } as const;
  const affected = (await client.listContracts(query)).length;
  const data = { connectionId: id, link: viewOf(link), activeContracts: affected, dryRun };
  const who = affected === 0 ? 'Nobody works on it now.' : `Contracts that run through it: ${affected}.`;
  const what = `the link of project ${link.externalProjectId} to job ${link.jobId ?? '-'} (${link.id})`;
  if (dryRun) return { data, text: () => `Would remove ${what}. ${who} Nothing was done.` };
  await terminal.confirm(`Remove ${what}? ${who} Everybody whom it let in is taken out, and no link can be restored.`);
  await unlinkProject(link.id, client);
  return {
    data,
    text: () => `Removed ${what}. ${affected === 0 ? '' : 'Whoever it let in is out within seconds.'}`.trim(),
  };
}

function viewOf({ id, externalProjectId, externalProjectName, jobId, provisioningMode }: ProjectLink) {
  return { linkId: id, projectId: externalProjectId, name: externalProjectName, jobId, provisioningMode };
}

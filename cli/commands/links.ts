import { connectionClient } from '../../shared/connections/connection-client.ts';
import { linkProject, listLinks, unlinkProject, type WantedLink } from '../../shared/connections/project-links.ts';
import type { JobId, LinkId } from '../../shared/ids.ts';
import { CONTRACTS_AT_MOST } from '../../shared/opentrain/client.ts';
import type { ProjectLink } from '../../shared/opentrain/relied-on.ts';
import type { Answer } from '../answer.ts';
import { NotFoundError, UsageError } from '../errors.ts';
import { existingConnection, openParts } from '../parts.ts';
import { plainName } from '../plain-text.ts';
import { table } from '../table.ts';
import type { Target, TargetOptions } from '../target.ts';
import type { Terminal } from '../terminal.ts';

export interface LinkOptions extends TargetOptions {
  readonly project: string;
  readonly job: string;
  readonly name?: string | undefined;
  readonly url?: string | undefined;
  readonly managedByOpentrain?: boolean | undefined;
  readonly dryRun?: boolean | undefined;
}

export async function linkCommand(connection: string, { dryRun = false, ...options }: LinkOptions): Promise<Answer> {
  for (const name of ['project', 'job'] as const) {
    if (options[name].trim() === '') throw new UsageError(`--${name} must not be empty.`);
  }
  const parts = await openParts(options);
  const id = await existingConnection(connection, parts);
  const { project: projectId, job, name, url, managedByOpentrain } = options;
  const provisioningMode = managedByOpentrain === true ? 'MANAGED_ADAPTER' : 'PARTNER_WEBHOOK';
  const wanted = { projectId, name, url, jobId: job as JobId, provisioningMode } as const;
  const client = await connectionClient(id, parts);
  if (dryRun) return wouldLink(wanted, await listLinks(client));
  const { kind, link } = await linkProject(wanted, client);
  const done = kind === 'linked' ? 'Linked' : 'Was linked already:';
  const next =
    provisioningMode === 'MANAGED_ADAPTER'
      ? 'OpenTrain itself gives access on this link; the connector stays out of it.'
      : 'Whoever works on the job is let in within seconds, and everybody hired from now on.';
  return {
    data: { outcome: kind, link: viewOf(link) },
    text: () =>
      `${done} project ${plainName(link.externalProjectId)} to job ${link.jobId ?? '-'} (link ${link.id}).\n${next}${kind === 'linked' ? '' : unchanged(wanted, link)}`,
  };
}

/** What stands in the way is for OpenTrain to say; only what is there already can be seen from here. */
function wouldLink({ projectId, jobId }: WantedLink, links: readonly ProjectLink[]): Answer {
  const existing = links.find(({ externalProjectId }) => externalProjectId === projectId);
  const found =
    existing === undefined ? '' : ` It is linked already, by ${existing.id} to job ${existing.jobId ?? '-'}.`;
  return {
    data: { dryRun: true, projectId, jobId, link: existing === undefined ? null : viewOf(existing) },
    text: () => `Would link project ${projectId} to job ${jobId}.${found} Nothing was done.`,
  };
}

/** A name or an address that is another one than the link has, so that nobody takes it for changed. */
function unchanged({ name, url }: WantedLink, { externalProjectName, externalProjectUrl }: ProjectLink): string {
  const kept = [
    ...(name !== undefined && name !== externalProjectName ? ['name'] : []),
    ...(url !== undefined && url !== externalProjectUrl ? ['url'] : []),
  ];
  if (kept.length === 0) return '';
  return `\nIts ${kept.join(' and ')} was not changed: OpenTrain changes no links. Unlink it, which takes everybody out, and link it anew.`;
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
              plainName(link.projectId),
              plainName(link.name ?? '-'),
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
  const number = affected < CONTRACTS_AT_MOST ? String(affected) : `${affected} or more`;
  const who = affected === 0 ? 'Nobody works on it now.' : `Contracts that run through it: ${number}.`;
  const after = tellAfterUnlink(link, parts.target);
  const what = `the link of project ${plainName(link.externalProjectId)} to job ${link.jobId ?? '-'} (${link.id})`;
  if (dryRun) return { data, text: () => `Would remove ${what}. ${who} ${after} Nothing was done.` };
  await terminal.confirm(`Remove ${what}? ${who} ${after} No link can be restored.`);
  await unlinkProject(link.id, client);
  return {
    data,
    text: () => `Removed ${what}. ${affected === 0 ? '' : after}`.trim(),
  };
}

/** What becomes of those who are in by a link that is removed. */
export function tellAfterUnlink(
  { provisioningMode }: Pick<ProjectLink, 'provisioningMode'>,
  { keepAfterUnlink }: Pick<Target, 'keepAfterUnlink'>,
): string {
  if (provisioningMode === 'MANAGED_ADAPTER') return AFTERWARDS.managed;
  return keepAfterUnlink ? AFTERWARDS.kept : AFTERWARDS.out;
}

const AFTERWARDS = {
  out: 'Whoever it let in is taken out within seconds.',
  kept: 'Whoever it let in stays in, as the deployment has it (keepAccessAfterUnlink), and OpenTrain will not tell when their contract ends.',
  managed: 'OpenTrain gives access on it, and is the one to take it away: the connector takes nobody out.',
} as const;

function viewOf({ id, externalProjectId, externalProjectName, jobId, provisioningMode }: ProjectLink) {
  return { linkId: id, projectId: externalProjectId, name: externalProjectName, jobId, provisioningMode };
}

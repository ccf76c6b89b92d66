import { consentLink } from '../../shared/connections/consent-link.ts';
import type { Answer } from '../answer.ts';
import { UsageError } from '../errors.ts';
import { STAGE_VARIABLE, type TargetOptions } from '../target.ts';

export interface ConsentLinkCommandOptions extends TargetOptions {
  readonly slug?: string | undefined;
  readonly project?: string | undefined;
  readonly redirectUri?: string | undefined;
  readonly state?: string | undefined;
}

export async function consentLinkCommand(options: ConsentLinkCommandOptions): Promise<Answer> {
  const { project, redirectUri, state } = options;
  const hasTarget = [options.stage, options.local, process.env[STAGE_VARIABLE]].some(Boolean);
  const known = hasTarget ? await askTarget(options) : {};
  const partnerSlug = options.slug ?? known.slug;
  if (partnerSlug === undefined) {
    throw new UsageError(
      'No customer has been connected yet who would tell the app’s name: give it with --slug, as OpenTrain’s URLs have it.',
    );
  }
  const url = consentLink({ partnerSlug, externalProjectId: project, redirectUri, state }, known.base);
  return { data: { partnerSlug, url }, text: () => url };
}

/** The app's name as the customers' installs tell it, and where another OpenTrain is. */
async function askTarget(options: TargetOptions): Promise<{ slug?: string; base?: string }> {
  const { openParts } = await import('../parts.ts');
  const { connections, target } = await openParts(options);
  const base = new URL(target.opentrainUrl).origin;
  for await (const id of connections.list()) {
    const { partnerSlug } = await connections.get(id);
    if (partnerSlug !== undefined) return { slug: partnerSlug, base };
  }
  return { base };
}

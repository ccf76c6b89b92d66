import { parseBaseUrl } from '../base-url.ts';
import { ConfigurationError } from '../errors.ts';
import type { WorkspaceSettings } from '../store/workspaces.ts';
import { ADAPTER_NAMES, adapterNamed, isAdapterName } from './adapters.ts';

/**
 * Reads `WORKSPACE`, `WORKSPACE_URL`, `USAGE_WORKSPACE` and `USAGE_WORKSPACE_URL`.
 *
 * @throws {ConfigurationError} that names every mistake, not only the first
 */
export function readWorkspaceSettings(environment: Readonly<Record<string, string | undefined>>): WorkspaceSettings {
  const { WORKSPACE: adapter = '', WORKSPACE_URL: url = '' } = environment;
  const { USAGE_WORKSPACE: usageAdapter = '', USAGE_WORKSPACE_URL: usageUrl = '' } = environment;
  const isCombined = usageAdapter !== '' || usageUrl !== '';
  const settings = { adapter, url, ...(isCombined && { usage: { adapter: usageAdapter, url: usageUrl } }) };
  checkWorkspaceSettings(settings);
  return settings;
}

/**
 * @param whose - put before the mistakes, where the settings do not come out of the environment
 * @throws {ConfigurationError} that names every mistake, by the variables of the environment
 */
export function checkWorkspaceSettings({ adapter, url, usage }: WorkspaceSettings, whose = ''): void {
  const mistakes = mistakesOf('WORKSPACE', adapter, url);
  if (usage !== undefined) {
    mistakes.push(...mistakesOf('USAGE_WORKSPACE', usage.adapter, usage.url));
    if (isAdapterName(usage.adapter) && !adapterNamed(usage.adapter).hasTotals) {
      mistakes.push(
        `USAGE_WORKSPACE must be an adapter that tells totals (${totallers()}), and ${usage.adapter} does not.`,
      );
    }
  }
  if (mistakes.length > 0) throw new ConfigurationError(`${whose}${mistakes.join(' ')}`);
}

function mistakesOf(variable: 'WORKSPACE' | 'USAGE_WORKSPACE', adapter: string, url: string): string[] {
  const mistakes: string[] = [];
  if (!isAdapterName(adapter)) {
    mistakes.push(
      `${variable} must be one of ${ADAPTER_NAMES.join(', ')}; ${adapter ? `"${adapter}" is none` : 'it is not set'}.`,
    );
  }
  try {
    parseBaseUrl(url, `${variable}_URL`);
  } catch (error) {
    if (!(error instanceof ConfigurationError)) throw error;
    mistakes.push(error.message);
  }
  return mistakes;
}

const totallers = (): string => ADAPTER_NAMES.filter((name) => adapterNamed(name).hasTotals).join(', ');

import type { TokenSource } from '../bearer-fetch.ts';
import type { Clock } from '../clock.ts';
import { createHttpWorkspace } from './http/http-workspace.ts';
import { createLabelStudioWorkspace } from './label-studio/label-studio-workspace.ts';
import type { Workspace } from './port.ts';
import { createScimWorkspace } from './scim/scim-workspace.ts';

/** What every adapter can be opened with; whatever else it takes has a default. */
export interface AdapterOptions {
  readonly baseUrl: string;
  readonly token: TokenSource;
  readonly clock?: Clock;
}

export interface Adapter {
  readonly open: (options: AdapterOptions) => Workspace;
  /** Whether it tells daily totals. One that does not can give access, and needs another for the usage. */
  readonly hasTotals: boolean;
}

/** Adapters by the name that configuration knows them by. `infra/stages.ts` lists the same names. */
const ADAPTERS = {
  http: { open: createHttpWorkspace, hasTotals: true },
  'label-studio': { open: createLabelStudioWorkspace, hasTotals: true },
  'label-studio-by-hand': { open: openLabelStudioByHand, hasTotals: true },
  scim: { open: createScimWorkspace, hasTotals: false },
  'scim-label-studio-enterprise': { open: openLabelStudioEnterprise, hasTotals: false },
} as const satisfies Record<string, Adapter>;

export type AdapterName = keyof typeof ADAPTERS;

export const ADAPTER_NAMES = Object.keys(ADAPTERS) as AdapterName[];

export function isAdapterName(name: string): name is AdapterName {
  return Object.hasOwn(ADAPTERS, name);
}

export const adapterNamed = (name: AdapterName): Adapter => ADAPTERS[name];

/** Where no companion mails first passwords: each new trainer waits for a person, who is told what to do. */
function openLabelStudioByHand(options: AdapterOptions): Workspace {
  return createLabelStudioWorkspace({ ...options, firstPassword: 'by-person' });
}

function openLabelStudioEnterprise(options: AdapterOptions): Workspace {
  return createScimWorkspace({ ...options, dialect: 'label-studio-enterprise' });
}

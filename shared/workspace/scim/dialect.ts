/** Where servers differ in ways that cannot be found out by asking them. */
export interface Dialect {
  /** Whether the server keeps `externalId` as we set it: then it holds the opentrainUserId and survives a new address. */
  readonly hasExternalId: boolean;
  /** Whether accounts can be looked for by their e-mails besides their userName. */
  readonly searchesEmails: boolean;
  /** Whether `attributes` and `excludedAttributes` may be asked for, which only make answers shorter. */
  readonly selectsAttributes: boolean;
  /**
   * The form in which a group's members are changed by PATCH. `entra`: as Microsoft Entra does it, where that is known to be
   * taken and no other; what the server refuses of it is written by PUT, which is what it documents.
   */
  readonly groupPatch: 'rfc' | 'entra';
  /** All that may be written, where the server refuses what it does not know; otherwise everything that was read. */
  readonly writable?: { readonly Users: readonly string[]; readonly Groups: readonly string[] };
}

export const DIALECTS = {
  /** RFC 7643 and 7644. */
  rfc: { hasExternalId: true, searchesEmails: true, selectsAttributes: true, groupPatch: 'rfc' },
  /**
   * Label Studio Enterprise: an account's id and externalId are its address, a group's id is its name, members are named by
   * address, an unsupported attribute is answered 501. It documents PUT of a group, and serves Entra's PATCH, which can
   * lose nobody whom another worker adds at the same moment. Source: its docs, "Set up SCIM2" and "SCIM2 workflow", and
   * django-scim2, which it is built on.
   */
  'label-studio-enterprise': {
    hasExternalId: false,
    searchesEmails: false,
    selectsAttributes: false,
    groupPatch: 'entra',
    writable: {
      Users: ['schemas', 'userName', 'name', 'emails', 'active'],
      Groups: ['schemas', 'displayName', 'members'],
    },
  },
} as const satisfies Record<string, Dialect>;

export type DialectName = keyof typeof DIALECTS;

/** Where servers differ in ways that cannot be found out by asking them. */
export interface Dialect {
  /** Whether the server keeps `externalId` as we set it: then it holds the opentrainUserId and survives a new address. */
  readonly hasExternalId: boolean;
  /** Whether accounts can be looked for by their e-mails besides their userName. */
  readonly searchesEmails: boolean;
  /** Whether `attributes` and `excludedAttributes` may be asked for, which only make answers shorter. */
  readonly selectsAttributes: boolean;
  /** `put`: the documented way to change a group is to write its whole list of members. */
  readonly groupWrites: 'patch' | 'put';
  /** All that may be written, where the server refuses what it does not know; otherwise everything that was read. */
  readonly writable?: { readonly Users: readonly string[]; readonly Groups: readonly string[] };
}

export const DIALECTS = {
  /** RFC 7643 and 7644. */
  rfc: { hasExternalId: true, searchesEmails: true, selectsAttributes: true, groupWrites: 'patch' },
  /**
   * Label Studio Enterprise: an account's id and externalId are its address, a group's id is its name, members are named by
   * address, an unsupported attribute is answered 501. Source: its docs, "Set up SCIM2" and "SCIM2 workflow".
   */
  'label-studio-enterprise': {
    hasExternalId: false,
    searchesEmails: false,
    selectsAttributes: false,
    groupWrites: 'put',
    writable: {
      Users: ['schemas', 'userName', 'name', 'emails', 'active'],
      Groups: ['schemas', 'displayName', 'members'],
    },
  },
} as const satisfies Record<string, Dialect>;

export type DialectName = keyof typeof DIALECTS;

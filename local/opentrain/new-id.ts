import { randomBytes } from 'node:crypto';

/** Makes an id that nothing else has, such as `contract_9f86d081884c7d65`. OpenTrain's own ids are opaque; so are these. */
export type NewId = (kind: string) => string;

export const newRandomId: NewId = (kind) => `${kind}_${randomBytes(8).toString('hex')}`;

/** Makes a credential that cannot be guessed, such as `whsec_…`. */
export const newSecret = (prefix: 'ot_ptk' | 'ot_pat' | 'whsec'): string =>
  `${prefix}_${randomBytes(24).toString('base64url')}`;

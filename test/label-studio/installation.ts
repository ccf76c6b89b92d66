/** What `run.ts` hands over to the tests: a running Label Studio, and what its operator has. */
export interface Installation {
  readonly url: string;
  /** The organisation's owner, with both kinds of token. */
  readonly owner: {
    readonly address: string;
    readonly password: string;
    /** The legacy one. */
    readonly token: string;
    readonly personalAccessToken: string;
  };
  /** With `label_studio.sqlite3` in it. */
  readonly dataDirectory: string;
  /** What a shell on Label Studio's machine has, so that `label-studio …` works on this installation. */
  readonly environment: Readonly<Record<string, string>>;
}

const VARIABLE = 'LABEL_STUDIO_INSTALLATION';

export const handOver = (installation: Installation): Record<string, string> => ({
  [VARIABLE]: JSON.stringify(installation),
});

export function takeOver(): Installation {
  const text = process.env[VARIABLE];
  if (text === undefined) {
    throw new Error('These tests need a running Label Studio: start them with npm run test:label-studio.');
  }
  return JSON.parse(text) as Installation;
}

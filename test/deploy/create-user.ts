import { type AccessKey, signedFetch } from './signed-fetch.ts';

/** Whom the stack is deployed by, see `startEmulator`. */
const ADMINISTRATOR = { accessKeyId: 'test', secretAccessKey: 'test' };

/**
 * Creates a user of the AWS account, who may do one thing.
 *
 * @param endpoint - of the emulator
 * @returns the user's access key
 * @throws when IAM refuses
 */
export async function createUser(
  endpoint: string,
  name: string,
  allowed: { readonly action: string; readonly resource: string },
): Promise<AccessKey> {
  const policy = {
    Version: '2012-10-17',
    Statement: [{ Effect: 'Allow', Action: allowed.action, Resource: allowed.resource }],
  };
  await iam(endpoint, { Action: 'CreateUser', UserName: name });
  await iam(endpoint, {
    Action: 'PutUserPolicy',
    UserName: name,
    PolicyName: 'allowed',
    PolicyDocument: JSON.stringify(policy),
  });
  const answer = await iam(endpoint, { Action: 'CreateAccessKey', UserName: name });
  return { accessKeyId: textOf(answer, 'AccessKeyId'), secretAccessKey: textOf(answer, 'SecretAccessKey') };
}

async function iam(endpoint: string, form: Readonly<Record<string, string>>): Promise<string> {
  const answer = await signedFetch({
    service: 'iam',
    method: 'POST',
    url: `${endpoint}/`,
    body: {
      type: 'application/x-www-form-urlencoded',
      text: new URLSearchParams({ Version: '2010-05-08', ...form }).toString(),
    },
    credentials: ADMINISTRATOR,
  });
  if (!answer.ok) throw new Error(`IAM answered ${answer.status} to ${form.Action}: ${await answer.text()}`);
  return answer.text();
}

function textOf(xml: string, element: string): string {
  const [, text] = new RegExp(`<${element}>([^<]+)</${element}>`).exec(xml) ?? [];
  if (text === undefined) throw new Error(`IAM's answer has no ${element}.`);
  return text;
}

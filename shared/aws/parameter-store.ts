import { AwsError, type AwsJsonClient } from './aws-json-client.ts';

/** SSM Parameter Store, as far as credentials need it. */
export interface ParameterStore {
  /** @returns the decrypted value; undefined when there is no such parameter */
  get(name: string): Promise<string | undefined>;
  /** Writes a SecureString, replacing what was there. */
  put(name: string, value: string): Promise<void>;
  /** Absent already is fine. */
  delete(name: string): Promise<void>;
}

export function createParameterStore(ssm: AwsJsonClient): ParameterStore {
  return {
    async get(name) {
      try {
        const { Parameter } = await ssm.call('GetParameter', { Name: name, WithDecryption: true });
        const { Value } = (Parameter ?? {}) as { Value?: unknown };
        return typeof Value === 'string' ? Value : undefined;
      } catch (error) {
        if (error instanceof AwsError && error.code === 'ParameterNotFound') return undefined;
        throw error;
      }
    },
    async put(name, value) {
      await ssm.call('PutParameter', { Name: name, Value: value, Type: 'SecureString', Overwrite: true });
    },
    async delete(name) {
      try {
        await ssm.call('DeleteParameter', { Name: name });
      } catch (error) {
        if (!(error instanceof AwsError && error.code === 'ParameterNotFound')) throw error;
      }
    },
  };
}

import { Aws, Fn } from 'aws-cdk-lib';

/**
 * A part of a name that no other stack has, be it of the same name: a piece of the GUID in the stack's id. For names that
 * have to be known before the resource is there.
 */
export function ownSuffix(): string {
  const guid = Fn.select(2, Fn.split('/', Aws.STACK_ID));
  return Fn.select(4, Fn.split('-', guid));
}

import type { operations } from '../../shared/opentrain/openapi.types.ts';
import type { Install } from './state.ts';

/** The operations of the Platform API, typed from the document; those of its webhooks begin with `on`. */
export type OperationId = Exclude<keyof operations, `on${string}`>;

/** What an operation is given once the call has been authorised and validated. */
export interface Call<Id extends OperationId> {
  readonly install: Install;
  readonly path: Present<operations[Id]['parameters']['path']>;
  readonly query: Present<operations[Id]['parameters']['query']>;
  readonly body: JsonOf<operations[Id]['requestBody']>;
}

/** What an operation answers when all is well. */
export type Success<Id extends OperationId> = {
  [Status in keyof operations[Id]['responses'] & (200 | 201)]: JsonOf<operations[Id]['responses'][Status]>;
}[keyof operations[Id]['responses'] & (200 | 201)];

/** Throws ApiError for everything else. */
export type PlatformApi = { readonly [Id in OperationId]: (call: Call<Id>) => Success<Id> };

type JsonOf<Carrier> =
  Exclude<Carrier, undefined> extends { content: { 'application/json': infer Body } } ? Body : undefined;
/** Undefined where the operation takes no such parameters. */
type Present<Parameters> = [Exclude<Parameters, undefined>] extends [never]
  ? undefined
  : Exclude<Parameters, undefined>;

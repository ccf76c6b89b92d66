import { EVENT_TYPES } from '../connections/event-types.ts';
import type { components, paths } from './openapi.types.ts';
import { OPERATIONS, type OperationName } from './relied-on.ts';
import { asObject, type Json, resolve } from './served-document.ts';
import { missingValues, type ValuesIn } from './served-values.ts';

type Schemas = components['schemas'];
type Method = 'get' | 'post' | 'patch' | 'delete';

/** Where each operation is, and what of its request body is sent. `openapi.yaml` says the same; the compiler compares. */
interface Place<Path extends keyof paths = keyof paths> {
  readonly method: Method;
  readonly path: Path;
  readonly query?: readonly string[];
  readonly sends?: readonly string[];
  /** Which values the rules know by name. */
  readonly values?: readonly ValuesIn[];
}

const sends = <Name extends keyof Schemas>(_of: Name, ...fields: readonly (keyof Schemas[Name] & string)[]) => fields;

const PROVISIONING_MODES = ['PARTNER_WEBHOOK', 'MANAGED_ADAPTER'] as const;
const CONTRACT_STATUSES = ['active', 'ended'] as const;

const PLACES = {
  getCurrentInstall: {
    method: 'get',
    path: '/installs/current',
    values: [{ within: 'answer', field: 'install.status', values: ['ACTIVE'] }],
  },
  listProjectLinks: {
    method: 'get',
    path: '/project-links',
    values: [{ within: 'answer', field: 'projectLinks.provisioningMode', values: PROVISIONING_MODES }],
  },
  getProjectLink: { method: 'get', path: '/project-links/{linkId}' },
  createProjectLink: {
    method: 'post',
    path: '/project-links',
    sends: sends(
      'NewProjectLink',
      'externalProjectId',
      'externalProjectName',
      'externalProjectUrl',
      'jobId',
      'provisioningMode',
    ),
    values: [{ within: 'request', field: 'provisioningMode', values: PROVISIONING_MODES }],
  },
  deleteProjectLink: { method: 'delete', path: '/project-links/{linkId}' },
  listContracts: {
    method: 'get',
    path: '/contracts',
    query: ['projectLinkId', 'status', 'limit'],
    values: [
      { within: 'query', field: 'status', values: CONTRACT_STATUSES },
      { within: 'answer', field: 'contracts.status', values: CONTRACT_STATUSES },
    ],
  },
  listContractParticipants: { method: 'get', path: '/contracts/{contractId}/participants' },
  getContractBudget: {
    method: 'get',
    path: '/contracts/{contractId}/budget',
    values: [{ within: 'answer', field: 'state', values: ['OK', 'LOW', 'DEPLETED'] }],
  },
  reportContractUsage: {
    method: 'post',
    path: '/contracts/{contractId}/usage',
    sends: [
      'entries',
      ...sends(
        'UsageEntry',
        'workDate',
        'totalSeconds',
        'tasksCompleted',
        'labelsCompleted',
        'workerOpentrainUserId',
        'externalReportId',
      ).map((field) => `entries.${field}`),
    ],
  },
  listWebhookEndpoints: {
    method: 'get',
    path: '/webhook-endpoints',
    values: [{ within: 'answer', field: 'webhookEndpoints.status', values: ['ACTIVE', 'DISABLED'] }],
  },
  getWebhookEndpoint: { method: 'get', path: '/webhook-endpoints/{endpointId}' },
  createWebhookEndpoint: {
    method: 'post',
    path: '/webhook-endpoints',
    sends: sends('NewWebhookEndpoint', 'url', 'eventTypes'),
    values: [{ within: 'request', field: 'eventTypes', values: EVENT_TYPES }],
  },
  updateWebhookEndpoint: {
    method: 'patch',
    path: '/webhook-endpoints/{endpointId}',
    sends: sends('WebhookEndpointChange', 'url', 'eventTypes', 'status'),
    values: [{ within: 'request', field: 'status', values: ['ACTIVE'] }],
  },
  deleteWebhookEndpoint: { method: 'delete', path: '/webhook-endpoints/{endpointId}' },
  redeliverWebhookEndpoint: {
    method: 'post',
    path: '/webhook-endpoints/{endpointId}/redeliver',
    sends: ['deliveryId'],
  },
} as const satisfies Record<OperationName, Place>;

/** Something that the connector relies on, and that the served document no longer has. */
export interface ContractGap {
  readonly operation: OperationName;
  /** `GET /contracts`, `answer: contracts.projectLinkIds`, `request: entries.workDate`, `answer: state "LOW"`, … */
  readonly missing: string;
}

/**
 * Compares what OpenTrain serves (`<base>/openapi.json`) with what the connector relies on: every operation, every query
 * parameter and request field that is sent, every field that is read of an answer (`relied-on.ts`), every value that the
 * rules know by name. A schema that does not name its properties or values says nothing, and so is no gap.
 *
 * @param served - an OpenAPI document, version 3
 * @returns none when all is there
 */
export function findContractGaps(served: unknown): ContractGap[] {
  const document = asObject(served) ?? {};
  return (Object.keys(OPERATIONS) as OperationName[]).flatMap((operation) =>
    gapsOf(operation, document).map((missing) => ({ operation, missing })),
  );
}

function gapsOf(name: OperationName, document: Json): string[] {
  const { method, path, query = [], sends: sent = [], values = [] }: Place = PLACES[name];
  const item = pathItem(document, path);
  const operation = asObject(item?.[method]);
  if (operation === undefined) return [`${method.toUpperCase()} ${path}`];
  const known = parametersOf(operation, item, document);
  const body = schemaIn(asObject(resolve(operation.requestBody, document)), document);
  const answer = schemaIn(answerOf(operation, document), document);
  const read = OPERATIONS[name].answer;
  const isThere = (field: readonly string[]) =>
    hasField(answer, field, document) || (mayBeWrapped(read) && liesDeeper(answer, field, document));
  return [
    ...query.filter((parameter) => !known.has(parameter)).map((parameter) => `query parameter: ${parameter}`),
    ...sent.filter((field) => !hasField(body, field.split('.'), document)).map((field) => `request: ${field}`),
    ...fieldsRead(read)
      .filter((field) => !isThere(field))
      .map((field) => `answer: ${field.join('.')}`),
    ...values.flatMap((one) => {
      const schema = { query: known.get(one.field), request: body, answer }[one.within];
      return missingValues(schema, one, document);
    }),
  ];
}

/** What a path's parameters are called is of no importance. */
function pathItem({ paths: served }: Json, path: string): Json | undefined {
  const plain = (text: string) => text.replaceAll(/\{[^}]*\}/g, '{}');
  const entries = Object.entries(asObject(served) ?? {});
  // The document may write the paths out, with what is part of the base URL here.
  const found =
    entries.find(([one]) => plain(one) === plain(path)) ?? entries.find(([one]) => plain(one).endsWith(plain(path)));
  return asObject(found?.[1]);
}

/** Their schemas, by name. */
function parametersOf(operation: Json, item: Json | undefined, document: Json): ReadonlyMap<unknown, unknown> {
  const all = [operation.parameters, item?.parameters].flatMap((list) => (Array.isArray(list) ? list : []));
  return new Map(
    all.map((one) => {
      const parameter = asObject(resolve(one, document));
      return [parameter?.name, parameter?.schema];
    }),
  );
}

function answerOf({ responses }: Json, document: Json): Json | undefined {
  const success = Object.entries(asObject(responses) ?? {}).find(([status]) => /^2/.test(status));
  return asObject(resolve(success?.[1], document));
}

function schemaIn(carrier: Json | undefined, document: Json): unknown {
  const content = asObject(carrier?.content);
  return resolve(asObject(content?.['application/json'])?.schema, document);
}

/** Whether a value of the schema may have the field; through lists, unions and references. */
function hasField(schema: unknown, field: readonly string[], document: Json, depth = 0): boolean {
  const [name, ...rest] = field;
  const resolved = asObject(resolve(schema, document));
  // Nothing is said, or it bites its own tail.
  if (name === undefined || resolved === undefined || depth > 20) return true;
  const { properties, items, allOf, anyOf, oneOf } = resolved;
  const parts = [allOf, anyOf, oneOf].flatMap((list) => (Array.isArray(list) ? list : []));
  const within = asObject(properties);
  if (within !== undefined && Object.hasOwn(within, name)) return hasField(within[name], rest, document, depth + 1);
  if (items !== undefined) return hasField(items, field, document, depth + 1);
  if (typeof resolved.type === 'string' && PLAIN.has(resolved.type)) return false;
  if (parts.length > 0) {
    // `null` beside the real thing has no properties, and must not count as one that says nothing.
    const meaningful = parts.filter((part) => !isNullOnly(resolve(part, document)));
    return meaningful.length === 0 || meaningful.some((part) => hasField(part, field, document, depth + 1));
  }
  return within === undefined;
}

const PLAIN = new Set(['string', 'number', 'integer', 'boolean', 'null']);

/** `relied-on.ts` takes some answers out of the field that wraps them, or as they are: see `inField`. */
const mayBeWrapped = (schema: unknown): boolean =>
  ((schema as SchemaShape).pipe ?? []).filter(({ kind }) => kind === 'schema').length > 1;

function liesDeeper(answer: unknown, field: readonly string[], document: Json): boolean {
  const wraps = Object.values(asObject(asObject(resolve(answer, document))?.properties) ?? {});
  return wraps.some((schema) => hasField(schema, field, document));
}

const isNullOnly = (schema: unknown): boolean => asObject(schema)?.type === 'null';

/** The parts of a valibot schema that lead to other schemas. */
interface SchemaShape {
  readonly kind?: unknown;
  readonly type?: unknown;
  readonly entries?: Readonly<Record<string, SchemaShape>>;
  readonly wrapped?: SchemaShape;
  readonly item?: SchemaShape;
  readonly pipe?: readonly SchemaShape[];
}

/** Every field that a schema of `relied-on.ts` reads, those that may be missing included: they are of use. */
function fieldsRead(schema: unknown): string[][] {
  const shape = schema as SchemaShape;
  // The last one, if there are several: the others only prepare the value for it.
  const { entries, wrapped, item } = shape.pipe?.findLast(({ kind }) => kind === 'schema') ?? shape;
  if (entries !== undefined) {
    return Object.entries(entries).flatMap(([name, field]) => {
      const below = fieldsRead(field);
      return below.length === 0 ? [[name]] : below.map((rest) => [name, ...rest]);
    });
  }
  return fieldsReadOf(wrapped) ?? fieldsReadOf(item) ?? [];
}

const fieldsReadOf = (schema: SchemaShape | undefined) => (schema === undefined ? undefined : fieldsRead(schema));

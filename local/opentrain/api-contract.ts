import { readFileSync } from 'node:fs';
import { type AjvCustomizer, type Document, OpenAPIBackend, type Options, ValidationContext } from 'openapi-backend';
import { parse } from 'yaml';
import { isCalendarDate } from './calendar-date.ts';
import type { Schemas } from './state.ts';

export const PLATFORM_API_ROOT = '/api/partner/v1';

const DOCUMENT = new URL('../../shared/opentrain/openapi.yaml', import.meta.url);

/** The project's own description of OpenTrain's API, to which the simulation is held. */
export const apiDocument: Document & { readonly webhooks: Readonly<Record<string, object>> } = parse(
  readFileSync(DOCUMENT, 'utf8'),
);

/** Routes and validates by the document. `quick`, because the library checks documents against OpenAPI 3.0 only. */
export async function createApiBackend(
  handlers: Pick<Options, 'handlers' | 'securityHandlers'>,
): Promise<OpenAPIBackend> {
  const backend = new OpenAPIBackend({
    definition: apiDocument,
    apiRoot: PLATFORM_API_ROOT,
    quick: true,
    strict: true,
    coerceTypes: true,
    ajvOpts: { validateSchema: false }, // They have been, when the types were generated; once more costs half the start.
    customizeAjv: withFormats,
    ...handlers,
  });
  return backend.init();
}

/** Tells what is wrong with an event record by the document's `webhooks`; empty when nothing is. */
export type CheckEvent = (record: Schemas['EventRecord']) => string[];

export async function createEventCheck(): Promise<CheckEvent> {
  const { definition, validator } = await createApiBackend({});
  const { webhooks } = definition as unknown as { readonly webhooks: Readonly<Record<string, Webhook>> };
  const ajv = validator.getAjv(ValidationContext.RequestBody);
  return (record) => {
    const webhook = webhooks[record.type];
    if (webhook === undefined) return [`there is no webhook ${record.type}`];
    // Ajv compiles a schema once and knows it again.
    const validate = ajv.compile(webhook.post.requestBody.content['application/json'].schema);
    return validate(record) ? [] : (validate.errors ?? []).map((error) => `${error.instancePath} ${error.message}`);
  };
}

/** What the check needs of an entry under `webhooks`, dereferenced. */
interface Webhook {
  readonly post: { readonly requestBody: { readonly content: { readonly 'application/json': { schema: object } } } };
}

const withFormats: AjvCustomizer = (ajv) =>
  ajv
    .addFormat('date', isCalendarDate)
    .addFormat('date-time', (text: string) => text.includes('T') && !Number.isNaN(Date.parse(text)));

import createClient from 'openapi-fetch';
import * as v from 'valibot';
import { parseBaseUrl } from '../base-url.ts';
import { createBearerFetch, type TokenSource, TokenUnreadableError } from '../bearer-fetch.ts';
import { type Clock, sleep as realSleep, type Sleep, systemClock } from '../clock.ts';
import type { ContractId, LinkId } from '../ids.ts';
import { isPathSegment } from '../path-segment.ts';
import { isRejection, OpenTrainError, refused, senseless, unanswered } from './errors.ts';
import type { components, operations, paths } from './openapi.types.ts';
import { type AnswerOf, OPERATIONS, type OperationName } from './relied-on.ts';
import { repeatAfter } from './repeat-policy.ts';

type Schemas = components['schemas'];

export interface OpenTrainClientOptions {
  /** `https://app.opentrain.ai/api/partner/v1`, or another's; https, but for loopback. */
  readonly baseUrl: string;
  /** The install's `ot_ptk_…`; asked before every request, so it should come out of a cache. */
  readonly token: TokenSource;
  readonly fetch?: typeof globalThis.fetch;
  readonly clock?: Clock;
  readonly sleep?: Sleep;
  /** From 0 (included) to 1 (not included), for the jitter. */
  readonly random?: () => number;
  /** For each attempt, reading the body included. @default 10000 */
  readonly timeoutMilliseconds?: number;
  /** The first one included. @default 3 */
  readonly maxAttempts?: number;
  /** For a whole call with its repeats and pauses. @default 30000 */
  readonly budgetMilliseconds?: number;
}

/** The most that `listContracts` gives; there is no cursor. */
export const CONTRACTS_AT_MOST = 200;

export type OpenTrainClient = ReturnType<typeof createOpenTrainClient>;
export type ContractQuery = NonNullable<operations['listContracts']['parameters']['query']>;
export type UsageEntry = Schemas['UsageEntry'];
export type NewProjectLink = Schemas['NewProjectLink'];
export type NewWebhookEndpoint = Schemas['NewWebhookEndpoint'];
export type WebhookEndpointChange = Schemas['WebhookEndpointChange'];

/**
 * OpenTrain's Platform API as one install sees it: a method for each operation, typed from `openapi.yaml`, answers
 * checked for what `relied-on.ts` names. Every method takes a signal last and throws `OpenTrainError`.
 *
 * What may be repeated is repeated, within bounds (`repeat-policy.ts`); longer waits are the queue's business.
 *
 * @throws {ConfigurationError} when the base URL is not one to send a token to
 */
export function createOpenTrainClient(options: OpenTrainClientOptions) {
  const {
    clock = systemClock,
    sleep = realSleep,
    random = Math.random,
    timeoutMilliseconds = 10_000,
    maxAttempts = 3,
    budgetMilliseconds = 30_000,
  } = options;
  const api = createClient<paths>({
    baseUrl: parseBaseUrl(options.baseUrl, 'OpenTrain’s base URL'),
    fetch: createBearerFetch(options.token, options.fetch),
    redirect: 'manual',
  });

  async function call<Name extends OperationName>(operation: Name, signal: AbortSignal | undefined, send: Send) {
    const giveUpAt = clock.now() + budgetMilliseconds;
    for (let attempts = 1; ; attempts += 1) {
      const remaining = giveUpAt - clock.now();
      const outcome = await attempt(operation, signal, send, Math.max(1, Math.min(timeoutMilliseconds, remaining)));
      if (outcome.kind === 'answered') return outcome.answer;
      if (attempts > 1 && isGoneAlready(outcome.error)) return undefined as AnswerOf<Name>;

      const repeat = repeatAfter({ ...outcome, attempts, maxAttempts, remaining: giveUpAt - clock.now(), random });
      if (repeat.kind === 'give-up' || signal?.aborted) throw outcome.error;
      await sleep(repeat.milliseconds, signal).catch(() => {
        throw outcome.error;
      });
    }
  }

  async function attempt<Name extends OperationName>(
    operation: Name,
    signal: AbortSignal | undefined,
    send: Send,
    milliseconds: number,
  ): Promise<Outcome<Name>> {
    const deadline = AbortSignal.timeout(milliseconds);
    let answer: Answer;
    try {
      answer = await send(signal === undefined ? deadline : AbortSignal.any([signal, deadline]));
    } catch (cause) {
      if (cause instanceof OpenTrainError) return { kind: 'failed', error: cause };
      // No cause: `JSON.parse` quotes what it could not read.
      if (cause instanceof SyntaxError) return { kind: 'failed', error: senseless(operation, undefined, 'the JSON') };
      return { kind: 'failed', error: unanswered(operation, reasonOf(cause, deadline, signal), cause) };
    }
    const { response, data } = answer;
    if (!response.ok) return { kind: 'failed', error: refused(operation, answer, clock.now()) };
    const parsed = v.safeParse(OPERATIONS[operation].answer, data);
    if (parsed.success) return { kind: 'answered', answer: parsed.output as AnswerOf<Name> };
    const field = v.getDotPath(parsed.issues[0]) ?? 'the body';
    return { kind: 'failed', error: senseless(operation, response.status, field) };
  }

  return {
    /** The connectivity check: who are we, and what may we do? */
    getCurrentInstall: (signal?: AbortSignal) =>
      call('getCurrentInstall', signal, (signal) => api.GET('/installs/current', { signal })),

    /** All of them, newest first. */
    listProjectLinks: (signal?: AbortSignal) =>
      call('listProjectLinks', signal, (signal) => api.GET('/project-links', { signal })),

    getProjectLink: (linkId: LinkId, signal?: AbortSignal) =>
      call('getProjectLink', signal, (signal) =>
        api.GET('/project-links/{linkId}', { params: { path: ids('getProjectLink', { linkId }) }, signal }),
      ),

    createProjectLink: (body: NewProjectLink, signal?: AbortSignal) =>
      call('createProjectLink', signal, (signal) => api.POST('/project-links', { body, signal })),

    /** For good. A 404 is an error, but not after an attempt whose answer was lost: that one did it. */
    deleteProjectLink: (linkId: LinkId, signal?: AbortSignal) =>
      call('deleteProjectLink', signal, (signal) =>
        api.DELETE('/project-links/{linkId}', { params: { path: ids('deleteProjectLink', { linkId }) }, signal }),
      ),

    /** Newest first, at most `limit` (1 to 200, by default 50). There is no next page: narrow the query instead. */
    listContracts: (query: ContractQuery = {}, signal?: AbortSignal) =>
      call('listContracts', signal, (signal) => api.GET('/contracts', { params: { query }, signal })),

    listContractParticipants: (contractId: ContractId, signal?: AbortSignal) =>
      call('listContractParticipants', signal, (signal) =>
        api.GET('/contracts/{contractId}/participants', {
          params: { path: ids('listContractParticipants', { contractId }) },
          signal,
        }),
      ),

    getContractBudget: (contractId: ContractId, signal?: AbortSignal) =>
      call('getContractBudget', signal, (signal) =>
        api.GET('/contracts/{contractId}/budget', {
          params: { path: ids('getContractBudget', { contractId }) },
          signal,
        }),
      ),

    /** @param entries - 1 to 100, one for each (worker, day), each the total of that day; one bad entry fails all */
    reportContractUsage: (contractId: ContractId, entries: readonly UsageEntry[], signal?: AbortSignal) =>
      call('reportContractUsage', signal, (signal) =>
        api.POST('/contracts/{contractId}/usage', {
          params: { path: ids('reportContractUsage', { contractId }) },
          body: { entries: [...entries] },
          signal,
        }),
      ),

    listWebhookEndpoints: (signal?: AbortSignal) =>
      call('listWebhookEndpoints', signal, (signal) => api.GET('/webhook-endpoints', { signal })),

    getWebhookEndpoint: (endpointId: string, signal?: AbortSignal) =>
      call('getWebhookEndpoint', signal, (signal) =>
        api.GET('/webhook-endpoints/{endpointId}', {
          params: { path: ids('getWebhookEndpoint', { endpointId }) },
          signal,
        }),
      ),

    /** @returns the endpoint and its secret, which is told here and never again */
    createWebhookEndpoint: (body: NewWebhookEndpoint, signal?: AbortSignal) =>
      call('createWebhookEndpoint', signal, (signal) => api.POST('/webhook-endpoints', { body, signal })),

    /** Status ACTIVE re-enables the endpoint and resets its failures. */
    updateWebhookEndpoint: (endpointId: string, body: WebhookEndpointChange, signal?: AbortSignal) =>
      call('updateWebhookEndpoint', signal, (signal) =>
        api.PATCH('/webhook-endpoints/{endpointId}', {
          params: { path: ids('updateWebhookEndpoint', { endpointId }) },
          body,
          signal,
        }),
      ),

    /** With its pending deliveries. A 404 is an error, but not after an attempt whose answer was lost. */
    deleteWebhookEndpoint: (endpointId: string, signal?: AbortSignal) =>
      call('deleteWebhookEndpoint', signal, (signal) =>
        api.DELETE('/webhook-endpoints/{endpointId}', {
          params: { path: ids('deleteWebhookEndpoint', { endpointId }) },
          signal,
        }),
      ),

    /**
     * Requeues every FAILED delivery, or the named one whatever its status. The endpoint must be ACTIVE for them to be sent.
     *
     * @returns how many were requeued
     */
    redeliverWebhookEndpoint: (endpointId: string, body: { deliveryId?: string } = {}, signal?: AbortSignal) =>
      call('redeliverWebhookEndpoint', signal, (signal) =>
        api.POST('/webhook-endpoints/{endpointId}/redeliver', {
          params: { path: ids('redeliverWebhookEndpoint', { endpointId }) },
          body,
          signal,
        }),
      ),
  };
}

interface Answer {
  readonly response: Response;
  readonly data?: unknown;
  readonly error?: unknown;
}

type Send = (signal: AbortSignal) => Promise<Answer>;

type Outcome<Name extends OperationName> =
  | { readonly kind: 'answered'; readonly answer: AnswerOf<Name> }
  | { readonly kind: 'failed'; readonly error: OpenTrainError };

function isGoneAlready(error: OpenTrainError): boolean {
  const { operation } = error;
  return isRejection(error, 404) && (operation === 'deleteProjectLink' || operation === 'deleteWebhookEndpoint');
}

function ids<Ids extends Record<string, string>>(operation: OperationName, path: Ids): Ids {
  for (const [name, id] of Object.entries(path)) {
    if (isPathSegment(id)) continue;
    throw new OpenTrainError(`${operation} was not sent: "${id}" is no ${name}.`, { operation, kind: 'rejected' });
  }
  return path;
}

function reasonOf(cause: unknown, deadline: AbortSignal, signal: AbortSignal | undefined): string {
  if (cause instanceof TokenUnreadableError) return cause.message;
  if (signal?.aborted) return 'the caller stopped waiting.';
  if (deadline.aborted) return 'it took too long. The same call may work later.';
  return 'the connection failed. Check the base URL and the network.';
}

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import { OPERATIONS } from '../../shared/opentrain/relied-on.ts';
import { findContractGaps } from '../../shared/opentrain/served-contract.ts';

const FILE = readFileSync(join(import.meta.dirname, '../../shared/opentrain/openapi.yaml'), 'utf8');

/** @param changes - texts of the file and what stands there instead */
function gaps(...changes: [string, string][]): string[] {
  const changed = changes.reduce((text, [from, to]) => text.replaceAll(from, to), FILE);
  return findContractGaps(parse(changed)).map(({ operation, missing }) => `${operation}: ${missing}`);
}

test('our own file has all that we rely on', () => {
  expect(gaps()).toEqual([]);
});

test('a document that has nothing lacks every operation', () => {
  for (const nothing of [{}, null, [], 'hello', { paths: {} }]) {
    expect(findContractGaps(nothing)).toHaveLength(Object.keys(OPERATIONS).length);
  }
});

describe('what is no longer served is named:', () => {
  test.each<[string, [string, string], string[]]>([
    ['an operation', ['/installs/current:', '/install:'], ['getCurrentInstall: GET /installs/current']],
    ['a query parameter', ['name: projectLinkId', 'name: link'], ['listContracts: query parameter: projectLinkId']],
    ['a request field', ['totalSeconds:', 'seconds:'], ['reportContractUsage: request: entries.totalSeconds']],
    [
      'the field that leads to our log',
      ['externalReportId:', 'reference:'],
      ['reportContractUsage: request: entries.externalReportId'],
    ],
    [
      'an event type',
      ['- milestone.budget_low\n', '- milestone.low\n'],
      ['createWebhookEndpoint: request: eventTypes "milestone.budget_low"'],
    ],
    [
      'a status of contracts',
      ['[active, ended]', '[active, closed]'],
      ['listContracts: query parameter: status "ended"', 'listContracts: answer: contracts.status "ended"'],
    ],
    ['a state of funds', ['[OK, LOW, DEPLETED]', '[OK, LOW, EMPTY]'], ['getContractBudget: answer: state "DEPLETED"']],
    [
      'a way to give access',
      ['[PARTNER_WEBHOOK, MANAGED_ADAPTER]', '[PARTNER_WEBHOOK, OPENTRAIN]'],
      [
        'listProjectLinks: answer: projectLinks.provisioningMode "MANAGED_ADAPTER"',
        'createProjectLink: request: provisioningMode "MANAGED_ADAPTER"',
      ],
    ],
    [
      'the status of endpoints',
      ['[ACTIVE, DISABLED]', '[ON, DISABLED]'],
      [
        'listWebhookEndpoints: answer: webhookEndpoints.status "ACTIVE"',
        'updateWebhookEndpoint: request: status "ACTIVE"',
      ],
    ],
    ['a field within a list', ['projectLinkIds', 'links'], ['listContracts: answer: contracts.projectLinkIds']],
    [
      'a field by which nobody is let in',
      ['workEmail:', 'email:'],
      ['listContractParticipants: answer: participants.workEmail'],
    ],
    ['a field of an answer that may be wrapped', ['requeued', 'again'], ['redeliverWebhookEndpoint: answer: requeued']],
    [
      'a field that several operations answer',
      ['consecutiveFailures', 'failures'],
      [
        'listWebhookEndpoints: answer: consecutiveFailures',
        'getWebhookEndpoint: answer: consecutiveFailures',
        'createWebhookEndpoint: answer: webhookEndpoint.consecutiveFailures',
        'updateWebhookEndpoint: answer: consecutiveFailures',
      ],
    ],
  ])('%s', (_what, change, expected) => {
    expect(gaps(change)).toEqual(expected);
  });
});

describe('what only looks different is no gap:', () => {
  test.each<[string, [string, string]]>([
    ['a path parameter of another name', ['{contractId}', '{id}']],
    ['paths that are written out', ['\n  /', '\n  /api/partner/v1/']],
    ['values that are not enumerated', ['enum: [active, ended]', 'examples: [active]']],
    ['a new value', ['[active, ended]', '[active, ended, paused]']],
    ['a new field', ['consumedFraction: {', 'news: { type: string }\n        consumedFraction: {']],
  ])('%s', (_what, change) => {
    expect(gaps(change)).toEqual([]);
  });

  test('a schema that names no properties says nothing', () => {
    const document = parse(FILE);
    document.components.schemas.Contract = { type: 'object' };
    document.components.schemas.Budget = { oneOf: [{ type: 'null' }, { $ref: '#/components/schemas/Elsewhere' }] };
    expect(findContractGaps(document)).toEqual([]);
  });

  test('a schema that is put together of others is looked through', () => {
    const document = parse(FILE);
    const { ProjectLink } = document.components.schemas;
    document.components.schemas.ProjectLink = { allOf: [{ type: 'object', properties: {} }, ProjectLink] };
    expect(findContractGaps(document)).toEqual([]);
    delete ProjectLink.properties.provisioningMode;
    expect(findContractGaps(document)).toContainEqual({
      operation: 'listProjectLinks',
      missing: 'answer: projectLinks.provisioningMode',
    });
  });
});

import { expect, test } from 'vitest';
import { consentLink } from '../../shared/connections/consent-link.ts';
import { ConfigurationError } from '../../shared/errors.ts';

test('the bare link names the platform’s app and nothing else', () => {
  expect(consentLink({ partnerSlug: 'demo-platform' })).toBe(
    'https://app.opentrain.ai/integrations/demo-platform/connect',
  );
});

test('project, redirect and state come along, whatever characters they hold', () => {
  const given = {
    externalProjectId: 'Straßen & signs/1',
    redirectUri: 'https://annotation.example/settings?tab=opentrain#top',
    state: 'a+b=c d',
  };
  const { pathname, searchParams } = new URL(consentLink({ partnerSlug: 'demo', ...given }));
  expect(pathname).toBe('/integrations/demo/connect');
  expect(Object.fromEntries(searchParams)).toEqual({
    external_project_id: given.externalProjectId,
    redirect_uri: given.redirectUri,
    state: given.state,
  });
});

test('another OpenTrain can be meant', () => {
  expect(consentLink({ partnerSlug: 'demo' }, 'http://localhost:8788/')).toBe(
    'http://localhost:8788/integrations/demo/connect',
  );
});

test.each([
  ['an empty slug', { partnerSlug: '' }],
  ['a slug that leads elsewhere', { partnerSlug: '../../admin' }],
  ['a redirect that is no URL', { partnerSlug: 'demo', redirectUri: '/settings' }],
])('%s is refused', (_what, options) => {
  expect(() => consentLink(options)).toThrow(ConfigurationError);
});

test('an address that is not https is refused', () => {
  expect(() => consentLink({ partnerSlug: 'demo' }, 'http://opentrain.example')).toThrow('OpenTrain’s address');
});

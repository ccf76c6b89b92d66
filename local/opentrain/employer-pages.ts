import { Hono } from 'hono';
import { html } from 'hono/html';
import type { HtmlEscapedString } from 'hono/utils/html';
import { ApiError, answerOfError } from './api-error.ts';
import type { Approvals } from './approvals.ts';
import type { Employer } from './employer.ts';
import type { NewId } from './new-id.ts';
import { ALL_SCOPES } from './scopes.ts';
import type { State } from './state.ts';

interface Dependencies {
  readonly state: State;
  readonly employer: Employer;
  readonly approvals: Approvals;
  readonly newId: NewId;
  /** The employer who is signed in, as far as these pages go. */
  readonly signedIn: string;
}

/** The pages that a signed-in employer sees in a browser: the consent screen, and the confirmation of an approval. */
export function createEmployerPages({ state, employer, approvals, newId, signedIn }: Dependencies): Hono {
  const pages = new Hono();

  pages.get('/integrations/:slug/connect', (context) => {
    if (context.req.param('slug') !== state.app.slug) throw new ApiError('NOT_FOUND', 'No such integration');
    const scopes = ALL_SCOPES.map(
      (scope) => html`<label><input type="checkbox" name="scope" value="${scope}" checked> ${scope}</label><br>`,
    );
    return context.html(
      page(
        `Connect ${state.app.name}`,
        html`<form method="post">${scopes}<br>
          <label><input type="checkbox" name="piiConsent" checked> Share Work Emails</label>
          <p><button>Connect</button></p></form>`,
      ),
    );
  });

  pages.post('/integrations/:slug/connect', async (context) => {
    const form = await context.req.formData();
    const chosen = form.getAll('scope');
    const install = employer.consent({
      organizationId: signedIn,
      scopes: ALL_SCOPES.filter((scope) => chosen.includes(scope)),
      piiConsent: form.has('piiConsent'),
    });
    const back = redirectBack(new URL(context.req.url).searchParams, install.id);
    return context.html(
      page(
        `${state.app.name} is connected`,
        html`<p>Install <code id="install">${install.id}</code></p>
          <p>Copy this token now, it is not shown again: <code id="token">${install.token.value}</code></p>
          ${back === undefined ? '' : html`<p><a id="back" href="${back}">Back to ${state.app.name}</a></p>`}`,
      ),
    );
  });

  pages.get('/approvals/:id', (context) => {
    const { id, action, status, expiresAt } = approvals.find(context.req.param('id'));
    const buttons = html`<form method="post" action="/approvals/${id}/confirm"><button>Confirm</button></form>
      <form method="post" action="/approvals/${id}/reject"><button>Reject</button></form>`;
    const body = html`<p>${action}: ${status}, open until ${expiresAt}</p>${status === 'PENDING' ? buttons : ''}`;
    return context.html(page('Approval', body));
  });
  pages.post('/approvals/:id/confirm', (context) => {
    approvals.confirm(context.req.param('id'));
    return context.redirect(`/approvals/${context.req.param('id')}`, 303);
  });
  pages.post('/approvals/:id/reject', (context) => {
    approvals.reject(context.req.param('id'));
    return context.redirect(`/approvals/${context.req.param('id')}`, 303);
  });

  pages.onError((error, context) => {
    const { status, body } = answerOfError(error, newId('req'));
    return context.json(body, status);
  });
  return pages;
}

/** Carries the install's id and what the platform had sent along, never the token. */
function redirectBack(sent: URLSearchParams, installId: string): string | undefined {
  const redirectUri = sent.get('redirect_uri');
  if (redirectUri === null || !/^https?:\/\//.test(redirectUri)) return undefined;
  const back = new URL(redirectUri);
  back.searchParams.set('opentrain_install_id', installId);
  for (const name of ['state', 'external_project_id']) {
    const value = sent.get(name);
    if (value !== null) back.searchParams.set(name, value);
  }
  return back.href;
}

function page(title: string, body: HtmlEscapedString | Promise<HtmlEscapedString>) {
  return html`<!doctype html><meta charset="utf-8"><title>${title}</title>
    <body style="font: 16px/1.5 system-ui; max-width: 40rem; margin: 3rem auto"><h1>${title}</h1>${body}</body>`;
}

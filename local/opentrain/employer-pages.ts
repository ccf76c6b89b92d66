import { Hono } from 'hono';
import { html } from 'hono/html';
import type { HtmlEscapedString } from 'hono/utils/html';
import { ApiError, answerOfError } from './api-error.ts';
import type { Approvals } from './approvals.ts';
import { budgetOf } from './budget.ts';
import type { Employer } from './employer.ts';
import type { NewId } from './new-id.ts';
import { ALL_SCOPES } from './scopes.ts';
import type { Contract, Job, State, Trainer } from './state.ts';
import { showEventContract } from './views.ts';

interface Dependencies {
  readonly state: State;
  readonly employer: Employer;
  readonly approvals: Approvals;
  readonly newId: NewId;
  /** The employer who is signed in, as far as these pages go. */
  readonly signedIn: string;
}

/** What an hour or a label costs when it is funded on the page. */
const USD_PER_UNIT = 20;

/**
 * The pages that a signed-in employer sees in a browser: their jobs with who would like them, and their contracts, where
 * budget notices lead to; the consent screen; and the confirmation of an approval.
 */
export function createEmployerPages({ state, employer, approvals, newId, signedIn }: Dependencies): Hono {
  const pages = new Hono();

  const own = <Thing extends { readonly organizationId: string }>(thing: Thing): Thing => {
    if (thing.organizationId !== signedIn) throw new ApiError('NOT_FOUND', 'Not found');
    return thing;
  };
  /** Whatever moves money is co-signed. @returns where that is done */
  const coSigned = (action: string, perform: () => Contract): string =>
    approvals.request(signedIn, action, () => ({ contract: showEventContract(perform()) })).approvalUrl;

  pages.get('/', (context) => {
    const isOwn = ({ organizationId }: { readonly organizationId: string }) => organizationId === signedIn;
    const contracts = [...state.contracts.values()].filter(isOwn);
    const jobs = [...state.jobs.values()].filter(isOwn).map((job) => showJob(job, contracts, state.trainers.values()));
    const none = html`<p>Nobody has been hired yet.</p>`;
    const hired = contracts.length === 0 ? none : html`${contracts.map(showContract)}`;
    return context.html(page('OpenTrain, simulated', html`${jobs}<h2>Your contracts</h2>${hired}`));
  });
  pages.post('/jobs/:id/hire', async (context) => {
    const { id } = own(employer.findJob(context.req.param('id')));
    const trainer = state.trainers.get(String((await context.req.formData()).get('trainer')));
    if (trainer === undefined) throw new ApiError('NOT_FOUND', 'Trainer not found');
    return context.redirect(
      coSigned('hire', () => employer.hire(id, trainer.opentrainUserId)),
      303,
    );
  });
  pages.post('/contracts/:id/end', (context) => {
    const { id } = own(employer.findContract(context.req.param('id')));
    return context.redirect(
      coSigned('end_contract', () => employer.endContract(id)),
      303,
    );
  });
  pages.post('/contracts/:id/fund', async (context) => {
    const contract = own(employer.findContract(context.req.param('id')));
    const volume = Number((await context.req.formData()).get('volume'));
    if (!(volume > 0)) throw new ApiError('BAD_REQUEST', 'The volume to fund must be above 0');
    const milestone = { name: 'Milestone', volume, amountUsd: volume * USD_PER_UNIT };
    const { id } = employer.createMilestone(contract.id, milestone);
    return context.redirect(
      coSigned('fund_milestone', () => employer.fundMilestone(id)),
      303,
    );
  });

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
    const body = html`<p>${action}: ${status}, open until ${expiresAt}</p>${status === 'PENDING' ? buttons : ''}
      <p><a href="/">Back to jobs and contracts</a></p>`;
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

/** Every trainer whom the simulation knows would like every job, but for those who have it. */
function showJob({ id, title }: Job, contracts: readonly Contract[], trainers: Iterable<Trainer>) {
  const isRunning = ({ jobId, endDate }: Contract) => jobId === id && endDate === null;
  const hired = new Set(contracts.filter(isRunning).map(({ trainer }) => trainer?.opentrainUserId));
  const proposals = [...trainers].filter(({ opentrainUserId }) => !hired.has(opentrainUserId));
  return html`<h2>Your job: ${title}</h2>
    ${proposals.map(
      ({ opentrainUserId, displayName }) => html`<form method="post" action="/jobs/${id}/hire">
        <input type="hidden" name="trainer" value="${opentrainUserId}">
        ${displayName} would like it. <button>Hire ${displayName}</button></form>`,
    )}`;
}

function showContract(contract: Contract) {
  const { id, title, trainer, endDate } = contract;
  const { state, paymentType, consumedVolume, fundedVolume } = budgetOf(contract);
  const unit = paymentType === 'PAY_PER_LABEL' ? 'labels' : 'hours';
  const end = html`<form method="post" action="/contracts/${id}/end"><button>End the contract</button></form>`;
  return html`<h3>${trainer?.displayName ?? 'Nobody'}: ${title}</h3>
    <p><code>${id}</code>${endDate === null ? '' : ', ended'}<br>
      Budget ${state}: ${Math.round(consumedVolume * 100) / 100} of ${fundedVolume} funded ${unit} used</p>
    <form method="post" action="/contracts/${id}/fund">
      <label>Fund <input type="number" name="volume" value="10" min="1" required> ${unit}</label> <button>Fund</button></form>
    ${endDate === null ? end : ''}`;
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

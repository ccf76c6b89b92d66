import { type Context, Hono } from 'hono';
import * as v from 'valibot';
import { ApiError, answerOfError } from './api-error.ts';
import type { Approvals } from './approvals.ts';
import type { Employer } from './employer.ts';
import type { NewId } from './new-id.ts';
import type { Contract, Organization, State, Trainer } from './state.ts';
import { showEventContract } from './views.ts';

export const EMPLOYER_API_ROOT = '/api/public/v1';

const JobBody = v.object({
  title: v.pipe(v.string(), v.minLength(1)),
  paymentType: v.optional(v.picklist(['PAY_PER_HOUR', 'PAY_PER_LABEL', 'FIXED_PRICE']), 'PAY_PER_HOUR'),
});
const MilestoneBody = v.object({
  name: v.optional(v.string(), 'Milestone'),
  amountUsd: v.pipe(v.number(), v.minValue(0)),
  volume: v.pipe(v.number(), v.minValue(0)),
});

interface Dependencies {
  readonly state: State;
  readonly employer: Employer;
  readonly approvals: Approvals;
  readonly newId: NewId;
}

/**
 * The employer's side over HTTP, with a personal `ot_pat_…` token, for end-to-end tests.
 *
 * Only what the documentation says is known of it: hiring, funding and ending answer 202 with an approval that a person
 * confirms, and `GET /approvals/{id}` tells the outcome. The paths of the rest are ours.
 */
export function createEmployerApi({ state, employer, approvals, newId }: Dependencies): Hono {
  const api = new Hono().basePath(EMPLOYER_API_ROOT);

  const organizationOf = (context: Context): Organization => {
    const [, token] = /^Bearer (\S+)$/i.exec(context.req.header('authorization') ?? '') ?? [];
    const organization = [...state.organizations.values()].find((candidate) => candidate.employerToken === token);
    if (organization === undefined) throw new ApiError('UNAUTHORIZED', 'The token is missing or unknown');
    return organization;
  };
  const own = <Thing extends { readonly organizationId: string }>(context: Context, thing: Thing): Thing => {
    if (thing.organizationId !== organizationOf(context).id) throw new ApiError('NOT_FOUND', 'Not found');
    return thing;
  };
  /** Whatever moves money is co-signed. */
  const coSigned = (context: Context, action: string, perform: () => Contract) => {
    const performed = () => ({ contract: showEventContract(perform()) });
    return context.json({ approval: approvals.request(organizationOf(context).id, action, performed) }, 202);
  };

  api.post('/jobs', async (context) => {
    const organizationId = organizationOf(context).id;
    return context.json({ job: employer.postJob({ organizationId, ...(await bodyOf(context, JobBody)) }) }, 201);
  });

  api.get('/jobs/:jobId/proposals', (context) => {
    const { id } = own(context, employer.findJob(context.req.param('jobId')));
    // Every trainer whom the simulation knows would like every job.
    return context.json({ proposals: [...state.trainers.values()].map((trainer) => showProposal(id, trainer)) });
  });

  api.post('/jobs/:jobId/proposals/:proposalId/hire', (context) => {
    const { id } = own(context, employer.findJob(context.req.param('jobId')));
    const trainer = [...state.trainers.values()].find(
      (candidate) => showProposal(id, candidate).id === context.req.param('proposalId'),
    );
    if (trainer === undefined) throw new ApiError('NOT_FOUND', 'Proposal not found');
    return coSigned(context, 'hire', () => employer.hire(id, trainer.opentrainUserId));
  });

  api.get('/contracts/:contractId', (context) => {
    const contract = own(context, employer.findContract(context.req.param('contractId')));
    return context.json({ contract: showEventContract(contract), milestones: contract.milestones });
  });

  api.post('/contracts/:contractId/milestones', async (context) => {
    const { id } = own(context, employer.findContract(context.req.param('contractId')));
    return context.json({ milestone: employer.createMilestone(id, await bodyOf(context, MilestoneBody)) }, 201);
  });

  api.post('/milestones/:milestoneId/fund', (context) => {
    const milestoneId = context.req.param('milestoneId');
    own(context, employer.findContractOfMilestone(milestoneId));
    return coSigned(context, 'fund_milestone', () => employer.fundMilestone(milestoneId));
  });

  api.post('/contracts/:contractId/end', (context) => {
    const { id } = own(context, employer.findContract(context.req.param('contractId')));
    return coSigned(context, 'end_contract', () => employer.endContract(id));
  });

  api.get('/approvals/:approvalId', (context) =>
    context.json({ approval: approvals.find(context.req.param('approvalId'), organizationOf(context).id) }),
  );

  api.onError((error, context) => {
    const { status, body } = answerOfError(error, newId('req'));
    return context.json(body, status);
  });
  return api;
}

function showProposal(jobId: string, { opentrainUserId, displayName }: Trainer) {
  return { id: `proposal_${jobId}_${opentrainUserId}`, jobId, freelancer: { opentrainUserId, displayName } };
}

async function bodyOf<Schema extends v.GenericSchema>(
  context: Context,
  schema: Schema,
): Promise<v.InferOutput<Schema>> {
  const parsed = v.safeParse(schema, await context.req.json().catch(() => undefined));
  if (parsed.success) return parsed.output;
  const issues = parsed.issues.map((issue) => ({ path: v.getDotPath(issue), message: issue.message }));
  throw new ApiError('BAD_REQUEST', 'The request is not valid', { issues });
}

/** A contract.started as OpenTrain sends it: just under 1 kB, as most of its events. */
export const SAMPLE_BODY = JSON.stringify({
  id: '9007199254740993001',
  type: 'contract.started',
  apiVersion: 'v1',
  createdAt: '2026-06-15T12:00:00.000Z',
  resourceId: 'contract_01k0example',
  jobId: 'job_01k0example',
  data: {
    contract: {
      id: 'contract_01k0example',
      status: 'active',
      jobId: 'job_01k0example',
      title: 'Annotation of street scenes',
      startDate: '2026-06-15',
      endDate: null,
    },
    freelancer: {
      opentrainUserId: 'user_01k0example',
      displayName: 'Maria S.',
      country: 'PT',
      profileUrl: 'https://app.opentrain.ai/trainers/user_01k0example',
      workEmail: 'maria.s@opentrain.work',
    },
    projectLink: {
      id: 'link_01k0example',
      jobId: 'job_01k0example',
      externalProjectId: 'street-scenes',
      externalProjectName: 'Street scenes',
      externalProjectUrl: 'https://workspace.example/projects/street-scenes',
      provisioningMode: 'PARTNER_WEBHOOK',
      createdAt: '2026-06-15T11:00:00.000Z',
    },
  },
});

/** A contract.started as OpenTrain sends it: about 1 kB, as most of its events. */
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
      jobId: 'job_01k0example',
      status: 'ACTIVE',
      paymentType: 'PAY_PER_HOUR',
      startDate: '2026-06-15T12:00:00.000Z',
      endDate: null,
    },
    freelancer: {
      opentrainUserId: 'user_01k0example',
      displayName: 'Maria S.',
      workEmail: 'maria.s@opentrain.work',
    },
    projectLink: {
      id: 'link_01k0example',
      jobId: 'job_01k0example',
      externalProjectId: 'street-scenes',
      externalProjectName: 'Street scenes',
      mode: 'MANAGED',
      createdAt: '2026-06-15T11:00:00.000Z',
    },
  },
});

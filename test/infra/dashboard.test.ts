import { describe, expect, test } from 'vitest';
import { METRICS } from '../../shared/metrics.ts';
import { asText, properties, synthesize } from './synthesize.ts';

interface Widget {
  readonly type: string;
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
  readonly properties: {
    readonly title?: string;
    readonly markdown?: string;
    readonly metrics?: readonly (readonly unknown[])[];
    readonly yAxis?: unknown;
    readonly alarms?: readonly string[];
    readonly query?: string;
  };
}

const prod = synthesize({ stage: 'prod' });
const { DashboardName, DashboardBody } = properties(prod, 'AWS::CloudWatch::Dashboard', 'Dashboard');
const { widgets, start } = JSON.parse(asText(DashboardBody)) as {
  readonly widgets: readonly Widget[];
  readonly start: string;
};
const graphs = widgets.filter(({ type }) => type === 'metric');
const NAMESPACE = 'OpenTrainConnector/prod';

/** Names of our own metrics in a graph, with the dimension where they are searched for by one. */
const ownMetrics = ({ properties: { metrics = [] } }: Widget): { name: string; dimension: string | undefined }[] =>
  metrics.flatMap(([first, second]) => {
    if (first === NAMESPACE) return [{ name: String(second), dimension: undefined }];
    const { expression = '' } = first as { expression?: string };
    const pattern = /SEARCH\('\{"OpenTrainConnector\/prod",(\w+)\} MetricName="(\w+)"[^']*', '[\w.]+', \d+\)/;
    const [, dimension, name] = pattern.exec(expression) ?? [];
    return name === undefined ? [] : [{ name, dimension }];
  });

describe('the dashboard', () => {
  test('is found by its name, which is an output and one for each region, and shows a day', () => {
    expect(asText(DashboardName)).toBe('OpenTrainConnector-prod-<AWS::Region>');
    expect(prod.findOutputs('DashboardName')).toMatchObject({ DashboardName: { Value: DashboardName } });
    expect(start).toBe('-P1D');
  });

  test('shows every alarm at the top', () => {
    const [first] = widgets;
    expect(first).toMatchObject({ type: 'alarm', x: 0, y: 0, width: 24 });
    const alarms = Object.keys(prod.findResources('AWS::CloudWatch::Alarm'));
    expect(first?.properties.alarms).toEqual(
      expect.arrayContaining(alarms.map((id) => `<${id.replace(/[0-9A-F]{8}$/, '')}.Arn>`)),
    );
    expect(first?.properties.alarms).toHaveLength(alarms.length);
  });

  test.each([
    'Are deliveries flowing?',
    'Are trainers getting in?',
    'Is usage current?',
    'What needs a person?',
    'Does AWS give enough?',
    'Cost drivers',
  ])('"%s" says what good looks like in a sentence, above four graphs', (question) => {
    const headings = widgets.filter(({ type }) => type === 'text');
    const heading = headings.find(({ properties: { markdown } }) => markdown?.startsWith(`## ${question}\n`));
    expect(heading?.properties.markdown).toMatch(/\n[A-Z][^.\n]+\.$/);
    const below = (heading?.y ?? 0) + (heading?.height ?? 0);
    expect(graphs.filter(({ y }) => y === below)).toHaveLength(4);
  });

  test('fills a grid of 24 columns without a gap or an overlap', () => {
    const cells = widgets.flatMap(({ x, y, width, height }) =>
      Array.from({ length: width * height }, (_, index) => `${x + (index % width)},${y + Math.floor(index / width)}`),
    );
    const bottom = Math.max(...widgets.map(({ y, height }) => y + height));
    expect(new Set(cells).size).toBe(cells.length);
    expect(cells).toHaveLength(24 * bottom);
    expect(Math.max(...widgets.map(({ x, width }) => x + width))).toBe(24);
  });

  test('shows every metric of the connector, by the dimension that it has, and no other', () => {
    const shown = graphs.flatMap(ownMetrics).map(({ name, dimension = 'none' }) => `${name} by ${dimension}`);
    const told = Object.values(METRICS)
      .flat()
      .map(({ name, by }) => `${name} by ${by?.dimension ?? 'none'}`);
    expect([...new Set(shown)].toSorted()).toEqual([...new Set(told)].toSorted());
  });

  test.each([
    { title: 'Invocations that were throttled', drawn: 'AWS/Lambda Throttles Sum', functions: 6 },
    { title: 'The longest that functions ran', drawn: 'AWS/Lambda Duration Maximum', functions: 4 },
    { title: 'Time that functions ran', drawn: 'AWS/Lambda Duration Sum', functions: 4 },
    { title: 'Log lines', drawn: 'AWS/Logs IncomingBytes Sum', functions: 4 },
  ])('"$title" has a line for each of $functions functions', ({ title, drawn, functions }) => {
    const { metrics = [] } = graphs.find(({ properties }) => properties.title === title)?.properties ?? {};
    const lines = metrics.map(([namespace, name, , of, options]) => {
      const { stat } = options as { readonly stat: string };
      return { drawn: `${namespace} ${name} ${stat}`, of };
    });
    expect(lines.map((line) => line.drawn)).toEqual(Array.from({ length: functions }, () => drawn));
    expect(new Set(lines.map(({ of }) => of)).size).toBe(functions);
  });

  test('shows what deliveries and runs meet at the workspace beside each other', () => {
    const { metrics = [] } =
      graphs.find(({ properties: { title } }) => title === 'Errors of the workspace')?.properties ?? {};
    const searched = metrics.map(([line]) => (line as { expression: string }).expression);
    expect(searched).toEqual([
      `SEARCH('{"${NAMESPACE}",Reason} MetricName="WorkspaceErrors"', 'Sum', 300)`,
      `SEARCH('{"${NAMESPACE}",Reason} MetricName="DeliveriesRetried" ` +
        `Reason=("workspace_unavailable" OR "workspace_forbidden")', 'Sum', 300)`,
    ]);
    const words = METRICS['delivery.retried']?.flatMap(({ by }) => by?.words ?? []) ?? [];
    expect(words.filter((word) => word.startsWith('workspace_'))).toEqual([
      'workspace_unavailable',
      'workspace_forbidden',
    ]);
  });

  test('shows no metric of AWS for a whole account', () => {
    const ofAws = graphs
      .flatMap(({ properties: { metrics = [] } }) => metrics)
      .filter(([first]) => /^AWS\//.test(String(first)));
    expect(ofAws.length).toBeGreaterThan(0);
    for (const [, , dimension, value] of ofAws)
      expect([dimension, value]).toEqual([expect.any(String), expect.any(String)]);
  });

  test.each(graphs.map((graph) => ({ title: graph.properties.title ?? '', graph })))(
    '"$title" begins at zero, names its unit and what each line is',
    ({ title, graph }) => {
      expect(title).not.toBe('');
      const lines = (graph.properties.metrics ?? []).map(
        (line) => (line.at(-1) ?? {}) as { label?: string; yAxis?: string },
      );
      for (const { label } of lines) expect(label).toMatch(/\w/);
      const axis = { min: 0, label: expect.stringMatching(/^\w/), showUnits: false };
      const hasRight = lines.some(({ yAxis }) => yAxis === 'right');
      expect(graph.properties.yAxis).toEqual({ left: axis, ...(hasRight && { right: axis }) });
    },
  );

  test('ends what needs a person with the last errors of every function', () => {
    const [table, ...others] = widgets.filter(({ type }) => type === 'log');
    expect(others).toEqual([]);
    const { query = '' } = table?.properties ?? {};
    for (const name of ['Webhook', 'Worker', 'UsageFunction', 'ReconcileFunction', 'Budget', 'Admin']) {
      expect(query).toContain(`SOURCE '<${name}Logs>'`);
    }
    expect(query).toContain("| filter level = 'error'");
  });
});

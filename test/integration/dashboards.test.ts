// The Grafana dashboards' queries, run by a real Prometheus over the metrics of a real sidecar and the real operator.
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { chat } from '../harness/agent.ts';
import { openApiProxy, type ApiProxy } from '../harness/api-proxy.ts';
import { repositoryDir } from '../harness/images.ts';
import { SYSTEM_NAMESPACE } from '../harness/install.ts';
import type { Pod, Target } from '../harness/kubectl.ts';
import { startPrometheus, type Prometheus, type ScrapeTarget } from '../harness/prometheus.ts';
import { startAgent } from '../harness/scenario.ts';
import { clusterSuite, NAMESPACE } from '../harness/suite.ts';

interface Panel {
  readonly title?: string;
  readonly targets?: readonly { readonly expr?: string }[];
  readonly panels?: readonly Panel[];
}
interface Dashboard {
  readonly panels: readonly Panel[];
  readonly templating?: { readonly list?: readonly { readonly name: string; readonly query?: unknown }[] };
}

const folder = join(repositoryDir, 'charts', 'seks', 'files', 'dashboards');
const dashboards = readdirSync(folder).map((file) => ({
  file,
  dashboard: JSON.parse(readFileSync(join(folder, file), 'utf8')) as Dashboard,
}));
const queries = dashboards.flatMap(({ file, dashboard }) =>
  targetsOf(dashboard.panels).map(({ title, expr }) => ({ file, title, expr })),
);

/** panels that are empty in a cluster that is well, or that need a part which is not running */
const MAY_BE_EMPTY = [
  'Errors',
  'Errors by status',
  'Denied pods by code',
  'Credentials refused',
  'Leaks scrubbed by credential',
  'Audit events',
];

clusterSuite('Grafana dashboards', (suite) => {
  let agent: Target;
  let proxy: ApiProxy;
  let prometheus: Prometheus;

  beforeAll(async () => {
    const { kubectl, access } = suite();
    agent = await startAgent(suite(), { app: 'measured', providers: ['openai', 'anthropic'] });
    proxy = await openApiProxy(kubectl);
    const system = await kubectl.list<Pod>('pods', SYSTEM_NAMESPACE, 'app.kubernetes.io/name=seks');
    const targets: ScrapeTarget[] = [
      scrape('seks/seks-sidecar', NAMESPACE, agent.pod, 15090),
      ...system
        .filter((pod) => pod.status?.phase === 'Running' && !('deletionTimestamp' in pod.metadata))
        .map((pod) =>
          scrape(
            pod.metadata.labels?.['app.kubernetes.io/component'] ?? '',
            SYSTEM_NAMESPACE,
            pod.metadata.name,
            8080,
          ),
        ),
    ];
    prometheus = await startPrometheus(proxy.origin, targets, access.context.progress);
    await work();
    await prometheus.untilScraped(3);
    await work();
    // Another pod, for the webhook, the controller, the key service and the KMS.
    await startAgent(suite(), { app: 'measured-too' });
    // Rates need samples from before and after the work.
    await prometheus.untilScraped(3);
  });
  afterAll(async () => {
    await prometheus.stop();
    await proxy.close();
  });

  function scrape(job: string, namespace: string, pod: string, port: number): ScrapeTarget {
    return {
      path: `/api/v1/namespaces/${namespace}/pods/${pod}:${port}/proxy/metrics`,
      labels: { job, namespace, pod },
    };
  }

  /** answers, streams, a denial and a scrubbed leak, so that every counter has something to count */
  async function work(): Promise<void> {
    const { kubectl } = suite();
    for (const sdk of ['openai', 'anthropic'] as const) {
      for (const stream of [false, true]) {
        expect((await chat(kubectl, agent, { language: 'node', sdk, stream })).error).toBeUndefined();
      }
    }
    await chat(kubectl, agent, { language: 'node', sdk: 'openai', model: 'echo-key' });
    const denied =
      'curl -s -o /dev/null -H "authorization: Bearer $OPENAI_API_KEY" $OPENAI_BASE_URL/organization';
    await kubectl.exec(agent, ['sh', '-c', denied]);
  }

  test('there are queries', () => {
    expect(queries.length).toBeGreaterThan(20);
  });

  test.each(queries)('$file: $title: $expr', async ({ title, expr }) => {
    const result = await prometheus.query(concrete(expr));
    if (!MAY_BE_EMPTY.includes(title)) {
      expect(result.length).toBeGreaterThan(0);
      for (const { value } of result) expect(value).not.toBeNaN();
    }
  });

  const variables = dashboards.flatMap(({ file, dashboard }) =>
    (dashboard.templating?.list ?? []).flatMap(({ name, query }) => {
      const text = typeof query === 'string' ? query : (query as { query?: string } | undefined)?.query;
      const match = /^label_values\((.*), ?(\w+)\)$/.exec(text ?? '');
      return match === null ? [] : [{ file, name, series: match[1] ?? '', label: match[2] ?? '' }];
    }),
  );
  test.each(variables)('$file: variable $name offers values', async ({ series, label }) => {
    expect((await prometheus.labelValues(label, concrete(series))).length).toBeGreaterThan(0);
  });

  test('every variable of the kind "query" was tried', () => {
    const declared = dashboards.flatMap(({ dashboard }) => dashboard.templating?.list ?? []);
    const kinds = declared as readonly { readonly type?: string }[];
    expect(variables).toHaveLength(kinds.filter(({ type }) => type === 'query').length);
  });
});

/** as Grafana fills the variables in, with "All" everywhere */
function concrete(expr: string): string {
  return expr
    .replaceAll('$__rate_interval', '30s')
    .replaceAll('$__range', '1m')
    .replaceAll('$__interval', '5s')
    .replaceAll(/\$\{?\w+\}?/g, '.*');
}

function targetsOf(panels: readonly Panel[]): { title: string; expr: string }[] {
  return panels.flatMap((panel) => [
    ...(panel.targets ?? []).flatMap(({ expr }) =>
      expr === undefined ? [] : [{ title: panel.title ?? '', expr }],
    ),
    ...targetsOf(panel.panels ?? []),
  ]);
}

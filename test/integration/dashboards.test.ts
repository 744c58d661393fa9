// The chart's dashboards with real numbers: agents that work and are denied, a real operator and key service, all scraped
// by a real Prometheus. A query that never shows anything is a broken one.
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { attempt } from '../cluster/command.ts';
import { waitUntil } from '../cluster/wait-until.ts';
import { followLoop, readyAgent } from '../harness/agent.ts';
import { SYSTEM_NAMESPACE } from '../harness/install.ts';
import { repositoryDir } from '../harness/images.ts';
import { isReady, type Follower, type Kubectl, type Pod, type Target } from '../harness/kubectl.ts';
import { agentPod, credential, IDLE, seksBinding } from '../harness/objects.ts';
import { sealSecret } from '../harness/sealing.ts';
import { clusterSuite } from '../harness/suite.ts';
import { applyBinding, makeNamespace, OPTED_IN, removeNamespaces } from './own-namespace.ts';
import { forwardPort, type PortForward } from './port-forward.ts';
import { prometheusProgram, startPrometheus, type Prometheus, type ScrapeTarget } from './prometheus.ts';
import { tryCreate } from './stored-pod.ts';

interface Dashboard {
  readonly templating: { readonly list: readonly { readonly name: string; readonly definition?: string }[] };
  readonly panels: readonly {
    readonly title: string;
    readonly targets?: readonly { readonly expr: string }[];
  }[];
}

const FOLDER = join(repositoryDir, 'charts', 'seks', 'files', 'dashboards');
const FILES = readdirSync(FOLDER).sort();
const SCRAPE_SECONDS = 1;

/** what Grafana may put in: a rate interval of four scrapes or more, and for "All" this chart's `.+` */
const VARIABLES: Readonly<Record<string, string>> = {
  // Longer than this file runs: an unwrap happens once, and must still be in it at the end.
  __rate_interval: '10m',
  __range: '10m',
  job: '.+',
  namespace: '.+',
  agent: '.+',
  provider: '.+',
};

clusterSuite('dashboards, evaluated by a real Prometheus', (suite) => {
  let kubectl: Kubectl;
  let namespace: string;
  let prometheus: Prometheus;
  const forwards: PortForward[] = [];
  const expositions: Record<string, string> = {};
  const work: Follower[] = [];
  let admitting: Promise<void>;
  const over = new AbortController();

  beforeAll(async () => {
    ({ kubectl } = suite());
    namespace = await makeNamespace(kubectl, 'dashboards', OPTED_IN);
    const agent = await startAgent('working');
    const targets = [
      await scraped(agent, 15_090, 'seks-sidecar'),
      await scraped(await systemPod('operator'), 8080, 'seks-operator'),
      await scraped(await systemPod('keyservice'), 8080, 'seks-keyservice'),
    ];
    const { progress } = suite().access.context;
    prometheus = await startPrometheus({ targets, scrapeIntervalSeconds: SCRAPE_SECONDS, progress });
    // Rates need something that happens after the first scrape. Answers, denials, and a provider that gives the key back:
    for (const what of [[], ['--call', 'models'], ['--model', 'echo-key']]) {
      work.push(followLoop(kubectl, agent, ['--interval', '200', ...what], () => undefined));
    }
    admitting = keepAdmitting();
    // Unwraps for a second agent, and none for one whose Secret is missing.
    await startAgent('second');
    await bindAgent('keyless');
    await kubectl.apply(podOf('keyless'));
  }, 300_000);

  afterAll(async () => {
    over.abort();
    await admitting;
    await Promise.all([...work, ...forwards].map((child) => child.stop()));
    await prometheus?.stop();
    await removeNamespaces(kubectl, namespace);
  }, 60_000);

  /** an agent with a sealed key of its own */
  async function startAgent(app: string): Promise<Target> {
    const plaintext = suite().stub.keys.openai;
    const sealed = { provider: 'openai', namespace, secret: secretOf(app), key: 'openai', plaintext };
    await kubectl.apply(await sealSecret(kubectl, sealed));
    await bindAgent(app);
    await kubectl.apply(podOf(app));
    return readyAgent(kubectl, namespace, app);
  }

  /** lets the agent chat and do nothing else */
  async function bindAgent(app: string): Promise<void> {
    const onlyChat = { allow: [{ methods: ['POST'], paths: ['/v1/chat/completions'] }] };
    const credentials = [{ ...credential('openai', secretOf(app)), ...onlyChat }];
    await applyBinding(kubectl, seksBinding({ name: app, namespace, app, credentials }));
  }

  function podOf(app: string): object {
    return agentPod({ name: app, namespace, image: suite().images.agent, command: IDLE });
  }

  /** pods that are injected, left alone and denied, one after the other, until the suite is over */
  async function keepAdmitting(): Promise<void> {
    for (let n = 0; !over.signal.aborted; n++) {
      for (const labels of [{ app: 'working' }, { app: 'other' }, { 'seks.ai/inject': 'true' }]) {
        const spec = {
          schedulingGates: [{ name: 'seks.test/never' }],
          containers: [{ name: 'agent', image: 'registry.example/agent:1' }],
        };
        const metadata = { generateName: `admitted-${n}-`, namespace, labels };
        await tryCreate(kubectl, { apiVersion: 'v1', kind: 'Pod', metadata, spec });
      }
    }
  }

  async function systemPod(component: string): Promise<Pick<Target, 'namespace' | 'pod'>> {
    const selector = `app.kubernetes.io/component=${component}`;
    const pods = await kubectl.list<Pod>('pods', SYSTEM_NAMESPACE, selector);
    const pod = pods.find((found) => isReady(found) && !('deletionTimestamp' in found.metadata));
    if (pod === undefined) throw new Error(`no pod of ${component} is ready`);
    return { namespace: SYSTEM_NAMESPACE, pod: pod.metadata.name };
  }

  /** the pod as a target, with the labels of the chart's PodMonitor and ServiceMonitors */
  async function scraped(
    pod: Pick<Target, 'namespace' | 'pod'>,
    port: number,
    job: string,
  ): Promise<ScrapeTarget> {
    const forward = await forwardPort(kubectl, pod.namespace, pod.pod, port);
    forwards.push(forward);
    return { address: forward.address, labels: { job, namespace: pod.namespace, pod: pod.pod } };
  }

  test.each(['seks-sidecar', 'seks-operator', 'seks-keyservice'])(
    '%s: promtool has nothing to say about our metrics',
    async (job) => {
      // Not before there are samples of everything that agents do.
      await shows('sum(rate(seks_denied_total[10m])) > 0');
      const at = ['seks-sidecar', 'seks-operator', 'seks-keyservice'].indexOf(job);
      const response = await fetch(`http://${forwards[at]?.address}/metrics`);
      expect(response.headers.get('content-type')).toMatch(/^text\/plain; version=0\.0\.4/);
      const text = await response.text();
      expect(text).toMatch(/^seks_build_info\{/m);
      expositions[job] = text;
      const promtool = await prometheusProgram('promtool', suite().access.context.progress);
      const { stdout, stderr } = await attempt(promtool, ['check', 'metrics'], { input: text });
      // Names of prom-client's own metrics about the Node process are not ours to choose.
      const complaints = `${stdout}${stderr}`
        .split('\n')
        .filter((line) => line !== '' && !line.startsWith('nodejs_'));
      expect(complaints).toEqual([]);
    },
  );

  test('S9: no metric has a key or a token in it', () => {
    const text = Object.values(expositions).join('\n');
    expect(Object.keys(expositions)).toHaveLength(3);
    for (const key of Object.values(suite().stub.keys)) expect(text).not.toContain(key);
    expect(text).not.toMatch(/sk-proj-/);
  });

  describe.each(FILES)('%s', (file) => {
    const dashboard = JSON.parse(readFileSync(join(FOLDER, file), 'utf8')) as Dashboard;
    const queries = dashboard.panels.flatMap(({ title, targets = [] }) =>
      targets.map(({ expr }) => [title, expr] as const),
    );
    const labelQueries = dashboard.templating.list.flatMap(({ name, definition = '' }) => {
      const parts = /^label_values\((.*), (\w+)\)$/.exec(definition);
      return parts === null ? [] : [[name, parts[1] ?? '', parts[2] ?? ''] as const];
    });

    test.each(labelQueries)('the variable $%s has values to choose from', async (_, selector, label) => {
      expect(await prometheus.labelValues(substitute(selector), label)).not.toEqual([]);
    });

    test.each(queries)('%s: shows numbers: %s', async (_, expression) => {
      await shows(substitute(expression));
      await prometheus.queryRange(substitute(expression), 60, 5);
    });
  });

  test('the main numbers are those of the agent that works', async () => {
    const mine = `{agent="working", namespace="${namespace}"}`;
    const sum = async (metric: string, by: string): Promise<Record<string, number>> => {
      const samples = await prometheus.query(`sum by (${by}) (${metric}${mine})`);
      return Object.fromEntries(samples.map(({ metric: labels, value }) => [labels[by] ?? '', value]));
    };
    const statuses = await sum('seks_requests_total', 'code');
    expect(Object.keys(statuses).sort()).toEqual(['200', '403']);
    expect(Math.min(...Object.values(statuses))).toBeGreaterThan(1);
    expect(Object.keys(await sum('seks_denied_total', 'code'))).toEqual(['SEKS_ROUTE_DENIED']);
    const tokens = await sum('seks_tokens_total', 'type');
    expect(tokens['input']).toBeGreaterThan(1);
    expect(tokens['output']).toBeGreaterThan(1);
    expect(Object.keys(await sum('seks_requests_total', 'provider'))).toEqual(['openai']);
    expect(Object.keys(await sum('seks_requests_total', 'tier'))).toEqual(['user']);
    // In one query, as a scrape may come between two: what is counted is timed, and what is refused is counted.
    for (const [left, right] of [
      [`sum(seks_requests_total${mine})`, `sum(seks_request_duration_seconds_count${mine})`],
      ['sum(seks_requests_total{code="403"})', 'sum(seks_denied_total)'],
    ]) {
      expect(await prometheus.query(`${left} - ${right}`)).toEqual([{ metric: {}, value: 0 }]);
    }
  });

  /** waits until the expression has at least one number */
  async function shows(expression: string): Promise<void> {
    await waitUntil(async () => (await prometheus.query(expression)).some(isNumber), {
      what: `numbers of ${expression}`,
      timeoutMs: 40_000,
      intervalMs: 500,
    });
  }
});

function secretOf(app: string): string {
  return `${app}-keys`;
}

function substitute(expression: string): string {
  return expression.replaceAll(/\$(\w+)/g, (whole, name: string) => {
    const value = VARIABLES[name];
    if (value === undefined) throw new Error(`the dashboard uses ${whole}, which has no value here`);
    return value;
  });
}

/** a query over nothing gives NaN, which Grafana does not draw */
function isNumber({ value }: { value: number }): boolean {
  return !Number.isNaN(value);
}

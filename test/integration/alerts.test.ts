// The chart's alerts, run by Prometheus' own rule engine: each fires when it must, with the first hit of a counter too, and
// nothing else fires. Names and labels of the series are those that our processes export.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from '@jest/globals';
import type { ErrorCode } from '../../crds/src/index.ts';
import { createMetrics, type Metrics } from '../../operator/src/metrics/metrics.ts';
import {
  createSidecarMetrics,
  type RequestMetrics,
  type SidecarMetrics,
} from '../../sidecar/src/metrics/sidecar-metrics.ts';
import { ambientContext } from '../cluster/cluster.ts';
import { renderChart, ROOT } from './kubernetes.ts';
import { prometheusProgram } from './prometheus.ts';
import { failedAlert, failedMoments, selector, type Rule, type RuleGroups } from './rule-test.ts';

type Labels = Readonly<Record<string, string>>;

const RENDER = ['monitoring.renderMode=alwaysRender', 'monitoring.alerts.enabled=true'];
const NAMES = [
  'SeksKeyScrubbed',
  'SeksForeignToken',
  'SeksProviderRefusesKey',
  'SeksLimitReached',
  'SeksAuditDropped',
  'SeksLeaseExpiring',
  'SeksLeaseExpired',
  'SeksCertificateExpiring',
];
const POD = { namespace: 'agents', pod: 'research-1' };
/** what a scrape adds */
const SCRAPED = { ...POD, container: 'seks-proxy', instance: '10.0.0.1:15090', job: 'seks-sidecar' };
const COMMON = {
  agent: 'research',
  agent_container: 'main',
  credential: 'openai-work',
  provider: 'openai',
  tier: 'user',
};

let promtool: string;
let spec: RuleGroups;
let rules: readonly Rule[];

beforeAll(async () => {
  promtool = await prometheusProgram('promtool', ambientContext().progress);
  spec = await renderAlerts(RENDER);
  rules = spec.groups.flatMap((group) => group.rules);
}, 300_000);

async function renderAlerts(values: readonly string[]): Promise<RuleGroups> {
  const objects = (await renderChart('seks-system', values)).filter(({ kind }) => kind === 'PrometheusRule');
  expect(objects).toHaveLength(1);
  return objects[0]?.['spec'] as RuleGroups;
}

test('there are no alerts unless they are asked for', async () => {
  const objects = await renderChart('seks-system', ['monitoring.renderMode=alwaysRender']);
  expect(objects.map(({ kind }) => kind)).toContain('PodMonitor');
  expect(objects.map(({ kind }) => kind)).not.toContain('PrometheusRule');
});

test('each alert has a severity, tells what to do and links to a section of the documentation', async () => {
  expect(rules.map(({ alert }) => alert)).toEqual(NAMES);
  const headings = readFileSync(join(ROOT, 'docs/operations.md'), 'utf8').match(/^#+ .*$/gm) ?? [];
  for (const { alert, labels, annotations } of rules) {
    expect([alert, labels['severity']]).toEqual([alert, expect.stringMatching(/^(critical|warning|info)$/)]);
    expect([alert, annotations['summary']]).toEqual([alert, expect.stringMatching(/\.$/)]);
    expect([alert, annotations['description']]).toEqual([alert, expect.stringMatching(/\.$/)]);
    expect(annotations['runbook_url']).toBe(`docs/operations.md#${alert.toLowerCase()}`);
    expect(headings).toContain(`### ${alert}`);
  }
  const elsewhere = await renderAlerts([...RENDER, 'monitoring.alerts.docsUrl=https://docs.example/seks/']);
  expect(elsewhere.groups[0]?.rules[0]?.annotations['runbook_url']).toBe(
    'https://docs.example/seks/operations.md#sekskeyscrubbed',
  );
});

test('every metric is one that we have, and texts use only labels that the alert keeps', async () => {
  const registries = [sidecarMetrics().registry, operatorMetrics().registry];
  const metrics = await Promise.all(registries.map((registry) => registry.getMetricsAsJSON()));
  const known = metrics.flat().map(({ name }) => name);
  for (const { expr, annotations } of rules) {
    const names = expr.match(/\bseks_[a-z0-9_]+/g) ?? [];
    expect(names.length).toBeGreaterThan(0);
    expect(known).toEqual(expect.arrayContaining(names));
    const kept = /\bby \(([^)]*)\)/.exec(expr)?.[1]?.split(', ') ?? [];
    const used = Object.values(annotations)
      .join('\n')
      .matchAll(/\$labels\.(\w+)/g);
    expect(kept).toEqual(expect.arrayContaining([...used].map(([, label]) => label)));
  }
});

test('a text names the pod, the agent and the provider', async () => {
  const rule = rules[0];
  const series = await sidecarSeries('seks_leak_scrubbed_total', () => undefined);
  const expected = {
    minute: 5,
    alert: 'SeksKeyScrubbed',
    labels: { ...POD, agent: 'research', provider: 'openai', severity: 'critical' },
    annotations: {
      ...rule?.annotations,
      summary: 'The provider openai sent a key back to the agent research in agents/research-1.',
    },
  };
  expect(await failedAlert(promtool, spec, [{ series, values: '0+0x5 1+0x20' }], expected)).toBe('');
});

interface CounterCase {
  readonly alert: string;
  readonly severity: string;
  readonly metric: string;
  readonly hit: (request: RequestMetrics, sidecar: SidecarMetrics) => void;
  /** label of the counter, for the name of the test */
  readonly code?: ErrorCode;
  /** labels of the alert besides namespace and pod */
  readonly labels?: Labels;
}

const KEY = { agent: 'research', credential: 'openai-work', provider: 'openai' };
const COUNTERS: readonly CounterCase[] = [
  {
    alert: 'SeksKeyScrubbed',
    severity: 'critical',
    metric: 'seks_leak_scrubbed_total',
    hit: (request) => request.scrubbed(1),
    labels: { agent: 'research', provider: 'openai' },
  },
  {
    alert: 'SeksForeignToken',
    severity: 'critical',
    metric: 'seks_foreign_token_total',
    hit: (request) => request.foreignToken(),
  },
  ...(['SEKS_UPSTREAM_KEY_REFUSED', 'SEKS_UPSTREAM_BREAKER_OPEN'] as const).map((code) =>
    denied('SeksProviderRefusesKey', 'warning', code, KEY),
  ),
  ...(['SEKS_LIMIT_REQUESTS', 'SEKS_LIMIT_CONCURRENCY', 'SEKS_LIMIT_TOKENS', 'SEKS_LIMIT_COST'] as const).map(
    (code) =>
      denied('SeksLimitReached', 'info', code, { agent: 'research', credential: 'openai-work', code }),
  ),
  {
    alert: 'SeksAuditDropped',
    severity: 'critical',
    metric: 'seks_audit_events_total',
    hit: (_, sidecar) => sidecar.audited('dropped'),
  },
];

function denied(alert: string, severity: string, code: ErrorCode, labels: Labels): CounterCase {
  return {
    alert,
    severity,
    metric: 'seks_denied_total',
    hit: (request) => request.denied(code),
    code,
    labels,
  };
}

/** values every half minute, and the minutes at which the alert must and must not fire */
const COURSES: readonly [string, string, { fires: number[]; silent: number[] }][] = [
  ['a counter that begins with its first hit', '_x10 1+0x60', { fires: [5, 10, 14], silent: [4, 16, 30] }],
  ['a first hit after zero', '0+0x10 1+0x60', { fires: [6, 10, 14], silent: [0, 5, 17, 30] }],
  ['one more hit', '7+0x60 8+0x60', { fires: [31, 39], silent: [12, 30, 42, 60] }],
  [
    'a hit after the sidecar was restarted',
    '3+0x30 stale _x30 1+0x40',
    { fires: [31, 38], silent: [12, 30, 43] },
  ],
  ['no hit at all', '0+0x80', { fires: [], silent: [0, 1, 10, 39] }],
];

const NAMED = COUNTERS.map((one) => [one.alert, one.code ?? one.metric, one] as const);

describe.each(NAMED)('%s, by %s', (alert, _what, { severity, metric, hit, labels = {} }) => {
  test.each(COURSES)('%s', async (_, values, { fires, silent }) => {
    const series = await sidecarSeries(metric, hit);
    const firing = [{ alertname: alert, severity, ...POD, ...labels }];
    const moments = [
      ...fires.map((minute) => ({ minute, firing })),
      ...silent.map((minute) => ({ minute, firing: [] })),
    ];
    expect(await failedMoments(promtool, spec, [{ series, values }], moments)).toBe('');
  });
});

test('hits of two containers of one agent are one alert', async () => {
  const series = await sidecarSeries('seks_leak_scrubbed_total', () => undefined);
  const other = series.replace('agent_container="main"', 'agent_container="planner"');
  expect(other).not.toBe(series);
  const input = [
    { series, values: '_x4 1+0x20' },
    { series: other, values: '0+0x6 1+0x20' },
  ];
  const labels = { severity: 'critical', ...POD, agent: 'research', provider: 'openai' };
  const firing = [{ alertname: 'SeksKeyScrubbed', ...labels }];
  expect(await failedMoments(promtool, spec, input, [{ minute: 5, firing }])).toBe('');
});

test.each([
  ['a route that is denied', (request: RequestMetrics) => request.denied('SEKS_ROUTE_DENIED')],
  ['a limit that cannot be kept', (request: RequestMetrics) => request.denied('SEKS_LIMIT_UNENFORCEABLE')],
])('%s alerts nobody', async (_, hit) => {
  const series = await sidecarSeries('seks_denied_total', hit);
  const moments = [1, 6, 10].map((minute) => ({ minute, firing: [] }));
  expect(await failedMoments(promtool, spec, [{ series, values: '_x4 1+1x30' }], moments)).toBe('');
});

test('written audit lines alert nobody', async () => {
  const series = await sidecarSeries('seks_audit_events_total', (_, sidecar) => sidecar.audited('written'));
  const moments = [1, 6, 10].map((minute) => ({ minute, firing: [] }));
  expect(await failedMoments(promtool, spec, [{ series, values: '_x4 1+1x30' }], moments)).toBe('');
});

describe('leases', () => {
  const expiring = [{ alertname: 'SeksLeaseExpiring', severity: 'warning', ...POD }];
  const expired = [{ alertname: 'SeksLeaseExpired', severity: 'critical', ...POD }];
  const lease = () => sidecarSeries('seks_lease_expiry_timestamp_seconds', () => undefined);

  test('a lease that is renewed in time alerts nobody', async () => {
    // Each five minutes, 15 minutes on from then.
    const values = [0, 1, 2, 3, 4].map((n) => `${900 + n * 300}+0x9`).join(' ');
    const moments = [0, 3, 5, 12, 20, 24].map((minute) => ({ minute, firing: [] }));
    expect(await failedMoments(promtool, spec, [{ series: await lease(), values }], moments)).toBe('');
  });

  test('one that is not warns before its end, and then tells that it has ended', async () => {
    const moments = [
      { minute: 11, firing: [] },
      { minute: 13, firing: expiring },
      { minute: 14.5, firing: expiring },
      { minute: 15.5, firing: [] },
      { minute: 16, firing: expired },
      { minute: 25, firing: expired },
    ];
    const input = [{ series: await lease(), values: '900+0x60' }];
    expect(await failedMoments(promtool, spec, input, moments)).toBe('');
  });

  test('a sidecar has a minute to get its first lease', async () => {
    const series = await lease();
    const inTime = [1, 3, 5].map((minute) => ({ minute, firing: [] }));
    expect(await failedMoments(promtool, spec, [{ series, values: '0+0x1 960+0x10' }], inTime)).toBe('');
    const late = [{ minute: 3, firing: expired }];
    expect(await failedMoments(promtool, spec, [{ series, values: '0+0x10' }], late)).toBe('');
  });

  test('the warning follows the time that leases have', async () => {
    const short = await renderAlerts([...RENDER, 'keyservice.leaseTtlSeconds=300']);
    const input = [{ series: await lease(), values: '300+0x20' }];
    const moments = [
      { minute: 4, firing: [] },
      { minute: 4.5, firing: expiring },
      { minute: 6, firing: expired },
    ];
    expect(await failedMoments(promtool, short, input, moments)).toBe('');
  });
});

test.each(['webhook', 'keyservice'])('the certificate of the %s was not renewed', async (certificate) => {
  const metrics = operatorMetrics();
  metrics.certificateExpiry(certificate, 0);
  const scraped = {
    namespace: 'seks-system',
    pod: 'seks-1',
    job: 'seks-operator',
    instance: '10.0.0.2:8080',
  };
  const series = await onlySeries(metrics, 'seks_certificate_expiry_timestamp_seconds', scraped);
  const twoDays = 48 * 3600;
  const { namespace, pod } = scraped;
  const labels = { severity: 'warning', namespace, pod, certificate };
  const moments = [
    { minute: 5, firing: [] },
    { minute: 14, firing: [] },
    { minute: 16, firing: [{ alertname: 'SeksCertificateExpiring', ...labels }] },
  ];
  // With two days left after five minutes, and one that is renewed at that time.
  const notRenewed = [{ series, values: `${twoDays + 300}+0x60` }];
  expect(await failedMoments(promtool, spec, notRenewed, moments)).toBe('');
  const renewed = [{ series, values: `${twoDays + 300}+0x10 ${7 * 24 * 3600}+0x60` }];
  expect(await failedMoments(promtool, spec, renewed, [{ minute: 20, firing: [] }])).toBe('');
});

function sidecarMetrics(): SidecarMetrics {
  return createSidecarMetrics('0.0.0');
}

function operatorMetrics(): Metrics {
  return createMetrics({ version: '0.0.0', role: 'controller' });
}

/** the series that a sidecar exports for a hit, as it looks after a scrape */
async function sidecarSeries(
  metric: string,
  hit: (request: RequestMetrics, sidecar: SidecarMetrics) => void,
): Promise<string> {
  const sidecar = sidecarMetrics();
  hit(sidecar.for(COMMON), sidecar);
  return onlySeries(sidecar, metric, SCRAPED);
}

async function onlySeries(
  { registry }: Pick<Metrics, 'registry'>,
  metric: string,
  scraped: Labels,
): Promise<string> {
  const found = (await registry.getMetricsAsJSON()).find(({ name }) => name === metric);
  const samples = (found as { values?: { labels: Labels }[] } | undefined)?.values ?? [];
  if (samples.length !== 1) throw new Error(`${metric} has ${samples.length} series instead of one`);
  return selector(metric, { ...samples[0]?.labels, ...scraped });
}

// The chart's Grafana dashboards: every metric exists, and Grafana's usual rules for portable dashboards hold.
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

import { describe, expect, test } from '@jest/globals';

import { createMetrics } from '../../operator/src/metrics/metrics.ts';
import { createSidecarMetrics } from '../../sidecar/src/metrics/sidecar-metrics.ts';

interface Panel {
  id: number;
  type: string;
  title: string;
  description?: string;
  datasource?: { uid: string };
  fieldConfig?: { defaults: { unit?: string } };
  targets?: { expr: string; datasource: { uid: string } }[];
}
interface Dashboard {
  uid: string;
  editable: boolean;
  refresh: string;
  templating: { list: { name: string; type: string; definition?: string }[] };
  panels: Panel[];
}

const FOLDER = join(import.meta.dirname, '../../charts/seks/files/dashboards');
const DASHBOARDS = readdirSync(FOLDER).map((file): [string, Dashboard] => [
  file,
  JSON.parse(readFileSync(join(FOLDER, file), 'utf8')) as Dashboard,
]);

const KNOWN = await metricTypes();

test('there is a dashboard for agents and one for the operator', () => {
  expect(DASHBOARDS.map(([file]) => file)).toEqual(['agents.json', 'operator.json']);
  expect(new Set(DASHBOARDS.map(([, { uid }]) => uid)).size).toBe(2);
});

describe.each(DASHBOARDS)('%s', (_, dashboard) => {
  const panels = dashboard.panels.filter(({ type }) => type !== 'row');
  const expressions = panels.flatMap(({ targets = [] }) => targets.map(({ expr }) => expr));

  test('each panel has title, description, unit and a query of the chosen data source', () => {
    expect(panels.length).toBeGreaterThan(10);
    expect(new Set(dashboard.panels.map(({ id }) => id)).size).toBe(dashboard.panels.length);
    for (const { title, description, datasource, fieldConfig, targets } of panels) {
      expect(title).not.toBe('');
      expect([title, description]).toEqual([title, expect.stringMatching(/\.$/)]);
      expect([title, fieldConfig?.defaults.unit]).toEqual([title, expect.stringMatching(/\w/)]);
      expect([title, datasource?.uid]).toEqual([title, '${datasource}']);
      expect(targets?.length).toBeGreaterThan(0);
      for (const target of targets ?? []) expect(target.datasource.uid).toBe('${datasource}');
    }
  });

  test('has variables for data source, job and namespace, and every query uses them', () => {
    expect(dashboard.templating.list.map(({ name }) => name)).toEqual(
      expect.arrayContaining(['datasource', 'job', 'namespace']),
    );
    for (const expression of expressions)
      expect(expression).toContain('job=~"$job", namespace=~"$namespace"');
  });

  test('every metric is one that we have', () => {
    const definitions = dashboard.templating.list.map(({ definition = '' }) => definition);
    for (const expression of [
      ...expressions,
      ...definitions.filter((text) => text.startsWith('label_values')),
    ]) {
      const names = expression.match(/\b(?:seks|process|nodejs)_[a-z0-9_]+/g) ?? [];
      expect([expression, names.length > 0]).toEqual([expression, true]);
      for (const name of names) {
        expect([name, KNOWN.has(name) || KNOWN.has(name.replace(/_(bucket|count|sum)$/, ''))]).toEqual([
          name,
          true,
        ]);
      }
    }
  });

  test('counters are shown as rates or increases', () => {
    for (const expression of expressions) {
      for (const [, before, name] of expression.matchAll(/(\w+\()?\b(seks_[a-z0-9_]+|process_[a-z_]+)\{/g)) {
        const type = KNOWN.get(name ?? '') ?? 'histogram';
        const isRate = before === 'rate(' || before === 'increase(';
        expect([name, isRate]).toEqual([name, type !== 'gauge']);
      }
      expect(expression).not.toMatch(/rate\([^)]*\}\[(?!\$__rate_interval\])/);
      expect(expression).not.toMatch(/increase\([^)]*\}\[(?!\$__range\])/);
    }
  });

  test('cannot be edited in place, and refreshes', () => {
    expect(dashboard.editable).toBe(false);
    expect(dashboard.refresh).not.toBe('');
  });
});

/** types of all metrics of sidecar and operator, by name */
async function metricTypes(): Promise<Map<string, string>> {
  const registries = [
    createSidecarMetrics('0.0.0').registry,
    createMetrics({ version: '0.0.0', role: 'controller' }).registry,
  ];
  const metrics = await Promise.all(registries.map((registry) => registry.getMetricsAsJSON()));
  return new Map(metrics.flat().map(({ name, type }) => [name, String(type)]));
}

import { describe, expect, test } from '@jest/globals';

import { toMarkdown } from './markdown.ts';
import { ratiosOf } from './ratios.ts';
import type { LaneTable, Results } from './results.ts';
import { targetsOf } from './targets.ts';

const json: LaneTable = {
  name: 'json-1k',
  title: 'JSON',
  about: 'About.',
  lane: 'tls',
  columns: [
    { key: 'p50Us', title: 'p50' },
    { key: 'p50Us', title: 'added', added: true },
    { key: 'cpuUsPerRequest', title: 'CPU', digits: 1 },
  ],
  rows: [
    { name: 'direct', figures: { p50Us: 100, p99Us: 200, requestsPerSecond: 40_000 } },
    { name: 'nono', figures: { p50Us: 300, p99Us: 500, requestsPerSecond: 6000, cpuUsPerRequest: 140 } },
    {
      name: 'SEKS sidecar',
      figures: { p50Us: 350, p99Us: 560, requestsPerSecond: 9000, cpuUsPerRequest: 105 },
    },
    { name: 'Portkey', figures: {}, failure: 'status 500' },
  ],
};

describe('ratios', () => {
  test('are the sidecar to each other contender that was measured', () => {
    expect(ratiosOf([json])).toEqual([['nono', 'tls', '1.50', '0.75', '1.25', '1.20']]);
  });

  test('there are none without a sidecar', () => {
    expect(ratiosOf([{ ...json, rows: json.rows.slice(0, 2) }])).toEqual([]);
  });
});

test('targets are judged by their bound, and what was not measured is not judged', () => {
  const rows = new Map(targetsOf([json]).map(([what, ...rest]) => [what, rest]));
  expect(rows.get('added latency, 1 KB JSON, c=1, p50')).toEqual(['≤ 300 µs', '250 µs', 'met']);
  expect(rows.get('requests a second, 1 KB, c=64, one core')).toEqual(['≥ 9000', '9000', 'met']);
  expect(rows.get('requests a second, times that of nono')).toEqual(['≥ 1.3 ×', '1.50 ×', 'met']);
  expect(rows.get('requests a second, times that of Portkey')).toEqual(['≥ 4 ×', 'not measured', '']);
  expect(rows.get('memory, idle')).toEqual(['≤ 75 MiB', 'not measured', '']);
  const slow = {
    ...json,
    rows: json.rows.map((row) => ({ ...row, figures: { ...row.figures, p99Us: 900 } })),
  };
  expect(targetsOf([slow])[1]?.[3]).toBe('met');
  const late = json.rows.map((row) =>
    row.name === 'SEKS sidecar' ? { ...row, figures: { ...row.figures, p99Us: 801 } } : row,
  );
  expect(targetsOf([{ ...json, rows: late }])[1]).toEqual([
    'added latency, 1 KB JSON, c=1, p99',
    '≤ 600 µs',
    '601 µs',
    'missed',
  ]);
});

test('the page names machine, failures and what did not run', () => {
  const results: Results = {
    date: '2030-01-02T03:04:05.000Z',
    quick: true,
    machine: {
      cpu: 'Test CPU',
      cores: 2,
      memoryGiB: 8,
      kernel: '6.1',
      node: '24.0.0',
      pinned: { target: '0', load: '1' },
      loadBefore: 0.25,
    },
    contenders: [{ name: 'direct', about: 'nothing | between', version: '', lanes: ['tls'] }],
    notRun: [{ name: 'LiteLLM', lane: 'tls', reason: 'no\npython3' }],
    tables: [json],
  };
  const page = toMarkdown(results);
  expect(page).toContain('2030-01-02T03:04:05.000Z: Test CPU, 2 cores, 8 GiB, Linux 6.1, Node 24.0.0');
  expect(page).toContain('figures are noise');
  expect(page).toContain('| SEKS sidecar | 350 | 250 | 105.0 |');
  expect(page).toContain('| direct | 100 | – | – |');
  expect(page).toContain('- Portkey: failed: status 500');
  expect(page).toContain('| LiteLLM | tls | no python3 |');
  expect(page).toContain('nothing \\| between');
});

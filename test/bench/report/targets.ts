// The targets of DESIGN.md §13 that this bench can judge, beside what was measured.
import { cellValue } from '../figures.ts';
import { BARE_UNDICI, DIRECT, LITELLM, NONO, PORTKEY, SIDECAR } from './names.ts';
import type { LaneTable } from './results.ts';
import type { Lane } from '../target.ts';

interface Goal {
  what: string;
  limit: number;
  /** whether the limit is the most or the least that is allowed */
  bound: 'most' | 'least';
  unit: string;
  digits?: number;
  measured: (tables: readonly LaneTable[]) => number | undefined;
}

const GOALS: readonly Goal[] = [
  most('added latency, 1 KB JSON, c=1, p50', 300, 'µs', (tables) => added(tables, 'json-1k', 'p50Us')),
  most('added latency, 1 KB JSON, c=1, p99', 600, 'µs', (tables) => added(tables, 'json-1k', 'p99Us')),
  most('p99 of added latency, times that of nono', 1.2, '×', (tables) =>
    divide(added(tables, 'json-1k', 'p99Us'), added(tables, 'json-1k', 'p99Us', NONO)),
  ),
  least('requests a second, 1 KB, c=64, one core', 9000, '', (tables) => requests(tables, SIDECAR)),
  most('CPU time of a request', 110, 'µs', (tables) => figure(tables, 'json-1k', 'cpuUsPerRequest', SIDECAR)),
  faster('a bare node:http + undici header swap', 0.6, BARE_UNDICI),
  faster('nono', 1.3, NONO),
  faster('Portkey', 4, PORTKEY),
  faster('LiteLLM', 50, LITELLM),
  most('first event, added p50', 900, 'µs', (tables) => added(tables, 'first-byte', 'firstByteP50Us')),
  // Not the median: with so many streams events are read in pairs, and every second gap is none.
  most('gap between events, 512 streams, p99, times that of direct', 1.2, '×', (tables) =>
    divide(figure(tables, 'sse-512', 'gapP99Ms', SIDECAR), figure(tables, 'sse-512', 'gapP99Ms', DIRECT)),
  ),
  most('gap between events, 1 stream, p99', 40, 'ms', (tables) =>
    figure(tables, 'sse-1', 'gapP99Ms', SIDECAR),
  ),
  most('memory, idle', 75, 'MiB', (tables) => figure(tables, 'memory', 'idleMiB', SIDECAR)),
  most('memory, right after full load', 150, 'MiB', (tables) => figure(tables, 'memory', 'loadMiB', SIDECAR)),
  most('memory, a minute later', 100, 'MiB', (tables) => figure(tables, 'memory', 'afterMiB', SIDECAR)),
];

/** rows of: what, target, measured, verdict */
export function targetsOf(tables: readonly LaneTable[]): string[][] {
  return GOALS.map(
    ({ what, limit, bound, unit, digits = unit === '×' || unit === 'ms' ? 2 : 0, measured }) => {
      const value = measured(tables);
      const target = `${bound === 'most' ? '≤' : '≥'} ${limit} ${unit}`.trim();
      if (value === undefined) return [what, target, 'not measured', ''];
      const met = bound === 'most' ? value <= limit : value >= limit;
      return [what, target, `${value.toFixed(digits)} ${unit}`.trim(), met ? 'met' : 'missed'];
    },
  );
}

function most(what: string, limit: number, unit: string, measured: Goal['measured']): Goal {
  return { what, limit, bound: 'most', unit, measured };
}

function least(what: string, limit: number, unit: string, measured: Goal['measured']): Goal {
  return { what, limit, bound: 'least', unit, measured };
}

function faster(peer: string, limit: number, name: string): Goal {
  return least(`requests a second, times that of ${peer}`, limit, '×', (tables) =>
    divide(requests(tables, SIDECAR), requests(tables, name)),
  );
}

function requests(tables: readonly LaneTable[], name: string): number | undefined {
  return figure(tables, 'json-1k', 'requestsPerSecond', name);
}

/** with the upstream that real providers have: TLS */
function tableOf(tables: readonly LaneTable[], name: string, lane: Lane = 'tls'): LaneTable | undefined {
  return tables.find((table) => table.name === name && table.lane === lane);
}

function figure(tables: readonly LaneTable[], table: string, key: string, name: string): number | undefined {
  return tableOf(tables, table)?.rows.find((row) => row.name === name)?.figures[key];
}

function added(
  tables: readonly LaneTable[],
  tableName: string,
  key: string,
  name: string = SIDECAR,
): number | undefined {
  const rows = tableOf(tables, tableName)?.rows;
  const row = rows?.find((candidate) => candidate.name === name);
  return row === undefined ? undefined : cellValue({ key, title: '', added: true }, row, rows?.[0]);
}

function divide(mine: number | undefined, other: number | undefined): number | undefined {
  return mine === undefined || other === undefined || other <= 0 ? undefined : mine / other;
}

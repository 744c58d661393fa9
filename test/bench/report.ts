// Writes what was measured as a Markdown page: figures, ratios to the sidecar, and where the page came from.
import type { Latency, Throughput } from './measure.ts';

export interface Results {
  /** target names, the direct one first */
  names: string[];
  latency: Map<string, Latency>;
  firstEvent: Map<string, Latency>;
  throughput: Map<string, Throughput>;
  /** resident memory before any load, in `MiB` */
  idleMiB: Map<string, number>;
  machine: { cpus: string; node: string; date: string };
}

export function toMarkdown(results: Results): string {
  const { names, machine } = results;
  const direct = names[0] ?? '';
  const rows = names.map((name) => {
    const latency = results.latency.get(name);
    const event = results.firstEvent.get(name);
    const load = results.throughput.get(name);
    return [
      name,
      fixed(latency?.p50Us),
      fixed(latency?.p99Us),
      name === direct ? '–' : added(latency, results.latency.get(direct)),
      name === direct ? '–' : added(event, results.firstEvent.get(direct)),
      fixed(load?.requestsPerSecond),
      fixed(load?.cpuUsPerRequest),
      fixed(results.idleMiB.get(name)),
      fixed(load?.residentMiB),
    ];
  });
  return [
    '# Bench',
    '',
    `One run on ${machine.cpus}, Node ${machine.node}, ${machine.date}. Loopback only; every target ends at the same HTTPS`,
    'upstream, "direct" without anything in between. 1 KB JSON each way. Times are medians over interleaved rounds, except p99.',
    'The load generator and the upstream share the machine with the targets, so read ratios rather than single figures.',
    '',
    '| target | p50 µs, c=1 | p99 µs | added p50 / p99 µs | first event, added p50 / p99 µs | req/s, c=64 | CPU µs/req | RSS idle MiB | RSS after load MiB |',
    '| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |',
    ...rows.map((cells) => `| ${cells.join(' | ')} |`),
    '',
    ...ratios(results),
    '',
  ].join('\n');
}

function ratios(results: Results): string[] {
  const { names } = results;
  const sidecar = names.at(-1) ?? '';
  return names.slice(0, -1).flatMap((name) => {
    const of = (read: (name: string) => number | undefined): string => {
      const mine = read(sidecar);
      const other = read(name);
      return mine === undefined || other === undefined ? '–' : `${(mine / other).toFixed(2)} ×`;
    };
    return [
      `- ${sidecar} to ${name}: latency p50 ${of((n) => results.latency.get(n)?.p50Us)}, ` +
        `first event p50 ${of((n) => results.firstEvent.get(n)?.p50Us)}, ` +
        `throughput ${of((n) => results.throughput.get(n)?.requestsPerSecond)}, ` +
        `CPU a request ${of((n) => results.throughput.get(n)?.cpuUsPerRequest)}`,
    ];
  });
}

function added(latency: Latency | undefined, direct: Latency | undefined): string {
  if (latency === undefined || direct === undefined) return '–';
  return `${fixed(latency.p50Us - direct.p50Us)} / ${fixed(latency.p99Us - direct.p99Us)}`;
}

function fixed(value: number | undefined): string {
  return value === undefined ? '–' : value.toFixed(0);
}

// Counters, gauges and histograms that cost an addition on the request path. prom-client looks a series up by its labels on
// every call, which at nine calls a request was a tenth of its time; here labels are dealt with when Prometheus asks.
import type { Metric, Registry } from 'prom-client';

export type Labels = Readonly<Record<string, string>>;

/** one series of a counter or gauge */
export interface Cell {
  value: number;
}

/** one series of a histogram */
export interface HistogramCell {
  observe: (value: number) => void;
}

/** all series of one metric; a series is made once and kept by whoever counts with it */
export interface Family<C> {
  series(labels: Labels): C;
}

interface Sample {
  metricName: string;
  labels: Labels;
  value: number;
}

/** registers a counter or gauge */
export function createCells(
  registry: Registry,
  type: 'counter' | 'gauge',
  name: string,
  help: string,
): Family<Cell> {
  const all: { labels: Labels; cell: Cell }[] = [];
  register(registry, type, name, help, () =>
    all.map(({ labels, cell }) => ({ metricName: name, labels, value: cell.value })),
  );
  return {
    series(labels) {
      const cell = { value: 0 };
      all.push({ labels, cell });
      return cell;
    },
  };
}

/** registers a histogram with the given upper bounds, in ascending order */
export function createHistogram(
  registry: Registry,
  name: string,
  help: string,
  bounds: readonly number[],
): Family<HistogramCell> {
  const all: { labels: Labels; cell: Buckets }[] = [];
  register(registry, 'histogram', name, help, () =>
    all.flatMap(({ labels, cell }) => cell.samples(name, labels)),
  );
  return {
    series(labels) {
      const cell = new Buckets(bounds);
      all.push({ labels, cell });
      return { observe: (value) => cell.observe(value) };
    },
  };
}

class Buckets {
  readonly #bounds: readonly number[];
  /** one more than bounds: the last is for what is above all of them */
  readonly #counts: number[];
  #sum = 0;

  constructor(bounds: readonly number[]) {
    this.#bounds = bounds;
    this.#counts = [...bounds, 0].map(() => 0);
  }

  observe(value: number): void {
    let i = 0;
    while (i < this.#bounds.length && value > (this.#bounds[i] ?? 0)) i += 1;
    this.#counts[i] = (this.#counts[i] ?? 0) + 1;
    this.#sum += value;
  }

  samples(name: string, labels: Labels): Sample[] {
    let count = 0;
    const buckets = this.#counts.map((own, i) => {
      count += own;
      const le = this.#bounds[i]?.toString() ?? '+Inf';
      return { metricName: `${name}_bucket`, labels: { ...labels, le }, value: count };
    });
    return [
      ...buckets,
      { metricName: `${name}_sum`, labels, value: this.#sum },
      { metricName: `${name}_count`, labels, value: count },
    ];
  }
}

/** a registry asks a metric for no more than its name and its samples */
function register(
  registry: Registry,
  type: string,
  name: string,
  help: string,
  samples: () => Sample[],
): void {
  const get = () => Promise.resolve({ name, help, type, aggregator: 'sum', values: samples() });
  registry.registerMetric({ name, help, type, get } as unknown as Metric);
}

// A real Prometheus for one test: its own folder, a free port of the loopback, gone afterwards.
import { spawn, type ChildProcess } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { findProgram } from '../cluster/command.ts';
import { ensureDebianPackages } from '../cluster/debian.ts';
import type { Progress } from '../cluster/progress.ts';
import { waitUntil } from '../cluster/wait-until.ts';

/** one endpoint to scrape, with the labels that the chart's monitors would give it */
export interface ScrapeTarget {
  /** `host:port`, the path is /metrics */
  readonly address: string;
  readonly labels: Readonly<Record<string, string>>;
}

/** one time series of an instant query */
export interface Sample {
  readonly metric: Readonly<Record<string, string>>;
  readonly value: number;
}

export interface Prometheus {
  /** samples of an expression now; throws what Prometheus says if it cannot be parsed or run */
  query(expression: string): Promise<Sample[]>;
  /** whether the expression runs over a time range too, as dashboards use it */
  queryRange(expression: string, seconds: number, stepSeconds: number): Promise<void>;
  /** values of a label, as Grafana's label_values(selector, label) asks for them */
  labelValues(selector: string, label: string): Promise<string[]>;
  stop(): Promise<void>;
}

export interface PrometheusSettings {
  readonly targets: readonly ScrapeTarget[];
  readonly scrapeIntervalSeconds: number;
  readonly progress: Progress;
}

/** finds promtool or prometheus, installed if need be and possible */
export async function prometheusProgram(
  name: 'prometheus' | 'promtool',
  progress: Progress,
): Promise<string> {
  if (findProgram(name) === undefined) await ensureDebianPackages(['prometheus'], progress);
  const program = findProgram(name);
  if (program === undefined) throw new Error(`the Debian package prometheus has no program ${name}`);
  return program;
}

/** starts it and waits until it has scraped every target */
export async function startPrometheus(settings: PrometheusSettings): Promise<Prometheus> {
  const program = await prometheusProgram('prometheus', settings.progress);
  const folder = await mkdtemp(join(tmpdir(), 'seks-prometheus-'));
  await writeFile(join(folder, 'prometheus.yml'), JSON.stringify(configuration(settings)));
  const port = await freePort();
  const child = spawn(
    program,
    [
      `--config.file=${join(folder, 'prometheus.yml')}`,
      `--storage.tsdb.path=${join(folder, 'data')}`,
      `--web.listen-address=127.0.0.1:${port}`,
      '--log.level=warn',
    ],
    { stdio: ['ignore', 'ignore', 'pipe'] },
  );
  let log = '';
  child.stderr.setEncoding('utf8').on('data', (chunk: string) => (log = `${log}${chunk}`.slice(-4_000)));
  const stop = async (): Promise<void> => {
    await end(child);
    await rm(folder, { recursive: true, force: true });
  };
  const prometheus = client(`http://127.0.0.1:${port}`, stop);
  try {
    await waitUntil(
      async () => {
        const up = await prometheus.query('up');
        return up.length === settings.targets.length && up.every(({ value }) => value === 1);
      },
      {
        what: `Prometheus to scrape ${settings.targets.length} targets`,
        timeoutMs: 60_000,
        intervalMs: 250,
        hopeless: () => (child.exitCode === null ? undefined : `it ended: ${log}`),
      },
    );
  } catch (error) {
    await stop();
    throw error;
  }
  return prometheus;
}

function configuration({ targets, scrapeIntervalSeconds }: PrometheusSettings): object {
  return {
    global: { scrape_interval: `${scrapeIntervalSeconds}s` },
    scrape_configs: [
      {
        job_name: 'seks',
        static_configs: targets.map(({ address, labels }) => ({ targets: [address], labels })),
      },
    ],
  };
}

function client(origin: string, stop: () => Promise<void>): Prometheus {
  const get = async (path: string, parameters: Readonly<Record<string, string>>): Promise<unknown> => {
    const url = `${origin}/api/v1/${path}?${new URLSearchParams(parameters).toString()}`;
    const response = await fetch(url, { signal: AbortSignal.timeout(20_000) });
    const answer = (await response.json()) as {
      status: string;
      data: unknown;
      error?: string;
      warnings?: string[];
    };
    if (answer.status !== 'success' || answer.warnings !== undefined) {
      throw new Error(`${Object.values(parameters)[0]}: ${answer.error ?? answer.warnings?.join()}`);
    }
    return answer.data;
  };
  return {
    stop,
    async query(expression) {
      const data = (await get('query', { query: expression })) as VectorOrScalar;
      if (data.resultType === 'scalar') return [{ metric: {}, value: Number(data.result[1]) }];
      return data.result.map(({ metric, value }) => ({ metric, value: Number(value[1]) }));
    },
    async queryRange(expression, seconds, stepSeconds) {
      const endSeconds = Date.now() / 1000;
      await get('query_range', {
        query: expression,
        start: String(endSeconds - seconds),
        end: String(endSeconds),
        step: String(stepSeconds),
      });
    },
    labelValues: async (selector, label) =>
      (await get(`label/${label}/values`, { 'match[]': selector })) as string[],
  };
}

type VectorOrScalar =
  | { readonly resultType: 'scalar'; readonly result: readonly [number, string] }
  | {
      readonly resultType: 'vector';
      readonly result: readonly {
        readonly metric: Readonly<Record<string, string>>;
        readonly value: readonly [number, string];
      }[];
    };

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const ended = new Promise((resolve) => child.once('close', resolve));
  child.kill('SIGKILL');
  await ended;
}

/** a port that was free a moment ago */
function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const { port } = server.address() as AddressInfo;
      server.close(() => resolve(port));
    });
  });
}

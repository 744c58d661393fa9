// A real Prometheus on a free port of this machine, which scrapes through the API server each second.
import { spawn } from 'node:child_process';
import { mkdtempSync, openSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { findProgram } from '../cluster/command.ts';
import { ensureDebianPackages } from '../cluster/debian.ts';
import { CannotRunHere, StepFailed } from '../cluster/failures.ts';
import { tailOfFile } from '../cluster/log-tail.ts';
import type { Progress } from '../cluster/progress.ts';
import { waitUntil } from '../cluster/wait-until.ts';

export interface ScrapeTarget {
  /** path of the metrics below the proxy's origin */
  readonly path: string;
  readonly labels: Readonly<Record<string, string>>;
}

export interface Sample {
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

export interface Prometheus {
  /** an instant query; what Prometheus cannot parse throws with its message */
  query(expr: string): Promise<Sample[]>;
  labelValues(label: string, series: string): Promise<string[]>;
  /** waits until every target was scraped this many times more */
  untilScraped(times: number): Promise<void>;
  stop(): Promise<void>;
}

const startTimeoutMs = 30_000;
const scrapeTimeoutMs = 60_000;

export async function startPrometheus(
  proxyOrigin: string,
  targets: readonly ScrapeTarget[],
  progress: Progress,
): Promise<Prometheus> {
  if (findProgram('prometheus') === undefined) await ensureDebianPackages(['prometheus'], progress);
  const program = findProgram('prometheus');
  if (program === undefined)
    throw new CannotRunHere('there is no prometheus', 'install the package prometheus');
  const folder = mkdtempSync(join(tmpdir(), 'seks-prometheus-'));
  writeFileSync(join(folder, 'prometheus.yml'), JSON.stringify(configuration(proxyOrigin, targets)));
  const port = await freePort();
  const logFile = join(folder, 'log');
  const log = openSync(logFile, 'w');
  const child = spawn(
    program,
    [
      `--config.file=${join(folder, 'prometheus.yml')}`,
      `--storage.tsdb.path=${join(folder, 'data')}`,
      `--web.listen-address=127.0.0.1:${port}`,
    ],
    { stdio: ['ignore', log, log] },
  );
  const ended = new Promise<void>((resolve) => {
    child.once('close', () => resolve());
  });
  const origin = `http://127.0.0.1:${port}`;

  async function ask<T>(path: string, parameters: Record<string, string>): Promise<T> {
    const answer = await fetch(`${origin}${path}?${new URLSearchParams(parameters).toString()}`);
    const body = (await answer.json()) as { status: string; error?: string; data: T };
    if (body.status !== 'success') throw new StepFailed(`Prometheus: ${body.error ?? answer.status}`);
    return body.data;
  }
  async function query(expr: string): Promise<Sample[]> {
    const { result } = await ask<{ result: { metric: Record<string, string>; value: [number, string] }[] }>(
      '/api/v1/query',
      { query: expr },
    );
    return result.map(({ metric, value }) => ({ labels: metric, value: Number(value[1]) }));
  }
  await waitUntil(async () => (await fetch(`${origin}/-/ready`)).ok, {
    what: 'Prometheus',
    timeoutMs: startTimeoutMs,
    logFile,
    hopeless: () => (child.exitCode === null ? undefined : `it exited: ${tailOfFile(logFile)}`),
  });

  return {
    query,
    labelValues: (label, series) => ask<string[]>(`/api/v1/label/${label}/values`, { 'match[]': series }),
    async untilScraped(times) {
      const from = Date.now() / 1000;
      await waitUntil(
        async () => {
          // At one scrape a second, a sample that is `times` seconds younger has that many before it.
          const [scraped] = await query(`count(timestamp(up == 1) > ${from + times})`);
          return scraped?.value === targets.length;
        },
        {
          what: `Prometheus to scrape ${targets.length} targets`,
          timeoutMs: scrapeTimeoutMs,
          intervalMs: 250,
          logFile,
        },
      );
    },
    async stop() {
      child.kill('SIGKILL');
      await ended;
      rmSync(folder, { recursive: true });
    },
  };
}

function configuration(proxyOrigin: string, targets: readonly ScrapeTarget[]): object {
  return {
    global: { scrape_interval: '1s', scrape_timeout: '1s' },
    scrape_configs: targets.map(({ path, labels }, index) => ({
      job_name: `target-${index}`,
      metrics_path: path,
      static_configs: [{ targets: [new URL(proxyOrigin).host], labels }],
    })),
  };
}

function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const address = server.address();
      server.close(() => resolve(typeof address === 'object' && address !== null ? address.port : 0));
    });
  });
}

// The measurements. Each goes round the targets in turn, several times, so that noise of the machine hits all alike.
import autocannon from 'autocannon';

import { cpuTimeMs, residentMiB } from './process-usage.ts';
import { median, percentile } from './statistics.ts';
import { REQUEST_BODY, connect, drain } from './target.ts';
import type { Target } from './target.ts';

export interface Latency {
  p50Us: number;
  p99Us: number;
}

export interface Throughput {
  requestsPerSecond: number;
  /** CPU time of the target's own process; `undefined` where there is none */
  cpuUsPerRequest: number | undefined;
  residentMiB: number | undefined;
}

/** round trip of one request at a time on a warm connection */
export async function latency(
  targets: Target[],
  rounds: number,
  perRound: number,
): Promise<Map<string, Latency>> {
  return roundRobin(targets, rounds, async (target, samples) => {
    const connection = connect(target);
    for (let i = 0; i < perRound; i += 1) {
      const start = process.hrtime.bigint();
      await drain(await connection.send(false).response, target.name);
      samples.push(Number(process.hrtime.bigint() - start) / 1000);
    }
    connection.close();
  });
}

/** time from sending a request to the first byte of a streamed answer's body */
export async function firstEvent(
  targets: Target[],
  rounds: number,
  perRound: number,
): Promise<Map<string, Latency>> {
  return roundRobin(targets, rounds, async (target, samples) => {
    const connection = connect(target);
    for (let i = 0; i < perRound; i += 1) {
      const start = process.hrtime.bigint();
      const stream = await connection.send(true).response;
      stream.once('data', () => samples.push(Number(process.hrtime.bigint() - start) / 1000));
      // To its end, so that the connection can be used again: a new one would cost the direct target a TLS handshake.
      await drain(stream, target.name);
    }
    connection.close();
  });
}

/** requests a second with 64 connections, and what they cost the target's process */
export async function throughput(
  targets: Target[],
  rounds: number,
  seconds: number,
): Promise<Map<string, Throughput>> {
  const all = new Map<string, Throughput[]>();
  for (let round = 0; round < rounds; round += 1) {
    for (const target of targets) {
      const before = target.pid === undefined ? undefined : cpuTimeMs(target.pid);
      const result = await autocannon({
        url: target.url + target.path,
        method: 'POST',
        connections: 64,
        duration: seconds,
        headers: { authorization: target.authorization, 'content-type': 'application/json' },
        body: REQUEST_BODY,
        ...(target.ca === undefined ? {} : { tlsOptions: { ca: target.ca } }),
      });
      const answered = result['2xx'];
      if (result.non2xx > 0 || result.errors > 0 || answered === 0) {
        throw new Error(
          `${target.name}: ${result.non2xx} refused, ${result.errors} failed, ${answered} answered`,
        );
      }
      const runs = all.get(target.name) ?? [];
      runs.push({
        requestsPerSecond: answered / result.duration,
        cpuUsPerRequest:
          target.pid === undefined || before === undefined
            ? undefined
            : ((cpuTimeMs(target.pid) - before) * 1000) / answered,
        residentMiB: target.pid === undefined ? undefined : residentMiB(target.pid),
      });
      all.set(target.name, runs);
    }
  }
  return new Map([...all].map(([name, runs]) => [name, medianOf(runs)]));
}

function medianOf(runs: Throughput[]): Throughput {
  const of = (read: (run: Throughput) => number | undefined): number | undefined => {
    const values = runs.map(read).filter((value) => value !== undefined);
    return values.length === 0 ? undefined : median(values);
  };
  return {
    requestsPerSecond: median(runs.map((run) => run.requestsPerSecond)),
    cpuUsPerRequest: of((run) => run.cpuUsPerRequest),
    residentMiB: of((run) => run.residentMiB),
  };
}

async function roundRobin(
  targets: Target[],
  rounds: number,
  run: (target: Target, samples: number[]) => Promise<void>,
): Promise<Map<string, Latency>> {
  const samples = new Map<string, number[]>(targets.map(({ name }) => [name, []]));
  // The first round warms connections and compilers up and is not counted.
  for (let round = 0; round <= rounds; round += 1) {
    for (const target of targets) await run(target, round === 0 ? [] : (samples.get(target.name) ?? []));
  }
  return new Map(
    [...samples].map(([name, values]) => [
      name,
      { p50Us: percentile(values, 0.5), p99Us: percentile(values, 0.99) },
    ]),
  );
}

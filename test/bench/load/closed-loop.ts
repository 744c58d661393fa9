// Closed loops: each connection sends its next request when the answer to the last one has come.
import type { Figures } from '../figures.ts';
import { cpuTimeMs } from '../process-usage.ts';
import { percentile } from '../statistics.ts';
import type { Endpoint } from '../target.ts';
import { Connection, nowUs, requestBytes } from './connection.ts';

/** opens so many connections; all or none */
export async function openAll(endpoint: Endpoint, count: number): Promise<Connection[]> {
  const opened = await Promise.allSettled(Array.from({ length: count }, () => Connection.open(endpoint)));
  const connections = opened.flatMap((each) => (each.status === 'fulfilled' ? [each.value] : []));
  const failed = opened.find((each) => each.status === 'rejected');
  if (failed === undefined) return connections;
  closeAll(connections);
  throw failed.reason;
}

/** the connection, or a new one in the place of one that was ended */
async function usable(connection: Connection, endpoint: Endpoint): Promise<Connection> {
  if (!connection.closed) return connection;
  connection.close();
  return Connection.open(endpoint);
}

export function closeAll(connections: readonly Connection[]): void {
  for (const connection of connections) connection.close();
}

/** round trips of one request at a time, in `µs` */
export async function latency(
  endpoint: Endpoint,
  body: string,
  durationMs: number,
): Promise<{ p50Us: number; p99Us: number; firstByteP50Us: number; firstByteP99Us: number }> {
  const request = requestBytes(endpoint, body);
  let connection = await Connection.open(endpoint);
  const samples: number[] = [];
  const firstBytes: number[] = [];
  try {
    // Opens the connection to the upstream, too.
    await connection.exchange(request);
    const untilUs = nowUs() + durationMs * 1000;
    while (nowUs() < untilUs) {
      const startUs = nowUs();
      // Counted: with a contender that closes after each answer, that is what every request costs its client.
      connection = await usable(connection, endpoint);
      const { firstByteUs } = await connection.exchange(request);
      samples.push(nowUs() - startUs);
      firstBytes.push(firstByteUs - startUs);
    }
  } finally {
    connection.close();
  }
  return {
    p50Us: percentile(samples, 0.5),
    p99Us: percentile(samples, 0.99),
    firstByteP50Us: percentile(firstBytes, 0.5),
    firstByteP99Us: percentile(firstBytes, 0.99),
  };
}

/** requests a second on so many connections, and what they cost the process, if there is one */
export async function throughput(
  endpoint: Endpoint,
  body: string,
  connectionCount: number,
  durationMs: number,
  pid: number | undefined,
): Promise<Figures> {
  const request = requestBytes(endpoint, body);
  const connections = await openAll(endpoint, connectionCount);
  try {
    await Promise.all(connections.map((connection) => connection.exchange(request)));
    const cpuBeforeMs = pid === undefined ? 0 : cpuTimeMs(pid);
    const startUs = nowUs();
    const untilUs = startUs + durationMs * 1000;
    let answered = 0;
    await Promise.all(
      connections.map(async (first, i) => {
        let connection = first;
        while (nowUs() < untilUs) {
          connection = await usable(connection, endpoint);
          connections[i] = connection;
          await connection.exchange(request);
          answered += 1;
        }
      }),
    );
    const requestsPerSecond = (answered * 1e6) / (nowUs() - startUs);
    if (pid === undefined) return { requestsPerSecond };
    return { requestsPerSecond, cpuUsPerRequest: ((cpuTimeMs(pid) - cpuBeforeMs) * 1000) / answered };
  } finally {
    closeAll(connections);
  }
}

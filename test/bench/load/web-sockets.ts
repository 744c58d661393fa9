// Echoes over WebSockets: the message goes to the upstream and comes back.
import { once } from 'node:events';

import { WebSocket } from 'ws';

import type { Figures } from '../figures.ts';
import { cpuTimeMs } from '../process-usage.ts';
import { percentile } from '../statistics.ts';
import type { Endpoint } from '../target.ts';
import { nowUs } from './connection.ts';

const MESSAGE = JSON.stringify({ type: 'input_text', text: 'x'.repeat(1000) });
const TIMEOUT_MS = 10_000;

export interface EchoOptions {
  latencyMs: number;
  throughputMs: number;
  connectionCount: number;
  pid: number | undefined;
}

/** round trips of one message at a time, then messages a second on many connections */
export async function echo(endpoint: Endpoint, options: EchoOptions): Promise<Figures> {
  const { latencyMs, throughputMs, connectionCount, pid } = options;
  const single = await open(endpoint);
  const samples: number[] = [];
  try {
    await roundTrip(single);
    const untilUs = nowUs() + latencyMs * 1000;
    for (let startUs = nowUs(); startUs < untilUs; startUs = nowUs()) {
      await roundTrip(single);
      samples.push(nowUs() - startUs);
    }
  } finally {
    single.terminate();
  }
  const sockets: WebSocket[] = [];
  try {
    for (let i = 0; i < connectionCount; i += 1) sockets.push(await open(endpoint));
    const cpuBeforeMs = pid === undefined ? 0 : cpuTimeMs(pid);
    const startUs = nowUs();
    const untilUs = startUs + throughputMs * 1000;
    let echoed = 0;
    await Promise.all(
      sockets.map(async (socket) => {
        while (nowUs() < untilUs) {
          await roundTrip(socket);
          echoed += 1;
        }
      }),
    );
    return {
      p50Us: percentile(samples, 0.5),
      p99Us: percentile(samples, 0.99),
      messagesPerSecond: (echoed * 1e6) / (nowUs() - startUs),
      ...(pid === undefined ? {} : { cpuUsPerMessage: ((cpuTimeMs(pid) - cpuBeforeMs) * 1000) / echoed }),
    };
  } finally {
    for (const socket of sockets) socket.terminate();
  }
}

async function open({ port, host, tls, path, authorization }: Endpoint): Promise<WebSocket> {
  const socket = new WebSocket(`${tls === undefined ? 'ws' : 'wss'}://127.0.0.1:${port}${path}`, {
    headers: { host, authorization },
    perMessageDeflate: false,
    handshakeTimeout: TIMEOUT_MS,
    ...tls,
  });
  await once(socket, 'open');
  return socket;
}

function roundTrip(socket: WebSocket): Promise<void> {
  return new Promise((resolve, reject) => {
    const closed = (): void => reject(new Error('the WebSocket was closed'));
    socket.once('close', closed);
    socket.once('message', () => {
      socket.off('close', closed);
      resolve();
    });
    socket.send(MESSAGE);
  });
}

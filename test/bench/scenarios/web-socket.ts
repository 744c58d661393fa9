// WebSocket echo, for the contenders that relay WebSockets.
import { echo } from '../load/web-sockets.ts';
import type { Scenario } from './scenario.ts';

const CONNECTIONS = 32;

export const WEB_SOCKET: Scenario = {
  name: 'web-socket',
  title: 'WebSocket echo, 1 KB messages',
  about: `The upstream sends each message back. Latency on one connection; messages a second and CPU on ${CONNECTIONS}.`,
  lanes: ['tls'],
  columns: [
    { key: 'p50Us', title: 'p50 µs, c=1' },
    { key: 'p99Us', title: 'p99 µs' },
    { key: 'p50Us', title: 'added p50 µs', added: true },
    { key: 'p99Us', title: 'added p99 µs', added: true },
    { key: 'messagesPerSecond', title: `echoes/s, c=${CONNECTIONS}` },
    { key: 'cpuUsPerMessage', title: 'CPU µs/echo' },
  ],
  fits: ({ webSocket, variant }) => webSocket !== undefined && !variant,
  rounds: (pace) => pace.fewRounds,
  async measure({ webSocket, pid }, pace) {
    if (webSocket === undefined) throw new Error('relays no WebSockets');
    return echo(webSocket, {
      latencyMs: pace.latencyMs / 2,
      throughputMs: pace.throughputMs / 2,
      connectionCount: CONNECTIONS,
      pid,
    });
  },
};

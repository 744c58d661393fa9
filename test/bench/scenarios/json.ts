// Whole JSON answers of several sizes: one request at a time, then 64 at once.
import type { Column } from '../figures.ts';
import { latency, throughput } from '../load/closed-loop.ts';
import type { Endpoint, Lane, Target } from '../target.ts';
import { type Kind, requestBody } from '../upstream/answers.ts';
import type { Scenario } from './scenario.ts';

const CONNECTIONS = 64;
/** for large answers: with more of them the slow ones would not finish in time */
const FEW_CONNECTIONS = 8;

const columns = (connections: number): readonly Column[] => [
  { key: 'p50Us', title: 'p50 µs, c=1' },
  { key: 'p99Us', title: 'p99 µs' },
  { key: 'p50Us', title: 'added p50 µs', added: true },
  { key: 'p99Us', title: 'added p99 µs', added: true },
  { key: 'requestsPerSecond', title: `req/s, c=${connections}` },
  { key: 'cpuUsPerRequest', title: 'CPU µs/req' },
];

interface JsonScenario {
  name: string;
  title: string;
  about: string;
  lanes: readonly Lane[];
  kind: Kind;
  requestBytes: number;
  variants?: boolean;
  /** at once, when throughput is measured; 64 unless told */
  connections?: number;
  /** share of the usual time */
  share: number;
  /** which of a target's ways in is used */
  way?: (target: Target) => Endpoint | undefined;
}

function jsonScenario(options: JsonScenario): Scenario {
  const {
    name,
    title,
    about,
    lanes,
    kind,
    requestBytes,
    share,
    variants = false,
    connections = CONNECTIONS,
  } = options;
  const body = requestBody(kind, requestBytes);
  const way = options.way ?? ((target: Target) => target.endpoint);
  const endpointOf = (target: Target): Endpoint => {
    const endpoint = way(target);
    if (endpoint === undefined) throw new Error('cannot do this');
    return endpoint;
  };
  return {
    name,
    title,
    about,
    lanes,
    columns: columns(connections),
    fits: (target) => way(target) !== undefined && (variants || !target.variant),
    rounds: (pace) => pace.rounds,
    async warmUp(target, pace) {
      await throughput(endpointOf(target), body, connections, pace.warmUpMs * share, undefined);
    },
    async measure(target, pace) {
      const endpoint = endpointOf(target);
      const { p50Us, p99Us } = await latency(endpoint, body, pace.latencyMs * share);
      const load = await throughput(endpoint, body, connections, pace.throughputMs * share, target.pid);
      return { p50Us, p99Us, ...load };
    },
  };
}

export const JSON_SCENARIOS: readonly Scenario[] = [
  jsonScenario({
    name: 'json-1k',
    title: 'JSON, 1 KB each way',
    about:
      'A chat completion. Latency with one request at a time; requests a second and CPU with 64 at once.',
    lanes: ['tls', 'plain'],
    kind: 'kilobyte',
    requestBytes: 1024,
    variants: true,
    share: 1,
  }),
  jsonScenario({
    name: 'json-64k',
    title: 'JSON, 64 KB each way',
    about: 'A long prompt and a long answer.',
    lanes: ['tls'],
    kind: 'kilobytes64',
    requestBytes: 65_536,
    variants: true,
    share: 0.5,
  }),
  jsonScenario({
    name: 'answer-1m',
    title: 'Answer of 1 MiB',
    about: 'A short request and a large JSON answer, as of a batch of embeddings.',
    lanes: ['tls'],
    kind: 'mebibyte',
    connections: FEW_CONNECTIONS,
    requestBytes: 1024,
    variants: true,
    share: 0.4,
  }),
  jsonScenario({
    name: 'interception',
    title: 'TLS interception, 1 KB each way',
    about:
      "The client speaks TLS to the provider's name; who stands in between ends it and opens another to the upstream.",
    lanes: ['tls'],
    kind: 'kilobyte',
    requestBytes: 1024,
    share: 0.5,
    way: ({ interception }) => interception,
  }),
];

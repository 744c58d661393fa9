// The sidecar's Prometheus metrics. Every label value comes from a closed set: the injection config, the error catalogue,
// the status codes of HTTP. Nothing that an agent sends becomes a label (S9).
import { METHODS, STATUS_CODES } from 'node:http';

import type { ErrorCode } from '@seks/crds';
import { Counter, Gauge, Histogram, Registry } from 'prom-client';

import type { TokenCounts } from '../usage/token-counts.ts';

/** the labels that request metrics have in common; empty where not known, e.g. for a request without token */
export interface CommonLabels {
  agent: string;
  agent_container: string;
  credential: string;
  provider: string;
  tier: string;
}

/** the metrics of requests with the same common labels */
export interface RequestMetrics {
  /** a request is being forwarded */
  started(): void;
  /** and is not any more */
  ended(): void;
  /** `method` and `status` are capped to known ones */
  finished(method: string, status: number, durationMs: number): void;
  denied(code: ErrorCode): void;
  overhead(ms: number): void;
  firstByte(ms: number): void;
  tokens(counts: TokenCounts): void;
  scrubbed(hits: number): void;
  foreignToken(): void;
}

export interface SidecarMetrics {
  readonly registry: Registry;
  for(labels: CommonLabels): RequestMetrics;
  /** `timestampMs` is time of day */
  leaseExpires(timestampMs: number): void;
  audited: (result: 'written' | 'dropped') => void;
}

const COMMON = ['agent', 'agent_container', 'credential', 'provider', 'tier'] as const;
/** answers of models take from 10 ms to minutes */
const DURATION_BUCKETS = [0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 20, 40, 80, 160, 320, 640];
const OVERHEAD_BUCKETS = [0.00005, 0.0001, 0.0002, 0.0003, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.05];
const KNOWN_METHODS = new Set(METHODS);

/** metrics in a registry of their own */
export function createSidecarMetrics(version: string): SidecarMetrics {
  const registry = new Registry();
  const instruments = createInstruments(registry);
  instruments.buildInfo.set({ version }, 1);
  const series = new Map<string, RequestMetrics>();
  return {
    registry,
    for(labels) {
      const key = COMMON.map((name) => labels[name]).join('\n');
      const known = series.get(key);
      if (known !== undefined) return known;
      const created = createSeries(instruments, labels);
      series.set(key, created);
      return created;
    },
    leaseExpires: (timestampMs) => instruments.leaseExpiry.set(timestampMs / 1000),
    audited: (result) => instruments.auditEvents.inc({ result }),
  };
}

type Instruments = ReturnType<typeof createInstruments>;

function createInstruments(registry: Registry) {
  const registers = [registry];
  const common = [...COMMON];
  return {
    requests: new Counter({
      name: 'seks_requests_total',
      help: 'Requests of the agent, by HTTP method and status of the answer.',
      labelNames: [...common, 'method', 'code'],
      registers,
    }),
    duration: new Histogram({
      name: 'seks_request_duration_seconds',
      help: 'Time from the head of a request to the end of its answer.',
      labelNames: common,
      buckets: DURATION_BUCKETS,
      registers,
    }),
    overhead: new Histogram({
      name: 'seks_overhead_seconds',
      help: 'Time that the sidecar itself spent on a request and on the head of its answer.',
      labelNames: common,
      buckets: OVERHEAD_BUCKETS,
      registers,
    }),
    firstByte: new Histogram({
      name: 'seks_time_to_first_byte_seconds',
      help: 'Time from the head of a request to the head of the answer of the provider.',
      labelNames: common,
      buckets: DURATION_BUCKETS,
      registers,
    }),
    inflight: new Gauge({
      name: 'seks_inflight_requests',
      help: 'Requests that are being forwarded.',
      labelNames: common,
      registers,
    }),
    denied: new Counter({
      name: 'seks_denied_total',
      help: 'Requests that the sidecar answered itself, by code of the error catalogue.',
      labelNames: [...common, 'code'],
      registers,
    }),
    tokens: new Counter({
      name: 'seks_tokens_total',
      help: 'Tokens as reported by the provider; cache_read, cache_write and reasoning are parts of input and output.',
      labelNames: [...common, 'type'],
      registers,
    }),
    scrubbed: new Counter({
      name: 'seks_leak_scrubbed_total',
      help: 'Times that the real key was written over in an answer.',
      labelNames: common,
      registers,
    }),
    foreignTokens: new Counter({
      name: 'seks_foreign_token_total',
      help: 'Requests with a fake token that was made for another pod.',
      labelNames: common,
      registers,
    }),
    leaseExpiry: new Gauge({
      name: 'seks_lease_expiry_timestamp_seconds',
      help: 'When the current lease ends unless it is renewed.',
      registers,
    }),
    auditEvents: new Counter({
      name: 'seks_audit_events_total',
      help: 'Audit events by what became of them.',
      labelNames: ['result'],
      registers,
    }),
    buildInfo: new Gauge({
      name: 'seks_build_info',
      help: 'Always 1; the version is a label.',
      labelNames: ['version'],
      registers,
    }),
  };
}

const TOKEN_TYPES: Readonly<Record<keyof TokenCounts, string>> = {
  input: 'input',
  output: 'output',
  cacheRead: 'cache_read',
  cacheWrite: 'cache_write',
  reasoning: 'reasoning',
};

// prom-client looks a series up by its labels each time; the children below have done so once.
function createSeries(instruments: Instruments, labels: CommonLabels): RequestMetrics {
  const common = { ...labels };
  const duration = instruments.duration.labels(common);
  const overhead = instruments.overhead.labels(common);
  const firstByte = instruments.firstByte.labels(common);
  const inflight = instruments.inflight.labels(common);
  const requests = new Map<string, { inc(): void }>();
  return {
    started: () => inflight.inc(),
    ended: () => inflight.dec(),
    finished(method, status, durationMs) {
      const key = `${KNOWN_METHODS.has(method) ? method : 'OTHER'} ${STATUS_CODES[status] === undefined ? 'other' : status}`;
      let counter = requests.get(key);
      if (counter === undefined) {
        const [name = '', code = ''] = key.split(' ');
        counter = instruments.requests.labels({ ...common, method: name, code });
        requests.set(key, counter);
      }
      counter.inc();
      duration.observe(durationMs / 1000);
    },
    denied: (code) => instruments.denied.inc({ ...common, code }),
    overhead: (ms) => overhead.observe(ms / 1000),
    firstByte: (ms) => firstByte.observe(ms / 1000),
    tokens(counts) {
      for (const [type, count] of Object.entries(counts) as [keyof TokenCounts, number][]) {
        instruments.tokens.inc({ ...common, type: TOKEN_TYPES[type] }, count);
      }
    },
    scrubbed: (hits) => instruments.scrubbed.inc(common, hits),
    foreignToken: () => instruments.foreignTokens.inc(common),
  };
}

// The sidecar's Prometheus metrics. Every label value comes from a closed set: the injection config, the error catalogue,
// the status codes of HTTP. Nothing that an agent sends becomes a label (S9).
import { METHODS, STATUS_CODES } from 'node:http';

import type { ErrorCode } from '@seks/crds';
import { Registry } from 'prom-client';

import { TOKEN_KINDS, type TokenCounts } from '../usage/token-counts.ts';
import { createCells, createHistogram, type Labels } from './cells.ts';

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
  /** `picodollars` is 10⁻¹² US dollars */
  cost(picodollars: bigint): void;
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
  instruments.buildInfo.series({ version }).value = 1;
  const leaseExpiry = instruments.leaseExpiry.series({});
  const audited = keyedSeries((result) => instruments.auditEvents.series({ result }));
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
    leaseExpires: (timestampMs) => void (leaseExpiry.value = timestampMs / 1000),
    audited: (result) => void (audited(result).value += 1),
  };
}

type Instruments = ReturnType<typeof createInstruments>;

function createInstruments(registry: Registry) {
  const counter = (name: string, help: string) => createCells(registry, 'counter', name, help);
  const gauge = (name: string, help: string) => createCells(registry, 'gauge', name, help);
  const histogram = (name: string, help: string, bounds: readonly number[]) =>
    createHistogram(registry, name, help, bounds);
  return {
    requests: counter(
      'seks_requests_total',
      'Requests of the agent, by HTTP method and status of the answer.',
    ),
    duration: histogram(
      'seks_request_duration_seconds',
      'Time from the head of a request to the end of its answer.',
      DURATION_BUCKETS,
    ),
    overhead: histogram(
      'seks_overhead_seconds',
      'Time that the sidecar itself spent on a request and on the head of its answer.',
      OVERHEAD_BUCKETS,
    ),
    firstByte: histogram(
      'seks_time_to_first_byte_seconds',
      'Time from the head of a request to the head of the answer of the provider.',
      DURATION_BUCKETS,
    ),
    inflight: gauge('seks_inflight_requests', 'Requests that are being forwarded.'),
    denied: counter(
      'seks_denied_total',
      'Requests that were refused or failed, by code of the error catalogue.',
    ),
    tokens: counter(
      'seks_tokens_total',
      'Tokens as reported by the provider; the other types are parts of input and output.',
    ),
    cost: counter(
      'seks_cost_usd_total',
      'Cost of tokens in US dollars, by the prices of the provider document.',
    ),
    scrubbed: counter('seks_leak_scrubbed_total', 'Times that the real key was written over in an answer.'),
    foreignTokens: counter(
      'seks_foreign_token_total',
      'Requests with a fake token that was made for another pod.',
    ),
    leaseExpiry: gauge(
      'seks_lease_expiry_timestamp_seconds',
      'When the current lease ends unless it is renewed.',
    ),
    auditEvents: counter('seks_audit_events_total', 'Audit events by what became of them.'),
    buildInfo: gauge('seks_build_info', 'Always 1; the version is a label.'),
  };
}

const PICODOLLARS_PER_DOLLAR = 1e12;
const LABEL_OF_TYPE = {
  input: 'input',
  output: 'output',
  cacheRead: 'cache_read',
  cacheWrite: 'cache_write',
  cacheWriteHour: 'cache_write_hour',
  reasoning: 'reasoning',
  inputAudio: 'input_audio',
  outputAudio: 'output_audio',
} as const satisfies Record<keyof TokenCounts, string>;

function createSeries(instruments: Instruments, labels: CommonLabels): RequestMetrics {
  const common: Labels = { ...labels };
  const [duration, overhead, firstByte] = [
    instruments.duration.series(common),
    instruments.overhead.series(common),
    instruments.firstByte.series(common),
  ];
  const inflight = instruments.inflight.series(common);
  const cost = keyedSeries(() => instruments.cost.series(common));
  const scrubbed = instruments.scrubbed.series(common);
  const foreignTokens = instruments.foreignTokens.series(common);
  const requests = keyedSeries((method) =>
    keyedSeries((code) => instruments.requests.series({ ...common, method, code })),
  );
  const denied = keyedSeries((code) => instruments.denied.series({ ...common, code }));
  const tokens = keyedSeries((type) => instruments.tokens.series({ ...common, type }));
  return {
    started: () => void (inflight.value += 1),
    ended: () => void (inflight.value -= 1),
    finished(method, status, durationMs) {
      const code = STATUS_CODES[status] === undefined ? 'other' : `${status}`;
      requests(KNOWN_METHODS.has(method) ? method : 'OTHER')(code).value += 1;
      duration.observe(durationMs / 1000);
    },
    denied: (code) => void (denied(code).value += 1),
    overhead: (ms) => overhead.observe(ms / 1000),
    firstByte: (ms) => firstByte.observe(ms / 1000),
    tokens(counts) {
      for (const type of TOKEN_KINDS) {
        const count = counts[type];
        if (count !== undefined) tokens(LABEL_OF_TYPE[type]).value += count;
      }
    },
    cost: (picodollars) => void (cost('').value += Number(picodollars) / PICODOLLARS_PER_DOLLAR),
    scrubbed: (hits) => void (scrubbed.value += hits),
    foreignToken: () => void (foreignTokens.value += 1),
  };
}

/** makes a series for each value of one more label, when it first comes up */
function keyedSeries<T>(make: (value: string) => T): (value: string) => T {
  const known = new Map<string, T>();
  return (value) => {
    let found = known.get(value);
    if (found === undefined) known.set(value, (found = make(value)));
    return found;
  };
}

// Every metric of the operator's processes. Labels come from closed sets only: codes, outcomes, resource names.
import { Counter, Gauge, Histogram, Registry, collectDefaultMetrics } from 'prom-client';

import type { QueueObserver } from '../kube/work-queue.ts';
import type { Reflector, ReflectorObserver } from '../kube/reflector.ts';

/** one answered admission request */
export interface AdmissionSample {
  outcome: string;
  code: string;
  seconds: number;
}

/** metrics of one process, in a registry of their own */
export interface Metrics {
  readonly registry: Registry;
  admission: (sample: AdmissionSample) => void;
  /** observer for the reflector of a resource, by its plural name */
  reflector(resource: string): ReflectorObserver;
  /** shows how long each of the reflectors has heard nothing */
  watchAges(reflectors: Record<string, Pick<Reflector<unknown>, 'silentForMs'>>): void;
  queue(name: string): QueueObserver;
  certificateExpiry(name: string, notAfterMs: number): void;
  leaseStreams: (count: number) => void;
  /** `code` is empty for a granted lease */
  leaseRequest: (code: string) => void;
  leaseRefusal: (code: string) => void;
  unwrap: (result: 'ok' | 'cached' | 'refused' | 'unavailable') => void;
  kmsLatency: (kms: string, seconds: number) => void;
}

/** builds the registry; `build` becomes the labels of seks_build_info */
export function createMetrics(build: { version: string; role: string }): Metrics {
  const registry = new Registry();
  const registers = [registry];
  collectDefaultMetrics({ register: registry });
  new Gauge({
    name: 'seks_build_info',
    help: 'Version and role of the process; always 1.',
    labelNames: ['version', 'role'],
    registers,
  }).set(build, 1);
  const admissions = new Counter({
    name: 'seks_admission_requests_total',
    help: 'Admission requests answered, by outcome and, for denials, error code.',
    labelNames: ['outcome', 'code'],
    registers,
  });
  const admissionSeconds = new Histogram({
    name: 'seks_admission_duration_seconds',
    help: 'Time to answer an admission request.',
    labelNames: ['outcome'],
    buckets: [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.015, 0.025, 0.05, 0.1, 0.5, 1, 5],
    registers,
  });
  const watchRestarts = new Counter({
    name: 'seks_watch_restarts_total',
    help: 'Watches of the API server that ended and were opened again, by reason.',
    labelNames: ['resource', 'reason'],
    registers,
  });
  const relists = new Counter({
    name: 'seks_watch_relists_total',
    help: 'Complete lists read from the API server.',
    labelNames: ['resource'],
    registers,
  });
  const watchEvents = new Counter({
    name: 'seks_watch_messages_total',
    help: 'List pages, events and bookmarks received from the API server.',
    labelNames: ['resource'],
    registers,
  });
  let watched: Record<string, Pick<Reflector<unknown>, 'silentForMs'>> = {};
  const watchAge = new Gauge({
    name: 'seks_watch_age_seconds',
    help: 'Time since something arrived from the API server; bookmarks arrive about once a minute.',
    labelNames: ['resource'],
    registers: [],
    collect() {
      for (const [resource, { silentForMs }] of Object.entries(watched))
        this.set({ resource }, silentForMs() / 1000);
    },
  });
  registry.registerMetric(watchAge);
  const reconciles = new Histogram({
    name: 'seks_reconcile_duration_seconds',
    help: 'Time of one reconciliation, by queue and outcome.',
    labelNames: ['queue', 'outcome'],
    buckets: [0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 5, 15],
    registers,
  });
  const depth = new Gauge({
    name: 'seks_queue_depth',
    help: 'Keys that wait for reconciliation.',
    labelNames: ['queue'],
    registers,
  });
  const certificateExpiry = new Gauge({
    name: 'seks_certificate_expiry_timestamp_seconds',
    help: 'When the certificate expires.',
    labelNames: ['certificate'],
    registers,
  });
  const streams = new Gauge({
    name: 'seks_lease_streams',
    help: 'Sidecars that follow their lease on this replica now.',
    registers,
  });
  const leases = new Counter({
    name: 'seks_lease_requests_total',
    help: 'Lease requests, by error code; the code is empty for a granted lease.',
    labelNames: ['code'],
    registers,
  });
  const refusals = new Counter({
    name: 'seks_lease_refusals_total',
    help: 'Credentials that a granted lease leaves out, by error code.',
    labelNames: ['code'],
    registers,
  });
  const unwraps = new Counter({
    name: 'seks_unwraps_total',
    help: 'Data keys asked for, by result.',
    labelNames: ['result'],
    registers,
  });
  const kmsSeconds = new Histogram({
    name: 'seks_kms_duration_seconds',
    help: 'Time of one call to the KMS.',
    labelNames: ['kms'],
    buckets: [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5],
    registers,
  });

  return {
    registry,
    admission({ outcome, code, seconds }) {
      admissions.inc({ outcome, code });
      admissionSeconds.observe({ outcome }, seconds);
    },
    reflector: (resource) => ({
      alive: () => watchEvents.inc({ resource }),
      restarted: (reason) => watchRestarts.inc({ resource, reason }),
      relisted: () => relists.inc({ resource }),
    }),
    watchAges: (reflectors) => void (watched = reflectors),
    queue: (queue) => ({
      depth: (keys) => depth.set({ queue }, keys),
      done: (outcome, durationMs) => reconciles.observe({ queue, outcome }, durationMs / 1000),
    }),
    certificateExpiry: (certificate, notAfterMs) => certificateExpiry.set({ certificate }, notAfterMs / 1000),
    leaseStreams: (count) => streams.set(count),
    leaseRequest: (code) => leases.inc({ code }),
    leaseRefusal: (code) => refusals.inc({ code }),
    unwrap: (result) => unwraps.inc({ result }),
    kmsLatency: (kms, seconds) => kmsSeconds.observe({ kms }, seconds),
  };
}

// The contract between sidecar and key service: POST /v1/leases and the event stream GET /v1/leases/{id}/events.
import * as z from 'zod';

import { ERROR_CODES, type ErrorCode } from './errors/catalogue.ts';
import { limits, providerSpec, routeRule } from './provider.ts';
import { envelopeHeader } from './sealed/envelope.ts';

/** what only the sidecar can find wrong with a value, because only it sees the ciphertext */
export const UNUSABLE_CODES = [
  'SEKS_SECRET_NOT_SEALED',
  'SEKS_SEAL_MALFORMED',
  'SEKS_SEAL_VERSION_UNKNOWN',
  'SEKS_SEAL_COMMITMENT_MISMATCH',
  'SEKS_SEAL_CORRUPT',
] as const satisfies readonly ErrorCode[];

/** what the sidecar found at one source's path: nothing, something that cannot be opened, or an envelope's header */
export const sourceReport = z.discriminatedUnion('state', [
  z.strictObject({ state: z.literal('missing') }),
  z.strictObject({ state: z.literal('unusable'), code: z.enum(UNUSABLE_CODES) }),
  z.strictObject({ state: z.literal('sealed'), header: envelopeHeader }),
]);

export const leaseRequest = z.strictObject({
  protocol: z.literal(1),
  features: z.array(z.string().max(64)).max(64),
  credentials: z
    .array(
      z.strictObject({
        bindingUid: z.string().max(64),
        credential: z.string().max(63),
        /** one report for each source, in the order of the injection config */
        sources: z.array(sourceReport).min(1).max(8),
      }),
    )
    .max(256),
});

const errorCode = z.enum(ERROR_CODES);

/** a credential that the sidecar may use now */
export const leasedCredential = z.strictObject({
  bindingUid: z.string(),
  credential: z.string(),
  agent: z.string(),
  /** index into the injection config's sources of the one that won */
  source: z.int().min(0),
  tier: z.enum(['user', 'builder']),
  /** unwrapped data key, 32 bytes in base64url */
  dataKey: z.string(),
  /** parameters are filled in already */
  provider: z.strictObject({ name: z.string(), spec: providerSpec }),
  policy: z.strictObject({
    /** what is allowed: binding's own rules, else the provider's; an empty list allows nothing */
    allow: z.array(routeRule),
    /** beats every allow rule */
    deny: z.array(routeRule),
    /** globs; absent: every model */
    models: z.array(z.string()).optional(),
    limits: limits.optional(),
  }),
});

/** a credential that the sidecar may not use, and why */
export const leaseRefusal = z.strictObject({
  bindingUid: z.string(),
  credential: z.string(),
  code: errorCode,
  /** one sentence with names of objects, never with values */
  message: z.string(),
});

export const leaseAnswer = z.strictObject({
  id: z.string(),
  ttlSeconds: z.int().positive(),
  credentials: z.array(leasedCredential),
  refusals: z.array(leaseRefusal),
  /** current CA bundle in PEM; replaces the one from the injection config */
  caBundle: z.string(),
});

/** error answer of the key service and of the sidecar's own answers */
export const errorAnswer = z.object({
  type: z.literal('error'),
  error: z.object({
    type: z.literal('seks_error'),
    code: z.string(),
    message: z.string(),
    hint: z.string(),
  }),
});

/**
 * Data of the event stream's `revoked` event: stop using the binding's credentials at once.
 * The `changed` event has no data: ask for a new lease now. Comments are heartbeats, one each 5 s.
 */
export const revokedEvent = z.strictObject({
  bindingUid: z.string(),
  code: errorCode,
  message: z.string(),
});

export const HEARTBEAT_INTERVAL_MS = 5_000;
/** silence after which the sidecar counts itself as partitioned and reconnects */
export const HEARTBEAT_SILENCE_MS = 15_000;

export type SourceReport = z.infer<typeof sourceReport>;
export type LeaseRequest = z.infer<typeof leaseRequest>;
export type LeasedCredential = z.infer<typeof leasedCredential>;
export type LeaseRefusal = z.infer<typeof leaseRefusal>;
export type LeaseAnswer = z.infer<typeof leaseAnswer>;
export type RevokedEvent = z.infer<typeof revokedEvent>;
export type UnusableCode = (typeof UNUSABLE_CODES)[number];

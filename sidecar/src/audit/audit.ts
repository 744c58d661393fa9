// What the agent did, one JSON line for each request, and one for each alarm. The fields are listed, not copied: no body, query,
// raw path, header or token can get in by way of an object that somebody extends (S9).
import type { ErrorCode } from '@seks/crds';

import type { TokenCounts } from '../usage/token-counts.ts';

/** `request`: the usual event; the others are alarms, in addition to the request's own event */
export type AuditAction = 'request' | 'foreign_token' | 'leak_scrubbed';

/** what is known of a request when its event is written; empty strings where a refused request did not get that far */
export interface AuditEvent {
  action: AuditAction;
  agent: string;
  container: string;
  binding: string;
  credential: string;
  provider: string;
  tier: string;
  method: string;
  /** the policy's glob that decided, never the path itself */
  route: string;
  decision: 'allow' | 'deny';
  /** code of the error catalogue, where the sidecar answered itself or the provider did not */
  code?: ErrorCode | undefined;
  /** status of the answer; 0: there was none */
  status: number;
  tokens?: TokenCounts | undefined;
  /** the answer did not come to its end, so tokens may be missing */
  partial?: boolean | undefined;
  /** times that the key was written over in the answer */
  scrubbed?: number | undefined;
  latencyMs: number;
  requestId: string;
}

/** takes audit events */
export interface Audit {
  write(event: AuditEvent): void;
}

export interface AuditOptions {
  namespace: string;
  pod: string;
  /** time of day in `ms` */
  wallClock: () => number;
  /** takes one line, line feed included; false if it had to be dropped */
  sink: (line: string) => boolean;
  result: (result: 'written' | 'dropped') => void;
}

/** an audit that writes JSON lines */
export function createAudit({ namespace, pod, wallClock, sink, result }: AuditOptions): Audit {
  return {
    write(event) {
      const line = JSON.stringify({
        event: 'audit',
        time: new Date(wallClock()).toISOString(),
        namespace,
        agent: event.agent,
        pod,
        container: event.container,
        binding: event.binding,
        credential: event.credential,
        provider: event.provider,
        tier: event.tier,
        action: event.action,
        method: event.method,
        route: event.route,
        decision: event.decision,
        code: event.code,
        status: event.status,
        tokens: event.tokens,
        partial: event.partial,
        scrubbed: event.scrubbed,
        latencyMs: Math.round(event.latencyMs * 1000) / 1000,
        requestId: event.requestId,
      });
      result(sink(`${line}\n`) ? 'written' : 'dropped');
    },
  };
}

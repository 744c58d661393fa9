// What the agent did, one JSON line for each request, and one for each alarm. The fields are listed, not copied: no body, query,
// raw path, header or token can get in by way of an object that somebody extends (S9).
import type { ErrorCode } from '@seks/crds';

import { formatUsd } from '../usage/dollars.ts';
import type { TokenCounts } from '../usage/token-counts.ts';

/** `request`: the usual event; the others are alarms, in addition to the request's own event */
export type AuditAction = 'request' | 'foreign_token' | 'leak_scrubbed';

/** who did something, with what; empty strings where a refused request did not get that far */
export interface AuditSubject {
  agent: string;
  container: string;
  binding: string;
  credential: string;
  provider: string;
  tier: string;
}

/** what is known of a request when its event is written */
export interface AuditEvent {
  action: AuditAction;
  method: string;
  /** the policy's glob that decided, never the path itself */
  route: string;
  decision: 'allow' | 'deny';
  /** code of the error catalogue, where the sidecar answered itself or the provider did not */
  code: ErrorCode | undefined;
  /** status of the answer; 0: there was none */
  status: number;
  tokens: TokenCounts | undefined;
  /** what they cost by the provider document's prices; undefined without a price */
  picodollars: bigint | undefined;
  /** the answer did not come to its end, so tokens may be missing */
  partial: boolean;
  /** times that the key was written over in the answer */
  scrubbed: number;
  latencyMs: number;
  requestId: string;
}

/** writes the events of one subject */
export type AuditWriter = (event: AuditEvent) => void;

/** takes audit events */
export interface Audit {
  /** a writer for many events: the subject is put into words once */
  for(subject: AuditSubject): AuditWriter;
}

export interface AuditOptions {
  namespace: string;
  pod: string;
  /** time of day in `ms` */
  wallClock: () => number;
  /** takes one line, line feed included; tells, maybe later, whether it was written or had to be dropped */
  sink: (line: string, told: (written: boolean) => void) => void;
  result: (result: 'written' | 'dropped') => void;
}

/** an audit that writes JSON lines */
export function createAudit({ namespace, pod, wallClock, sink, result }: AuditOptions): Audit {
  const told = (written: boolean): void => result(written ? 'written' : 'dropped');
  return {
    for({ agent, container, binding, credential, provider, tier }) {
      const subject = JSON.stringify({
        namespace,
        agent,
        pod,
        container,
        binding,
        credential,
        provider,
        tier,
      });
      const fixed = subject.slice(1, -1);
      return (event) => {
        const time = new Date(wallClock()).toISOString();
        const line = `{"event":"audit","time":"${time}",${fixed},${describe(event)}}\n`;
        sink(line, told);
      };
    },
  };
}

/** the changing part, by hand: only what may hold a quotation mark needs the care of JSON.stringify */
function describe(event: AuditEvent): string {
  const { action, method, route, decision, code, status, tokens, picodollars, partial, scrubbed, requestId } =
    event;
  const latencyMs = Math.round(event.latencyMs * 1000) / 1000;
  return (
    `"action":"${action}","method":${JSON.stringify(method)},"route":${JSON.stringify(route)},"decision":"${decision}"` +
    (code === undefined ? '' : `,"code":"${code}"`) +
    `,"status":${status}` +
    (tokens === undefined ? '' : `,"tokens":${JSON.stringify(tokens)}`) +
    (picodollars === undefined ? '' : `,"costUsd":"${formatUsd(picodollars)}"`) +
    (partial ? ',"partial":true' : '') +
    (scrubbed === 0 ? '' : `,"scrubbed":${scrubbed}`) +
    `,"latencyMs":${latencyMs},"requestId":"${requestId}"`
  );
}

// What one imitated API is when it is told apart by host name: APIs with hosts of their own for uploads, downloads and gateways.
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Duplex } from 'node:stream';
import type { ProviderKeys } from './keys.ts';
import type { ProviderName } from './provider-stub.ts';
import type { RequestRecord } from './record.ts';

export interface HostStubDeps {
  readonly keys: ProviderKeys;
  readonly record: RequestRecord;
  readonly clock: () => number;
}

export interface HostStub {
  readonly name: ProviderName;
  /** hosts that are this API's; a leading `*.` stands for one label */
  readonly hosts: readonly string[];
  handle(request: IncomingMessage, response: ServerResponse, deps: HostStubDeps): Promise<void>;
  upgrade?(request: IncomingMessage, socket: Duplex, head: Buffer, deps: HostStubDeps): void;
}

/** the first stub that has the host of a Host header; its port does not count */
export function stubForHost(
  stubs: readonly HostStub[],
  hostHeader: string | undefined,
): HostStub | undefined {
  const host = (hostHeader ?? '').replace(/:\d+$/, '').toLowerCase();
  return stubs.find((stub) => stub.hosts.some((pattern) => matchesHost(pattern, host)));
}

function matchesHost(pattern: string, host: string): boolean {
  if (!pattern.startsWith('*.')) return pattern === host;
  const dot = host.indexOf('.');
  return dot > 0 && host.slice(dot) === pattern.slice(1);
}

// Test help: how the agent is told that a provider failed it.
import { expect } from '@jest/globals';
import type { Provider } from '@seks/crds';

import { compileUpstreams } from '../../route/upstreams.ts';
import type { ResolveAddresses } from '../egress-lookup.ts';
import type { ForwarderKind } from '../forwarder-kinds.ts';
import type { Forwarder } from '../forwarder.ts';
import { createLinkPool } from '../link-pool.ts';
import { startRelay } from './relay-server.ts';

/** what the agent is told, and the forwarder's word for it */
export type Failure = [status: number, code: string | undefined];

/** the failure of one request */
export async function failureOf(forwarder: Forwarder): Promise<Failure> {
  const relay = await startRelay({ forwarder });
  const { status } = await relay.ask({ body: '{}', headers: { 'content-length': '2' } });
  await relay.close();
  expect(relay.failures).toHaveLength(1);
  return [status, relay.failures[0]?.code];
}

/** the same by the product's own link to a provider, whose name resolves as given */
export async function failureOfProvider(
  provider: Provider,
  resolve: ResolveAddresses,
  kind?: ForwarderKind,
): Promise<Failure> {
  const linkFor = createLinkPool(resolve, kind);
  return failureOf(linkFor(provider, compileUpstreams(provider.spec).primary).forwarder);
}

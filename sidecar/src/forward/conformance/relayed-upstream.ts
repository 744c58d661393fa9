// Test help: a provider that writes what the test says, and a relay to it by a forwarder of one kind.
import type { ForwarderKind } from '../forwarder-kinds.ts';
import { type RawUpstream, startRawUpstream } from './raw-upstream.ts';
import { type RelayServer, startRelay } from './relay-server.ts';

export interface RelayedUpstream {
  upstream: RawUpstream;
  relay: RelayServer;
  close(): Promise<void>;
}

/** starts both */
export async function startRelayedUpstream(kind: ForwarderKind): Promise<RelayedUpstream> {
  const upstream = await startRawUpstream();
  const relay = await startRelay({ forwarder: upstream.forwarder(kind) });
  return {
    upstream,
    relay,
    async close() {
      await relay.close();
      await upstream.close();
    },
  };
}

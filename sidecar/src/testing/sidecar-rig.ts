// Test help: a provider over real TLS, and a sidecar with keys for it.
import type { StaticCredential } from './static-lease.ts';
import { startSidecar, type TestSidecar, type TestSidecarOptions } from './test-sidecar.ts';
import { startUpstream, type TestUpstream } from './tls-upstream.ts';

export interface SidecarRig {
  upstream: TestUpstream;
  sidecar: TestSidecar;
  close(): Promise<void>;
}

/** starts both */
export async function startSidecarRig(
  credentials: (upstream: TestUpstream) => StaticCredential[],
  options: Partial<TestSidecarOptions> = {},
): Promise<SidecarRig> {
  const upstream = await startUpstream();
  const sidecar = await startSidecar({
    credentials: credentials(upstream),
    addresses: { [upstream.host]: ['127.0.0.1'] },
    ...options,
  });
  return {
    upstream,
    sidecar,
    async close() {
      await sidecar.close();
      await upstream.close();
    },
  };
}

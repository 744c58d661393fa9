// A pod's port on this machine, through `kubectl port-forward`: works wherever the cluster runs.
import { waitUntil } from '../cluster/wait-until.ts';
import type { Kubectl } from '../harness/kubectl.ts';

export interface PortForward {
  /** `127.0.0.1:port` */
  readonly address: string;
  stop(): Promise<void>;
}

export async function forwardPort(
  kubectl: Kubectl,
  namespace: string,
  pod: string,
  port: number,
): Promise<PortForward> {
  let address: string | undefined;
  let exitCode: number | undefined;
  const follower = kubectl.follow(
    ['port-forward', '-n', namespace, `pod/${pod}`, `:${port}`, '--address', '127.0.0.1'],
    (line) => (address ??= /^Forwarding from (127\.0\.0\.1:\d+)/.exec(line)?.[1]),
  );
  void follower.ended.then((code) => (exitCode = code));
  try {
    return {
      address: await waitUntil(() => address, {
        what: `port ${port} of ${namespace}/${pod}`,
        timeoutMs: 20_000,
        hopeless: () => (exitCode === undefined ? undefined : `kubectl ended with ${exitCode}`),
      }),
      stop: () => follower.stop(),
    };
  } catch (error) {
    await follower.stop();
    throw error;
  }
}

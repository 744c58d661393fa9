// The API server on a local port, signed in, for what kubectl's commands do not offer.
import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { StepFailed } from '../cluster/failures.ts';
import type { Kubectl } from './kubectl.ts';

export interface ApiProxy {
  /** `http://127.0.0.1:<port>` */
  readonly origin: string;
  close(): Promise<void>;
}

/** `kubectl proxy` on a free port of the loopback interface */
export function openApiProxy(kubectl: Kubectl): Promise<ApiProxy> {
  const child = spawn(kubectl.program, ['proxy', '--port=0'], {
    env: { ...process.env, KUBECONFIG: kubectl.kubeconfig },
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  return new Promise((resolve, reject) => {
    const ended = new Promise<void>((done) => {
      child.once('close', () => done());
    });
    createInterface({ input: child.stdout }).on('line', (line) => {
      const address = /^Starting to serve on (127\.0\.0\.1:\d+)$/.exec(line)?.[1];
      if (address === undefined) return;
      resolve({
        origin: `http://${address}`,
        async close() {
          child.kill('SIGKILL');
          await ended;
        },
      });
    });
    child.once('error', reject);
    child.once('close', () => reject(new StepFailed('kubectl proxy ended before it served')));
  });
}

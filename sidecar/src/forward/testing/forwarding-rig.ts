// Test help: the way from an agent through the sidecar to a provider over real TLS, and back.
import type { ClientRequest, IncomingMessage, OutgoingHttpHeaders, ServerResponse } from 'node:http';

import { ask, openRequest, type WholeAnswer } from '../../testing/agent-request.ts';
import { type SidecarRig, startSidecarRig } from '../../testing/sidecar-rig.ts';
import type { StaticCredential } from '../../testing/static-lease.ts';
import { fakeToken, startSidecar, type TestSidecar } from '../../testing/test-sidecar.ts';

export const KEY = 'sk-proj-CANARY/key+0123456789abcdef';
const OTHER_KEY = 'sk-proj-other-key-0123456789';

/** what differs from a POST with the token */
export interface Ask {
  method?: string;
  headers?: OutgoingHttpHeaders;
  /** of another sidecar */
  port?: number;
}

export interface ForwardingRig extends SidecarRig {
  /** stands for `KEY` */
  token: string;
  /** stands for another key of the same provider */
  otherToken: string;
  /** opens a request whose body the caller sends */
  open(options?: Ask): ClientRequest;
  /** a whole request and its answer */
  ask(options?: Ask): Promise<WholeAnswer>;
  /** what the provider does with requests from now on, once they have come whole */
  reply(handler: (response: ServerResponse, request: IncomingMessage) => void): void;
  /** the value of a counter that the pattern finds */
  metric(pattern: RegExp): Promise<number>;
  /** a sidecar of a test's own with the same key, which the caller closes */
  startAnother(change?: Partial<StaticCredential>): Promise<TestSidecar>;
}

/** starts provider and sidecar */
export async function startForwardingRig(): Promise<ForwardingRig> {
  const [token, otherToken] = [fakeToken(), fakeToken()];
  const rig = await startSidecarRig((upstream) => [
    { provider: upstream.provider('openai', { usage: { format: 'OpenAI' } }), token, key: KEY },
    { provider: upstream.provider('openai'), name: 'second', token: otherToken, key: OTHER_KEY },
  ]);
  const { sidecar, upstream } = rig;
  const headOf = ({ method = 'POST', headers = {} }: Ask) => ({
    method,
    path: '/openai/v1/x',
    headers: { authorization: `Bearer ${token}`, ...headers },
  });
  return {
    ...rig,
    token,
    otherToken,
    open: (options = {}) => openRequest(options.port ?? sidecar.port, headOf(options)),
    async ask(options = {}) {
      const head = headOf(options);
      // Node would send a body of these unframed.
      const body = ['GET', 'HEAD'].includes(head.method) ? undefined : '{}';
      return ask(options.port ?? sidecar.port, { ...head, body });
    },
    reply(handler) {
      upstream.answer((request, response) => {
        request.resume();
        request.on('end', () => handler(response, request));
      });
    },
    metric: async (pattern) => Number(pattern.exec(await sidecar.metrics.registry.metrics())?.[1] ?? 0),
    startAnother: async (change) =>
      startSidecar({
        credentials: [{ provider: upstream.provider('openai'), token, key: KEY, ...change }],
        addresses: { [upstream.host]: ['127.0.0.1'] },
      }),
  };
}

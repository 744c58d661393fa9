// A Forwarder on http-proxy-middleware, one for each upstream. What the library would do besides is switched off, because:
// its default plugins log URLs and echo them to the client; its `proxyReq` hook is skipped on `Expect`, so nothing that
// matters may hang on it; a shared `ssl` object carries one request's credentials into the next; on redirects it would send
// `x-api-key` to another origin; and without an `error` listener a refused connection ends the process.
import type { Agent, ClientRequest, IncomingMessage } from 'node:http';

import { SeksError } from '@seks/crds';
import { createProxyMiddleware, type Plugin } from 'http-proxy-middleware';

import type { Forwarder, Forwarding } from './forwarder.ts';
import { toUpstreamError } from './upstream-error.ts';

/** silence after which an upstream counts as gone; reasoning models think for minutes */
export const IDLE_TIMEOUT_MS = 600_000;

export interface HttpProxyForwarderOptions {
  /** scheme, host and port of the upstream, without a path */
  origin: URL;
  agent: Agent;
  idleTimeoutMs?: number;
}

/** a forwarder to one origin */
export function createHttpProxyForwarder(options: HttpProxyForwarderOptions): Forwarder {
  const idleTimeoutMs = options.idleTimeoutMs ?? IDLE_TIMEOUT_MS;
  const running = new WeakMap<IncomingMessage, Forwarding>();
  const middleware = createProxyMiddleware({
    target: options.origin,
    agent: options.agent,
    changeOrigin: true,
    secure: true,
    xfwd: false,
    followRedirects: false,
    selfHandleResponse: true,
    // A second net: the idle timer below fires first and says what happened.
    proxyTimeout: idleTimeoutMs * 2,
    ejectPlugins: true,
    plugins: [connectEvents(running, idleTimeoutMs)],
  });
  return {
    forward(forwarding) {
      const { request, response } = forwarding;
      running.set(request, forwarding);
      request.url = forwarding.url;
      request.headers = forwarding.headers as IncomingMessage['headers'];
      const notHandled = (cause?: unknown): void => {
        forwarding.failed(cause === undefined ? new SeksError('SEKS_INTERNAL') : toUpstreamError(cause));
      };
      middleware(request, response, notHandled).catch(notHandled);
    },
  };
}

function connectEvents(running: WeakMap<IncomingMessage, Forwarding>, idleTimeoutMs: number): Plugin {
  return (proxy) => {
    proxy.on('proxyReq', (upstream: ClientRequest) => {
      upstream.setTimeout(idleTimeoutMs, () => upstream.destroy(new SeksError('SEKS_UPSTREAM_TIMEOUT')));
    });
    proxy.on('proxyRes', (answer: IncomingMessage, request: IncomingMessage) => {
      running.get(request)?.answered(answer);
    });
    const failed = (error: Error, request: IncomingMessage | undefined): void => {
      if (request !== undefined) running.get(request)?.failed(toUpstreamError(error));
    };
    proxy.on('error', failed);
    proxy.on('econnreset', failed);
  };
}

// A Forwarder on http-proxy-middleware, one for each upstream. What the library would do besides is switched off, because:
// its default plugins log URLs and echo them to the client; its `proxyReq` hook is skipped on `Expect`, so nothing that
// matters may hang on it; a shared `ssl` object carries one request's credentials into the next; on redirects it would send
// `x-api-key` to another origin; and without an `error` listener a refused connection ends the process.
import type { Agent, ClientRequest, IncomingMessage } from 'node:http';
import { Readable } from 'node:stream';

import { SeksError } from '@seks/crds';
import { createProxyMiddleware, type Plugin } from 'http-proxy-middleware';

import type { Forwarded, Forwarder, Forwarding } from './forwarder.ts';
import { framedHeaders } from './request-body.ts';
import { toUpstreamError } from './upstream-error.ts';

/** silence after which an upstream counts as gone; reasoning models think for minutes */
export const IDLE_TIMEOUT_MS = 660_000;

export interface HttpProxyForwarderOptions {
  /** scheme, host and port of the upstream, without a path */
  origin: URL;
  agent: Agent;
  idleTimeoutMs?: number;
}

/** how the library's events find back; a WeakMap would cost more in garbage collection than all else here */
const PASSAGE = Symbol('passage');
type CarryingRequest = IncomingMessage & { [PASSAGE]?: Passage };

/** one forwarding, and what the library made of it */
class Passage implements Forwarded {
  readonly forwarding: Forwarding;
  #upstream: ClientRequest | undefined;
  #over = false;

  constructor(forwarding: Forwarding) {
    this.forwarding = forwarding;
  }

  /** the library has opened the request to the provider */
  opened(upstream: ClientRequest): void {
    this.#upstream = upstream;
    if (this.#over) upstream.destroy();
  }

  answered(answer: IncomingMessage): void {
    if (!this.#over) this.forwarding.answered(answer);
  }

  failed(error: SeksError): void {
    if (!this.#over) this.forwarding.failed(error);
  }

  destroy(): void {
    this.#over = true;
    this.#upstream?.destroy();
  }
}

/** a forwarder to one origin */
export function createHttpProxyForwarder(options: HttpProxyForwarderOptions): Forwarder {
  const idleTimeoutMs = options.idleTimeoutMs ?? IDLE_TIMEOUT_MS;
  const middleware = createProxyMiddleware({
    target: options.origin,
    // The one place where the options of a single request are at hand.
    router: (request: CarryingRequest, _response, requestOptions) => {
      const body = request[PASSAGE]?.forwarding.body;
      if (body !== undefined) requestOptions.buffer = Readable.from([body], { objectMode: false });
      return options.origin;
    },
    agent: options.agent,
    changeOrigin: true,
    secure: true,
    xfwd: false,
    followRedirects: false,
    selfHandleResponse: true,
    proxyTimeout: idleTimeoutMs,
    ejectPlugins: true,
    plugins: [connectEvents],
  });
  return {
    forward(forwarding) {
      const { request, response, headers, body } = forwarding;
      const passage = new Passage(forwarding);
      (request as CarryingRequest)[PASSAGE] = passage;
      request.url = forwarding.url;
      request.headers = body === undefined ? headers : framedHeaders(headers, body);
      const notHandled = (cause?: unknown): void => {
        passage.failed(cause === undefined ? new SeksError('SEKS_INTERNAL') : toUpstreamError(cause));
      };
      middleware(request, response, notHandled).catch(notHandled);
      return passage;
    },
  };
}

const connectEvents: Plugin = (proxy) => {
  proxy.on('proxyReq', (upstream: ClientRequest, request: CarryingRequest) => {
    request[PASSAGE]?.opened(upstream);
    // The library only breaks off; who comes first says why.
    upstream.prependOnceListener('timeout', () => upstream.destroy(new SeksError('SEKS_UPSTREAM_TIMEOUT')));
    // Without a listener Node closes the connection and nobody is told.
    upstream.once('upgrade', (_answer, socket) => {
      // From here on nobody else listens to it, and an unheard error would end the process.
      socket.on('error', () => {});
      socket.destroy();
      const error = new SeksError('SEKS_UPSTREAM_UNREACHABLE', 'It switched protocols unasked.');
      request[PASSAGE]?.failed(error);
    });
  });
  proxy.on('proxyRes', (answer: IncomingMessage, request: CarryingRequest) => {
    request[PASSAGE]?.answered(answer);
  });
  const failed = (error: Error, request: CarryingRequest | undefined): void => {
    request?.[PASSAGE]?.failed(toUpstreamError(error));
  };
  proxy.on('error', failed);
  proxy.on('econnreset', failed);
};

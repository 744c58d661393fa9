// The narrow seam to whatever moves the bytes. All that decides or injects has happened before.
import type { IncomingMessage, ServerResponse } from 'node:http';

import type { SeksError } from '@seks/crds';

import type { ForwardHeaders } from '../request/screen.ts';

/** what is read of the provider's answer; an IncomingMessage is one, too */
export interface UpstreamAnswer {
  readonly statusCode?: number | undefined;
  readonly statusMessage?: string | undefined;
  /** names and values in turn, as received */
  readonly rawHeaders: string[];
  /** as the headers; empty until the end */
  readonly rawTrailers: string[];
  /** whether the whole answer was received; false at `end` means that it was cut off */
  readonly complete: boolean;
  /** the body; bytes wait until somebody listens */
  on(event: 'data', listener: (chunk: Buffer) => void): unknown;
  on(event: 'end', listener: () => void): unknown;
  pause(): unknown;
  resume(): unknown;
  /** breaks the answer off; nobody is told */
  destroy(error?: Error): unknown;
}

/** one admitted request on its way to the provider */
export interface Forwarding {
  request: IncomingMessage;
  response: ServerResponse;
  /** path and query at the provider */
  url: string;
  /** all headers to be sent but Host; holds the real key */
  headers: ForwardHeaders;
  /** the whole body, if it was read before; else it is streamed from the request */
  body?: Buffer;
  /** called once with the provider's answer, unless `failed` is */
  answered(answer: UpstreamAnswer): void;
  /** called when no answer came, or when it broke off */
  failed(error: SeksError): void;
}

/** a request that was handed over */
export interface Forwarded {
  /** gives it up, whatever has become of it, and its answer with it; nobody is told */
  destroy(): void;
}

/** forwards requests to one upstream */
export interface Forwarder {
  forward(forwarding: Forwarding): Forwarded;
}

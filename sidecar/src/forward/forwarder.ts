// The narrow seam to whatever moves the bytes. All that decides or injects has happened before.
import type { IncomingMessage, ServerResponse } from 'node:http';

import type { SeksError } from '@seks/crds';

import type { ForwardHeaders } from '../request/screen.ts';

/** one admitted request on its way to the provider */
export interface Forwarding {
  request: IncomingMessage;
  response: ServerResponse;
  /** path and query at the provider */
  url: string;
  /** all headers to be sent but Host; holds the real key */
  headers: ForwardHeaders;
  /** called once with the provider's answer, unless `failed` is */
  answered(answer: IncomingMessage): void;
  /** called when no answer came, or when it broke off */
  failed(error: SeksError): void;
}

/** forwards requests to one upstream */
export interface Forwarder {
  forward(forwarding: Forwarding): void;
}

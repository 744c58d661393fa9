// How long the body of a request is, and its framing when it was read before it is sent.
import type { ForwardHeaders } from '../request/screen.ts';
import type { Forwarding } from './forwarder.ts';

/** bytes of the body that is still to be read from the agent; `undefined` if only its end will tell */
export function pendingBodyBytes({ request, headers }: Forwarding): number | undefined {
  const length = headers['content-length'];
  if (typeof length === 'string') return Number(length);
  // Screening has dropped Transfer-Encoding, which is between the agent and us; `request.headers` would be built for this alone.
  const { rawHeaders } = request;
  for (let i = 0; i < rawHeaders.length; i += 2) {
    const name = rawHeaders[i] ?? '';
    if (name.length === 17 && name.toLowerCase() === 'transfer-encoding') return undefined;
  }
  return 0;
}

/** the headers for a body of known bytes, whatever framed it before (RFC 9112 §6.3) */
export function framedHeaders(headers: ForwardHeaders, body: Buffer): ForwardHeaders {
  delete headers['transfer-encoding'];
  headers['content-length'] = String(body.length);
  return headers;
}

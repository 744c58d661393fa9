// HTTP Basic (RFC 7617), as git, Stripe and others use it for keys.
import type { IncomingHttpHeaders } from 'node:http';

export interface BasicCredential {
  readonly user: string;
  readonly password: string;
}

/** undefined: no such header, or none that can be read */
export function basicCredential(headers: IncomingHttpHeaders): BasicCredential | undefined {
  const encoded = /^Basic ([A-Za-z0-9+/]+={0,2})$/i.exec(headers.authorization ?? '')?.[1];
  if (encoded === undefined) return undefined;
  const text = Buffer.from(encoded, 'base64').toString('utf8');
  const colon = text.indexOf(':');
  return colon === -1 ? undefined : { user: text.slice(0, colon), password: text.slice(colon + 1) };
}

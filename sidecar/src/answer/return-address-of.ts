// The return address of one request, put together only when an answer has a URL to turn back.
import type { IncomingMessage } from 'node:http';

import type { AdmittedRequest } from '../listen/admit.ts';
import { originOf } from '../listen/origin.ts';
import type { ReturnAddress } from '../rewrite/return-address.ts';
import type { IssuedUrls } from '../route/issued-urls.ts';

export interface ReturnDeps {
  issued: IssuedUrls;
  /** hosts that the agent reaches through the sidecar under their own name */
  intercepted: ReadonlySet<string>;
}

/** how the agent came */
export function returnAddressOf(
  request: IncomingMessage,
  { credential, entry, target }: AdmittedRequest,
  { issued, intercepted }: ReturnDeps,
): ReturnAddress {
  const { provider, upstreams } = credential;
  return {
    origin: originOf(request.socket),
    // Was checked: it is one of the origin's own.
    get host() {
      return request.headers.host ?? '';
    },
    provider: provider.name,
    upstreams,
    current: target.upstream,
    intercepted,
    issue: (host, plainPath) => issued.issue(entry, host, plainPath),
  };
}

// The return address of one request, for the URLs in its answer.
import type { AdmittedRequest } from '../listen/admit.ts';
import type { Origin } from '../listen/origin.ts';
import type { ReturnAddress } from '../rewrite/return-address.ts';
import type { IssuedUrls } from '../route/issued-urls.ts';

export interface ReturnDeps {
  issued: IssuedUrls;
  /** hosts that the agent reaches through the sidecar under their own name */
  intercepted: ReadonlySet<string>;
}

/** how the agent came */
export function returnAddressOf(
  origin: Origin,
  { credential, entry, screened, target }: AdmittedRequest,
  { issued, intercepted }: ReturnDeps,
): ReturnAddress {
  const { provider, upstreams } = credential;
  return {
    origin,
    host: screened.host,
    provider: provider.name,
    upstreams,
    current: target.upstream,
    intercepted,
    issue: (host, plainPath) => issued.issue(entry, host, plainPath),
  };
}

// The order of all checks (S15): one meaning, one token of ours, one route, a lease, the policy. The key is not touched here.
import { SeksError } from '@seks/crds';

import { checkPlacement, findToken, type PresentedToken } from '../credential/present.ts';
import type { TokenEntry, TokenTable } from '../credential/tokens.ts';
import type { GrantedCredential, LeaseHolder } from '../lease/lease-state.ts';
import { type RawRequest, type ScreenedRequest, screenRequest } from '../request/screen.ts';
import { routeRequest, type UpstreamTarget } from '../route/route.ts';

/** what was found out about a request so far; a refused one leaves it half filled, for metrics and audit */
export interface Admission {
  entry: TokenEntry | undefined;
  credential: GrantedCredential | undefined;
  /** the policy's glob that decided */
  route: string | undefined;
}

/** a request that may be forwarded */
export interface AdmittedRequest {
  token: PresentedToken;
  credential: GrantedCredential;
  screened: ScreenedRequest;
  target: UpstreamTarget;
}

export interface AdmitOptions {
  hosts: ReadonlySet<string>;
  tokens: TokenTable;
  holder: LeaseHolder;
}

/**
 * decides whether a request may be forwarded
 *
 * @param record is filled on the way
 * @throws SeksError with the code of the first check that it does not pass
 */
export function admit(raw: RawRequest, options: AdmitOptions, record: Admission): AdmittedRequest {
  const { hosts, tokens, holder } = options;
  const { state } = holder;
  if (state === undefined) throw new SeksError('SEKS_LEASE_EXPIRED');
  const screened = screenRequest(raw, { hosts, classifier: state.classifier });
  const token = findToken(screened, tokens);
  if (token !== undefined) record.entry = token.entry;
  const target = routeRequest(screened.target, token?.entry, tokens.providers);
  if (token === undefined) throw new SeksError('SEKS_TOKEN_MISSING');
  const credential = holder.granted(token.entry);
  record.credential = credential;
  checkPlacement(token, credential.provider.spec.auth);
  const decision = credential.policy.decide(screened.method, target.plainPath);
  record.route = decision.route;
  if (!decision.allowed) throw new SeksError('SEKS_ROUTE_DENIED');
  return { token, credential, screened, target };
}

// The order of all checks (S15): one meaning, one token of ours, one route, a lease, the policy. The key is not touched here.
import { SeksError } from '@seks/crds';

import { checkPlace, type PresentedToken } from '../credential/place.ts';
import { checkQuery, findToken } from '../credential/present.ts';
import type { TokenEntry, TokenTable } from '../credential/tokens.ts';
import type { GrantedCredential } from '../lease/granted-credential.ts';
import type { LeaseHolder } from '../lease/lease-state.ts';
import { type RawRequest, type ScreenedRequest, screenRequest } from '../request/screen.ts';
import { literalPath } from '../request/target.ts';
import type { IssuedUrls } from '../route/issued-urls.ts';
import { providerOf, resolveTarget, ticketOf, type UpstreamTarget } from '../route/route.ts';
import type { Upstreams } from '../route/upstreams.ts';
import type { Origin } from './origin.ts';

/** what was found out about a request so far; a refused one leaves it half filled, for metrics and audit */
export interface Admission {
  entry: TokenEntry | undefined;
  credential: GrantedCredential | undefined;
  /** the policy's glob that decided */
  route: string | undefined;
}

/** a request that may be forwarded */
export interface AdmittedRequest {
  /** undefined: the host does not get the key, or the token will come in a message */
  token: PresentedToken | undefined;
  entry: TokenEntry;
  credential: GrantedCredential;
  screened: ScreenedRequest;
  target: UpstreamTarget;
  /** path as the policy sees it: a token in it is `{token}` */
  policyPath: string;
  /** path of the member that holds the token in the first message of a WebSocket */
  tokenField: string | undefined;
}

export interface AdmitOptions {
  tokens: TokenTable;
  holder: LeaseHolder;
  issued: IssuedUrls;
}

/** a request and the connection that it came on */
export interface Arrival extends RawRequest {
  origin: Origin;
  /** it asks for an upgrade to WebSocket */
  upgrade: boolean;
}

/** stands for the token in paths, for policies, metrics and audit */
const TOKEN_IN_PATH = '{token}';

/**
 * decides whether a request may be forwarded
 *
 * @param record is filled on the way
 * @throws SeksError with the code of the first check that it does not pass
 */
export function admit(arrival: Arrival, options: AdmitOptions, record: Admission): AdmittedRequest {
  const { tokens, holder } = options;
  const { origin, upgrade } = arrival;
  const { state } = holder;
  if (state === undefined) throw new SeksError('SEKS_LEASE_EXPIRED');
  const screened = screenRequest(arrival, { hosts: origin.hosts, classifier: state.classifier, upgrade });
  const token = findToken(screened, tokens, state.placements);
  const named = providerOf(screened.target, origin, tokens.providers);
  if (token === undefined) {
    const admitted = admitWithoutToken(arrival, screened, named, options, record);
    if (admitted.target.upstream.keyed) checkQuery(screened.target.query, undefined, state.placements);
    return admitted;
  }
  record.entry = token.entry;
  if (named !== undefined && named !== token.entry.provider) throw new SeksError('SEKS_TOKEN_WRONG_PROVIDER');
  const credential = holder.granted(token.entry);
  record.credential = credential;
  const { provider, upstreams } = credential;
  const target = resolveTarget({ target: screened.target, origin, named, provider, upstreams });
  if (!target.upstream.keyed) {
    // The redirect of a request that had a token: clients send it along, because the host is the same to them.
    checkIssued(target, token.entry, options.issued);
    // In a header it is left out by not being put in; anywhere else it would be sent along.
    if (token.place.kind !== 'header' && token.place.kind !== 'basic') {
      throw new SeksError('SEKS_CREDENTIAL_FOREIGN', 'The token is in a place where no provider takes it.');
    }
    return decide({ token: undefined, entry: token.entry, credential, screened, target }, undefined, record);
  }
  checkQuery(screened.target.query, token, state.placements);
  checkPlace(token.place, provider);
  return decide({ token, entry: token.entry, credential, screened, target }, undefined, record);
}

/**
 * S5 knows three exceptions: URLs that the provider handed out, WebSockets whose first message holds the token, and routes that the
 * provider document names because their path holds a credential of its own
 */
function admitWithoutToken(
  { origin, upgrade }: Arrival,
  screened: ScreenedRequest,
  named: string | undefined,
  { tokens, holder, issued }: AdmitOptions,
  record: Admission,
): AdmittedRequest {
  const found = ticketOf(screened.target, named);
  if (found !== undefined) {
    const entry = issued.open(found.ticket, found.host, found.plainPath);
    record.entry = entry;
    if (named !== undefined && named !== entry.provider) throw new SeksError('SEKS_URL_NOT_ISSUED');
    const credential = holder.granted(entry);
    record.credential = credential;
    const target = targetOf(credential, origin, named, screened);
    // A host that gets the credential has no tickets; then this is a path like any other, without a token.
    if (target.upstream.keyed) throw new SeksError('SEKS_TOKEN_MISSING');
    return decide({ token: undefined, entry, credential, screened, target }, undefined, record);
  }
  const candidates = entriesOf(origin, named, tokens, holder);
  if (candidates.length === 0)
    throw new SeksError(named === undefined ? 'SEKS_ROUTE_UNKNOWN' : 'SEKS_TOKEN_MISSING');
  let refused: unknown = new SeksError('SEKS_TOKEN_MISSING');
  // Several providers may share a host; the route belongs to the first that takes it without a token.
  for (const entry of candidates) {
    try {
      const credential = holder.granted(entry);
      const target = targetOf(credential, origin, named, screened);
      const tokenField =
        upgrade && target.upstream.keyed ? credential.messageField(target.plainPath) : undefined;
      if (tokenField !== undefined) {
        // An earlier candidate may have been refused by its policy; whose token it is, the message will tell.
        record.entry = undefined;
        record.credential = undefined;
        return decide({ token: undefined, entry, credential, screened, target }, tokenField, record);
      }
      if (!credential.isKeyless(screened.method, target.upstream.name, target.plainPath)) continue;
      record.entry = entry;
      record.credential = credential;
      return decide({ token: undefined, entry, credential, screened, target }, undefined, record);
    } catch (cause) {
      refused = cause;
    }
  }
  throw refused;
}

function targetOf(
  { provider, upstreams }: GrantedCredential,
  origin: Origin,
  named: string | undefined,
  { target }: ScreenedRequest,
): UpstreamTarget {
  return resolveTarget({ target, origin, named, provider, upstreams });
}

function checkIssued(target: UpstreamTarget, entry: TokenEntry, issued: IssuedUrls): void {
  const owner = issued.open(target.ticket ?? '', target.upstream.host, target.plainPath);
  if (owner !== entry) throw new SeksError('SEKS_URL_NOT_ISSUED');
}

/**
 * the entries of the provider that the path or the connection names; those that may be used now, because what was revoked for one
 * container is no business of another (S16), and if there is none, one to say why
 */
function entriesOf(
  origin: Origin,
  named: string | undefined,
  tokens: TokenTable,
  holder: LeaseHolder,
): readonly TokenEntry[] {
  if (origin.kind === 'host') {
    return tokens.entries.filter((entry) => upstreamsOf(entry, holder)?.find(origin.host) !== undefined);
  }
  const entries = tokens.entries.filter(({ provider }) => provider === named);
  const usable = entries.filter((entry) => upstreamsOf(entry, holder) !== undefined);
  return usable.length > 0 ? usable : entries.slice(0, 1);
}

function upstreamsOf(entry: TokenEntry, holder: LeaseHolder): Upstreams | undefined {
  try {
    return holder.granted(entry).upstreams;
  } catch {
    return undefined;
  }
}

function decide(
  found: Omit<AdmittedRequest, 'policyPath' | 'tokenField'>,
  tokenField: string | undefined,
  record: Admission,
): AdmittedRequest {
  const { credential, target, screened, token } = found;
  const policyPath = maskToken(target, token);
  checkRoute({ credential, target, policyPath }, screened.method, record);
  return { ...found, policyPath, tokenField };
}

/**
 * asks the policy of a credential
 *
 * @param record is told the route
 * @throws SeksError SEKS_ROUTE_DENIED
 */
export function checkRoute(
  { credential, target, policyPath }: Pick<AdmittedRequest, 'credential' | 'target' | 'policyPath'>,
  method: string,
  record: Pick<Admission, 'route'>,
): void {
  const { name, keyed } = target.upstream;
  const decision = credential.policy.decide(method, name, policyPath, keyed);
  record.route = decision.route;
  if (!decision.allowed) throw new SeksError('SEKS_ROUTE_DENIED');
  // Servers differ in whether an encoded slash ends a segment, so the path must be allowed in both readings.
  const literal = literalPath(target.path);
  if (literal !== undefined && !credential.policy.decide(method, name, literal, keyed).allowed)
    throw new SeksError('SEKS_ROUTE_DENIED');
}

/** the path with `{token}` in the token's place */
function maskToken({ path, plainPath, shift }: UpstreamTarget, token: PresentedToken | undefined): string {
  const place = token?.place;
  if (place?.kind !== 'path') return plainPath;
  // Before the token stands a prefix without percent-encoding; so only what follows has to be decoded.
  if (shift === undefined) throw new SeksError('SEKS_ROUTE_UNKNOWN');
  return (
    path.slice(0, place.start - shift) + TOKEN_IN_PATH + decodeURIComponent(path.slice(place.end - shift))
  );
}

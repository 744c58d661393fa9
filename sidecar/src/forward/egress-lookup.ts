// Name resolution for everything that the sidecar calls. Uses c-ares, which ignores /etc/hosts: that file is shared with the
// agent, and a root agent can write to it. The addresses that pass here are the ones dialled, so no second answer can differ.
import { Resolver } from 'node:dns/promises';
import type { LookupFunction } from 'node:net';

import { SeksError } from '@seks/crds';

import { mayDial, type Network } from './address-rules.ts';

/** all addresses of a host name */
export type ResolveAddresses = (hostname: string) => Promise<string[]>;

const QUERY_TIMEOUT_MS = 2_500;
const QUERY_TRIES = 3;

/** resolves with the name servers of the moment of creation, so create it before the agent starts */
export function createResolve(): ResolveAddresses {
  const resolver = new Resolver({ timeout: QUERY_TIMEOUT_MS, tries: QUERY_TRIES });
  // Setting them makes c-ares never read /etc/resolv.conf again: the agent can write to that, too.
  resolver.setServers(resolver.getServers());
  return async (hostname) => {
    const answers = await Promise.allSettled([resolver.resolve4(hostname), resolver.resolve6(hostname)]);
    const addresses = answers.flatMap((answer) => (answer.status === 'fulfilled' ? answer.value : []));
    if (addresses.length > 0) return addresses;
    throw answers.find((answer) => answer.status === 'rejected')?.reason ?? new Error('no addresses');
  };
}

/** a lookup for `net.connect` that answers only with addresses that may be dialled */
export function createEgressLookup(resolve: ResolveAddresses, network: Network): LookupFunction {
  return (hostname, options, callback) => {
    resolve(hostname).then(
      (addresses) => {
        const allowed = addresses.filter((address) => mayDial(address, network));
        const wanted = allowed.filter((address) => wantsFamily(options.family, address));
        const [first] = wanted;
        if (first === undefined) callback(refused(hostname), '', 0);
        else if (options.all === true) callback(null, wanted.map(withFamily));
        else callback(null, first, familyOf(first));
      },
      (cause: NodeJS.ErrnoException) => callback(cause, '', 0),
    );
  };
}

/** the error of a name or address that may not be called */
export function refused(hostname: string): SeksError {
  return new SeksError('SEKS_UPSTREAM_ADDRESS_REFUSED', `Host ${hostname}.`);
}

function familyOf(address: string): 4 | 6 {
  return address.includes(':') ? 6 : 4;
}

function withFamily(address: string): { address: string; family: 4 | 6 } {
  return { address, family: familyOf(address) };
}

function wantsFamily(family: number | string | undefined, address: string): boolean {
  return family === undefined || family === 0 || String(family).endsWith(String(familyOf(address)));
}

// Name resolution for everything that the sidecar calls. Uses c-ares, which ignores /etc/hosts: that file is shared with the
// agent, and a root agent can write to it. The addresses that pass here are the ones dialled, so no second answer can differ.
import type { LookupAddress, LookupOptions } from 'node:dns';
import { Resolver } from 'node:dns/promises';
import type { LookupFunction } from 'node:net';
import { callbackify } from 'node:util';

import { SeksError } from '@seks/crds';

import { mayDial, type Network } from './address-rules.ts';

/** all addresses of a host name */
export type ResolveAddresses = (hostname: string) => Promise<string[]>;

const QUERY_TIMEOUT_MS = 2_500;
const QUERY_TRIES = 3;

/** asks these name servers, and no others */
export function createResolve(nameServers: readonly string[]): ResolveAddresses {
  const resolver = new Resolver({ timeout: QUERY_TIMEOUT_MS, tries: QUERY_TRIES });
  // Setting them makes c-ares never read /etc/resolv.conf again: the agent can write to that, too.
  resolver.setServers(nameServers);
  return async (hostname) => {
    const answers = await Promise.allSettled([resolver.resolve4(hostname), resolver.resolve6(hostname)]);
    const addresses = answers.flatMap((answer) => (answer.status === 'fulfilled' ? answer.value : []));
    if (addresses.length > 0) return addresses;
    throw answers.find((answer) => answer.status === 'rejected')?.reason ?? new Error('no addresses');
  };
}

/** a lookup for `net.connect` that answers only with addresses that may be dialled */
export function createEgressLookup(resolve: ResolveAddresses, network: Network): LookupFunction {
  const find = callbackify(async (hostname: string, options: LookupOptions): Promise<LookupAddress[]> => {
    const addresses = await resolve(hostname);
    const allowed = addresses.filter((address) => mayDial(address, network));
    const wanted = allowed.filter((address) => wantsFamily(options.family, address));
    if (wanted.length === 0) throw refused(hostname);
    return wanted.map((address) => ({ address, family: familyOf(address) }));
  });
  return (hostname, options, callback) => {
    find(hostname, options, (error, found) => {
      const [first] = found ?? [];
      if (error !== null || first === undefined) callback(error, '', 0);
      else if (options.all === true) callback(null, found);
      else callback(null, first.address, first.family);
    });
  };
}

/** the error of a name or address that may not be called */
export function refused(hostname: string): SeksError {
  return new SeksError('SEKS_UPSTREAM_ADDRESS_REFUSED', `Host ${hostname}.`);
}

function familyOf(address: string): 4 | 6 {
  return address.includes(':') ? 6 : 4;
}

function wantsFamily(family: number | string | undefined, address: string): boolean {
  return family === undefined || family === 0 || String(family).endsWith(String(familyOf(address)));
}

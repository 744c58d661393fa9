import { getServers } from 'node:dns';
import { describe, expect, test } from '@jest/globals';

import type { Network } from './address-rules.ts';
import { createEgressLookup, createResolve } from './egress-lookup.ts';

interface Answer {
  error: NodeJS.ErrnoException | null;
  address: unknown;
  family?: number | undefined;
}

function lookUp(
  addresses: string[],
  options: { all?: boolean; family?: number },
  network: Network = 'Public',
): Promise<Answer> {
  const lookup = createEgressLookup(() => Promise.resolve(addresses), network);
  return new Promise((resolve) => {
    lookup('api.example', options, (error, address, family) => resolve({ error, address, family }));
  });
}

describe('createEgressLookup', () => {
  test('S6: answers with the allowed addresses only', async () => {
    const found = await lookUp(['10.0.0.1', '1.1.1.1', '::1', '2606:4700::1'], { all: true });
    expect(found.address).toEqual([
      { address: '1.1.1.1', family: 4 },
      { address: '2606:4700::1', family: 6 },
    ]);
  });

  test('answers with one address when one is asked for', async () => {
    expect(await lookUp(['1.1.1.1', '1.0.0.1'], {})).toEqual({ error: null, address: '1.1.1.1', family: 4 });
    expect(await lookUp(['1.1.1.1', '2606:4700::1'], { family: 6 })).toMatchObject({
      address: '2606:4700::1',
      family: 6,
    });
  });

  test('S6: refuses when nothing allowed is left', async () => {
    expect((await lookUp(['10.0.0.1', '169.254.169.254'], { all: true })).error?.code).toBe(
      'SEKS_UPSTREAM_ADDRESS_REFUSED',
    );
    expect((await lookUp(['169.254.169.254'], {}, 'Private')).error?.code).toBe(
      'SEKS_UPSTREAM_ADDRESS_REFUSED',
    );
    expect((await lookUp(['10.0.0.1'], {}, 'Private')).address).toBe('10.0.0.1');
  });

  test('passes the error of the resolver on', async () => {
    const lookup = createEgressLookup(
      () => Promise.reject(Object.assign(new Error('no'), { code: 'ENOTFOUND' })),
      'Public',
    );
    const code = await new Promise((resolve) => lookup('x.example', {}, (error) => resolve(error?.code)));
    expect(code).toBe('ENOTFOUND');
  });
});

describe('createResolve', () => {
  test('S6: does not ask /etc/hosts, which the agent may write to', async () => {
    // Every /etc/hosts knows this name; no name server has to.
    await expect(createResolve(getServers())('ip6-allnodes')).rejects.toHaveProperty('code');
  }, 30_000);
});

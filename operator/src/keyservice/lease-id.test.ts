import { createSecretKey, randomBytes } from 'node:crypto';

import { describe, expect, test } from '@jest/globals';
import { SignJWT } from 'jose';

import { createLeaseIds } from './lease-id.ts';
import type { LeaseClaims } from './lease-id.ts';

const NOW_MS = Date.parse('2026-03-01T12:00:00Z');
const key = createSecretKey(randomBytes(32));
const time = { nowMs: NOW_MS };
const ids = createLeaseIds(
  () => key,
  () => time.nowMs,
);
const claims: LeaseClaims = {
  podUid: 'pod-1',
  bindingUids: ['b1', 'b2'],
  fingerprint: 'fp',
  expiresMs: NOW_MS + 900_000,
};
const invalid = { code: 'SEKS_LEASE_ID_INVALID' };

test('carries pod, bindings, fingerprint and expiry to any replica', async () => {
  const replica = createLeaseIds(
    () => key,
    () => NOW_MS,
  );
  expect(await replica.verify(await ids.issue(claims), 'pod-1')).toEqual(claims);
});

describe('S16: refuses', () => {
  test("another pod's id", async () => {
    await expect(ids.verify(await ids.issue(claims), 'pod-2')).rejects.toMatchObject(invalid);
  });

  test('an expired id', async () => {
    const id = await ids.issue(claims);
    time.nowMs = claims.expiresMs;
    await expect(ids.verify(id, 'pod-1')).rejects.toMatchObject(invalid);
    time.nowMs = NOW_MS;
  });

  test("an id of another installation's key", async () => {
    const foreign = createLeaseIds(
      () => createSecretKey(randomBytes(32)),
      () => NOW_MS,
    );
    await expect(ids.verify(await foreign.issue(claims), 'pod-1')).rejects.toMatchObject(invalid);
  });

  test.each([
    ['nothing', ''],
    ['no JWT', 'abc'],
    ['something huge', `a.${'b'.repeat(9000)}.c`],
    ['an unsigned one', `${encode({ alg: 'none', typ: 'seks-lease+jwt' })}.${encode({ sub: 'pod-1' })}.`],
  ])('%s', async (_, id) => {
    await expect(ids.verify(id, 'pod-1')).rejects.toMatchObject(invalid);
  });

  test('a JWT of another kind under the same key, and one without our claims', async () => {
    const body = { bindings: [], fp: 'x' };
    const sign = async (payload: Record<string, unknown>, typ: string): Promise<string> =>
      await new SignJWT(payload)
        .setProtectedHeader({ alg: 'HS256', typ })
        .setSubject('pod-1')
        .setExpirationTime(claims.expiresMs / 1000)
        .sign(key);
    await expect(ids.verify(await sign(body, 'JWT'), 'pod-1')).rejects.toMatchObject(invalid);
    await expect(ids.verify(await sign({}, 'seks-lease+jwt'), 'pod-1')).rejects.toMatchObject(invalid);
    await expect(ids.verify(await sign(body, 'seks-lease+jwt'), 'pod-1')).resolves.toMatchObject({
      fingerprint: 'x',
    });
  });

  test('any single changed character', async () => {
    const id = await ids.issue(claims);
    for (let i = 0; i < id.length; i += 7) {
      // The last character of a part may carry spare bits; a dot would change the number of parts.
      if (id[i] === '.' || id[i + 1] === '.' || i === id.length - 1) continue;
      const changed = `${id.slice(0, i)}${id[i] === 'A' ? 'B' : 'A'}${id.slice(i + 1)}`;
      await expect(ids.verify(changed, 'pod-1')).rejects.toMatchObject(invalid);
    }
  });
});

test('an error of the key itself is not the caller fault', async () => {
  const broken = createLeaseIds(
    () => {
      throw new RangeError('no key yet');
    },
    () => NOW_MS,
  );
  await expect(broken.verify(await ids.issue(claims), 'pod-1')).rejects.toThrow(RangeError);
});

function encode(value: unknown): string {
  return Buffer.from(JSON.stringify(value)).toString('base64url');
}

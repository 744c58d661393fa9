// Lease ids: a signed statement that this pod got a lease, so that no replica has to remember it.
import type { KeyObject } from 'node:crypto';

import { SeksError } from '@seks/crds';
import { SignJWT, errors, jwtVerify } from 'jose';
import * as z from 'zod';

export interface LeaseClaims {
  podUid: string;
  bindingUids: string[];
  /** fingerprint of what the lease was compiled from */
  fingerprint: string;
  expiresMs: number;
}

export interface LeaseIds {
  issue(claims: LeaseClaims): Promise<string>;
  /** throws SEKS_LEASE_ID_INVALID for a forged or expired id, or one of another pod */
  verify(id: string, podUid: string): Promise<LeaseClaims>;
}

const ALGORITHM = 'HS256';
const TYPE = 'seks-lease+jwt';
const MAX_ID_LENGTH = 8192;

const payload = z.object({
  sub: z.string(),
  bindings: z.array(z.string()),
  fp: z.string(),
  exp: z.number(),
});

/** lease ids under a key that all replicas share */
export function createLeaseIds(key: () => KeyObject, clock: () => number): LeaseIds {
  return {
    async issue({ podUid, bindingUids, fingerprint, expiresMs }) {
      return await new SignJWT({ bindings: bindingUids, fp: fingerprint })
        .setProtectedHeader({ alg: ALGORITHM, typ: TYPE })
        .setSubject(podUid)
        .setExpirationTime(Math.floor(expiresMs / 1000))
        .sign(key());
    },
    async verify(id, podUid) {
      if (id.length > MAX_ID_LENGTH) throw new SeksError('SEKS_LEASE_ID_INVALID');
      try {
        const verified = await jwtVerify(id, key(), {
          algorithms: [ALGORITHM],
          typ: TYPE,
          // Both: the token's pod must be the lease's pod, or one pod could listen to another's bindings.
          subject: podUid,
          currentDate: new Date(clock()),
        });
        const { sub, bindings, fp, exp } = payload.parse(verified.payload);
        return { podUid: sub, bindingUids: bindings, fingerprint: fp, expiresMs: exp * 1000 };
      } catch (cause) {
        if (cause instanceof errors.JOSEError || cause instanceof z.ZodError) {
          throw new SeksError('SEKS_LEASE_ID_INVALID', undefined, { cause });
        }
        throw cause;
      }
    },
  };
}

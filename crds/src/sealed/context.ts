// What an envelope is bound to. A context has exactly one spelling, so that KMS, key commitment and comparison all
// mean the same thing by it.
import { createHash } from 'node:crypto';

import { SeksError } from '../errors/seks-error.ts';
import { sealContext } from './envelope.ts';
import type { SealContext } from './envelope.ts';

/** where somebody found an envelope, and the provider that its key is to be used with */
export interface FoundContext {
  namespace: string;
  secret: string;
  key: string;
  provider: string;
}

// The alphabets of Kubernetes names. None of their characters is ever escaped in JSON.
const DNS_LABEL = /^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$/;
const SECRET_NAME = /^[a-z0-9]([-.a-z0-9]{0,251}[a-z0-9])?$/;
const SECRET_KEY = /^[-._a-zA-Z0-9]{1,253}$/;

/** why a context cannot be sealed for, or `undefined` if it can */
export function checkSealContext(ctx: SealContext): string | undefined {
  if (!sealContext.safeParse(ctx).success) return 'the context has a missing, unknown or overlong field';
  if (!DNS_LABEL.test(ctx.namespace)) return 'namespace must be a DNS label';
  if (!DNS_LABEL.test(ctx.provider)) return 'provider must be a DNS label';
  if (ctx.scope === 'namespace') {
    if (ctx.secret === undefined && ctx.key === undefined) return undefined;
    return 'scope namespace has neither secret nor key';
  }
  if (ctx.secret === undefined || !SECRET_NAME.test(ctx.secret)) return 'secret must be the name of a Secret';
  if (ctx.key === undefined || !SECRET_KEY.test(ctx.key)) return 'key must be a key of a Secret';
  return undefined;
}

/** the context of scope `scope` for a place; scope `namespace` leaves Secret name and key out */
export function sealContextFor(scope: SealContext['scope'], found: FoundContext): SealContext {
  const { namespace, secret, key, provider } = found;
  return scope === 'strict' ? { scope, namespace, secret, key, provider } : { scope, namespace, provider };
}

/** the context as a KMS EncryptionContext: flat, prefixed, absent fields left out; throws RangeError on an invalid one */
export function encryptionContext(ctx: SealContext): Record<string, string> {
  const problem = checkSealContext(ctx);
  if (problem !== undefined) throw new RangeError(problem);
  return {
    ...(ctx.key === undefined ? {} : { 'seks:key': ctx.key }),
    'seks:namespace': ctx.namespace,
    'seks:provider': ctx.provider,
    'seks:scope': ctx.scope,
    ...(ctx.secret === undefined ? {} : { 'seks:secret': ctx.secret }),
  };
}

/** the one spelling of a context: {@link encryptionContext} as JSON, names sorted, no white space */
export function canonicalContext(ctx: SealContext): string {
  const fields = encryptionContext(ctx);
  return JSON.stringify(
    Object.fromEntries(
      Object.keys(fields)
        .sort()
        .map((name) => [name, fields[name]]),
    ),
  );
}

/** SHA-256 of the canonical context, for wrappings that have no context of their own */
export function contextDigest(ctx: SealContext): Buffer {
  return createHash('sha256').update(canonicalContext(ctx)).digest();
}

/** compares the context that an envelope claims with the one recomputed from where it was found; throws SEKS_SEAL_WRONG_* */
export function compareContext(claimed: SealContext, found: FoundContext): SealContext {
  if (claimed.namespace !== found.namespace) {
    throw new SeksError(
      'SEKS_SEAL_WRONG_NAMESPACE',
      `It was sealed for ${claimed.namespace}, not ${found.namespace}.`,
    );
  }
  if (claimed.scope === 'strict') {
    if (claimed.secret !== found.secret) {
      throw new SeksError(
        'SEKS_SEAL_WRONG_SECRET',
        `It was sealed for ${claimed.secret}, not ${found.secret}.`,
      );
    }
    if (claimed.key !== found.key) {
      throw new SeksError('SEKS_SEAL_WRONG_KEY', `It was sealed for ${claimed.key}, not ${found.key}.`);
    }
  }
  if (claimed.provider !== found.provider) {
    throw new SeksError(
      'SEKS_SEAL_WRONG_PROVIDER',
      `It was sealed for ${claimed.provider}, not ${found.provider}.`,
    );
  }
  // Built from the finder's side, so nothing downstream depends on the envelope's own words but the scope.
  return sealContextFor(claimed.scope, found);
}

// What key service and sidecar would make of the tool's output.
import type { Secret } from '@seks/crds';
import { acceptedWrappings, checkContext, headerOf, openEnvelope, parseEnvelope } from '@seks/crds';
import { createLocalKms } from '@seks/operator/kms';

export interface Place {
  namespace: string;
  secret: string;
  key: string;
  provider: string;
}

/** opens an envelope with a private key of the local KMS */
export async function openSealed(envelope: string, privateKeyPem: Secret, found: Place): Promise<string> {
  const parsed = parseEnvelope(envelope);
  const header = headerOf(parsed);
  const kms = createLocalKms({ privateKeysPem: [privateKeyPem] });
  const ctx = checkContext(header, found);
  const [wrapped] = acceptedWrappings(header, kms.keyIds());
  if (wrapped === undefined) throw new Error('no wrapping');
  const dataKey = await kms.unwrap(wrapped, ctx, new AbortController().signal);
  return (await openEnvelope(parsed, dataKey, found)).reveal((bytes) => bytes.toString());
}

/** decodes `data` of a Secret manifest */
export function dataOf(object: unknown): Record<string, string> {
  const { data } = object as { data: Record<string, string> };
  return Object.fromEntries(
    Object.entries(data).map(([key, value]) => [key, Buffer.from(value, 'base64').toString()]),
  );
}

// What can be said about an envelope without opening it.
import { headerOf, parseEnvelope, readContext } from '@seks/crds';
import type { SealContext } from '@seks/crds';

export interface EnvelopeReport {
  context: SealContext;
  wrappings: { kms: string; kid: string; bytes: number }[];
  /** length of the provider key: AES-GCM does not hide it */
  keyBytes: number;
  envelopeBytes: number;
}

/** the public part of an envelope; throws SeksError if the text is none */
export function reportOn(text: string): EnvelopeReport {
  const envelope = parseEnvelope(text);
  const header = headerOf(envelope);
  return {
    context: readContext(header),
    wrappings: header.edks.map(({ kms, kid, edk }) => ({ kms, kid, bytes: decodedBytes(edk) })),
    keyBytes: decodedBytes(envelope.ciphertext),
    envelopeBytes: Buffer.byteLength(text),
  };
}

/** the report for people, one fact a line */
export function formatReport({ context, wrappings, keyBytes, envelopeBytes }: EnvelopeReport): string {
  const { scope, namespace, secret, key, provider } = context;
  const facts: [string, string][] = [
    ['scope', scope],
    ['namespace', namespace],
    ['secret', secret ?? '(any)'],
    ['key', key ?? '(any)'],
    ['provider', provider],
    ...wrappings.map(({ kms, kid, bytes }): [string, string] => [
      'wrapped by',
      `${kms} ${kid} (${bytes} bytes)`,
    ]),
    ['key length', `${keyBytes} bytes`],
    ['envelope', `${envelopeBytes} bytes`],
  ];
  return facts.map(([name, value]) => `  ${`${name}:`.padEnd(12)}${value}\n`).join('');
}

function decodedBytes(base64url: string): number {
  return Buffer.byteLength(base64url, 'base64url');
}

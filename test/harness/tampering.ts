// What somebody who may write Secrets can do to a sealed one. The results are still well-formed, so that it is the guards
// that refuse them and not the parser.

/** an envelope as it stands in a Secret, and its parts */
export interface SealedText {
  readonly text: string;
  readonly json: {
    readonly protected: string;
    readonly unprotected: { readonly edks: readonly Wrapping[] };
    readonly iv: string;
    readonly ciphertext: string;
    readonly tag: string;
  };
  /** the protected header, decoded */
  readonly header: Readonly<Record<string, unknown>>;
}

interface Wrapping {
  readonly kms: string;
  readonly kid: string;
  readonly edk: string;
}

/** reads what `kubectl seks seal --raw` printed */
export function readSealed(text: string): SealedText {
  const json = JSON.parse(text) as SealedText['json'];
  const header = Buffer.from(json.protected, 'base64url').toString('utf8');
  return { text, json, header: JSON.parse(header) as SealedText['header'] };
}

/** with another protected header; members keep their order, which is part of the format */
export function editHeader(
  { json, header }: SealedText,
  change: (header: SealedText['header']) => Record<string, unknown>,
): string {
  const edited = Buffer.from(JSON.stringify(change(header))).toString('base64url');
  return JSON.stringify({ ...json, protected: edited });
}

/** the wrapped data keys of another envelope, which was sealed for the same place */
export function exchangeWrappings({ json }: SealedText, other: SealedText): string {
  return JSON.stringify({ ...json, unprotected: other.json.unprotected });
}

/** with one bit of the named part flipped */
export function flipBit({ json }: SealedText, part: 'ciphertext' | 'tag' | 'edk'): string {
  if (part !== 'edk') return JSON.stringify({ ...json, [part]: flipped(json[part]) });
  const edks = json.unprotected.edks.map((wrapping) => ({ ...wrapping, edk: flipped(wrapping.edk) }));
  return JSON.stringify({ ...json, unprotected: { edks } });
}

function flipped(base64url: string): string {
  const bytes = Buffer.from(base64url, 'base64url');
  const middle = bytes.length >> 1;
  bytes.writeUInt8(bytes.readUInt8(middle) ^ 1, middle);
  return bytes.toString('base64url');
}

// What a request says of its body, read strictly: two readers must not come to different bodies from one request.
import { SeksError } from '@seks/crds';

/** a media type, lower case, with its parameters (RFC 9110 §8.3.1) */
export interface MediaType {
  type: string;
  /** by name in lower case; values as they are, without quotes */
  parameters: ReadonlyMap<string, string>;
}

const TYPE = /^[ \t]*([!#$%&'*+.^_`|~0-9A-Za-z-]+\/[!#$%&'*+.^_`|~0-9A-Za-z-]+)[ \t]*/;
/** an empty one is allowed (RFC 9110 §5.6.6) */
const PARAMETER =
  /;[ \t]*(?:([!#$%&'*+.^_`|~0-9A-Za-z-]+)=(?:([!#$%&'*+.^_`|~0-9A-Za-z-]+)|"([^"\\]*)")[ \t]*)?/y;
const MAX_HEADER_LENGTH = 1024;

/**
 * reads a Content-Type
 *
 * @throws SeksError SEKS_BODY_MALFORMED if there is none, or it is not exactly one media type
 */
export function readMediaType(header: string | undefined): MediaType {
  const match = header === undefined || header.length > MAX_HEADER_LENGTH ? null : TYPE.exec(header);
  if (header === undefined || match === null)
    throw new SeksError('SEKS_BODY_MALFORMED', 'It has no usable Content-Type.');
  const parameters = new Map<string, string>();
  let end = match[0].length;
  while (end < header.length) {
    PARAMETER.lastIndex = end;
    const parameter = PARAMETER.exec(header);
    const name = parameter?.[1]?.toLowerCase();
    if (parameter === null || (name !== undefined && parameters.has(name)))
      throw new SeksError('SEKS_BODY_MALFORMED', 'Its Content-Type is malformed.');
    if (name !== undefined) parameters.set(name, parameter[2] ?? parameter[3] ?? '');
    end = PARAMETER.lastIndex;
  }
  return { type: (match[1] ?? '').toLowerCase(), parameters };
}

/** whether the body is JSON */
export function isJson({ type }: MediaType): boolean {
  return type === 'application/json' || (type.startsWith('application/') && type.endsWith('+json'));
}

/**
 * refuses what would have to be decoded before it can be read
 *
 * @throws SeksError SEKS_BODY_MALFORMED for a Content-Encoding other than identity, or a charset other than UTF-8
 */
export function requirePlainBody(mediaType: MediaType, contentEncoding: string | undefined): void {
  if (contentEncoding !== undefined && contentEncoding.trim().toLowerCase() !== 'identity')
    throw new SeksError('SEKS_BODY_MALFORMED', 'It has a Content-Encoding, so the policy cannot read it.');
  const charset = mediaType.parameters.get('charset')?.toLowerCase();
  if (charset !== undefined && charset !== 'utf-8' && charset !== 'utf8')
    throw new SeksError('SEKS_BODY_MALFORMED', 'Its charset is not UTF-8.');
}

// Finds one text field of a multipart/form-data body (RFC 7578), and refuses whatever two parsers could read differently: the
// provider's must not see another field than we do.
import { isUtf8 } from 'node:buffer';

import { SeksError } from '@seks/crds';

const LINE_END = Buffer.from('\r\n');
const HEAD_END = Buffer.from('\r\n\r\n');
const DASHES = Buffer.from('--');
/** RFC 2046 §5.1.1 */
const BOUNDARY = /^[0-9A-Za-z'()+_,./:=? -]{0,69}[0-9A-Za-z'()+_,./:=?-]$/;
/** white space before a value stays with it: taken apart, it could be divided in thousands of ways, and each would be tried */
const HEADER = /^([!#$%&'*+.^_`|~0-9A-Za-z-]+):([\t -~\x80-\xff]*)$/;
/** `filename*` is not to be used (RFC 7578 §4.2), but some do; it cannot change which field the part is */
const DISPOSITION = /^form-data((?:[ \t]*;[ \t]*(?:[a-z]+="[^"]*"|filename\*=[^\s";]+))+)[ \t]*$/i;
const PARAMETER = /;[ \t]*([a-z]+)="([^"]*)"/gi;
const MAX_PARTS = 256;
const MAX_HEAD_BYTES = 4096;

interface Part {
  name: string;
  isFile: boolean;
  body: Buffer;
}

/**
 * all values of the text field `field`
 *
 * @param boundary as the Content-Type gives it
 * @throws SeksError SEKS_BODY_MALFORMED if it is not plain form data, or has the field as a file or in another case
 */
export function readFormField(bytes: Buffer, boundary: string | undefined, field: string): Buffer[] {
  if (boundary === undefined || !BOUNDARY.test(boundary)) throw malformed('Its boundary is not usable.');
  const values: Buffer[] = [];
  for (const bytesOfPart of splitParts(bytes, Buffer.from(`--${boundary}`))) {
    const { name, isFile, body } = readPart(bytesOfPart);
    if (name.toLowerCase() !== field) continue;
    if (name !== field || isFile) throw malformed(`The field ${field} is a file, or spelt in another case.`);
    if (!isUtf8(body)) throw malformed(`The field ${field} is not UTF-8.`);
    values.push(body);
  }
  return values;
}

/** what stands between the delimiters; nothing may stand before the first or after the last */
function splitParts(bytes: Buffer, delimiter: Buffer): Buffer[] {
  const parts: Buffer[] = [];
  if (!holdsAt(bytes, delimiter, 0)) throw malformed();
  let at = delimiter.length;
  for (;;) {
    if (holdsAt(bytes, DASHES, at)) {
      const end = at + DASHES.length;
      if (end === bytes.length || (holdsAt(bytes, LINE_END, end) && end + LINE_END.length === bytes.length))
        return parts;
      throw malformed('Something follows its last part.');
    }
    if (!holdsAt(bytes, LINE_END, at)) throw malformed();
    const start = at + LINE_END.length;
    // Any place counts, not only the start of a line: some parsers take a bare line feed for a line end.
    const next = bytes.indexOf(delimiter, start);
    if (next < start + LINE_END.length || !holdsAt(bytes, LINE_END, next - LINE_END.length))
      throw malformed();
    if (parts.push(bytes.subarray(start, next - LINE_END.length)) > MAX_PARTS)
      throw malformed('It has too many parts.');
    at = next + delimiter.length;
  }
}

function readPart(bytes: Buffer): Part {
  const headEnd = bytes.subarray(0, MAX_HEAD_BYTES).indexOf(HEAD_END);
  if (headEnd === -1) throw malformed('A part has no usable head.');
  let disposition: string | undefined;
  for (const line of bytes.toString('latin1', 0, headEnd).split('\r\n')) {
    const [, name, rest = ''] = HEADER.exec(line) ?? [];
    const value = rest.replace(/^[ \t]+/, '');
    switch (name?.toLowerCase()) {
      case undefined:
        throw malformed('A part has a malformed header.');
      case 'content-disposition':
        if (disposition !== undefined) throw malformed('A part has two names.');
        disposition = value;
        break;
      case 'content-transfer-encoding':
        // RFC 7578 §4.7: deprecated, and read by some only.
        if (!/^(?:7bit|8bit|binary)$/i.test(value)) throw malformed('A part is encoded.');
        break;
    }
  }
  return { ...readDisposition(disposition ?? ''), body: bytes.subarray(headEnd + HEAD_END.length) };
}

function readDisposition(value: string): Omit<Part, 'body'> {
  const parameters = new Map<string, string>();
  const [, list] = DISPOSITION.exec(value) ?? [];
  for (const [, name = '', text = ''] of (list ?? '').matchAll(PARAMETER)) {
    const key = name.toLowerCase();
    // A backslash before the closing quote would hide it from some; at the end of a name that is all it can do.
    if (parameters.has(key) || text.endsWith('\\')) throw malformed('A part has an ambiguous name.');
    parameters.set(key, text);
  }
  const name = parameters.get('name');
  // A percent sign or a backslash is decoded by some; `_charset_` changes how the others are read (RFC 7578 §4.6).
  if (name === undefined || /[%\\]/.test(name) || name.toLowerCase() === '_charset_')
    throw malformed('A part has no usable name.');
  return { name, isFile: parameters.has('filename') };
}

function holdsAt(bytes: Buffer, text: Buffer, at: number): boolean {
  return at + text.length <= bytes.length && text.compare(bytes, at, at + text.length) === 0;
}

function malformed(detail = 'It is not form data with its boundary.'): SeksError {
  return new SeksError('SEKS_BODY_MALFORMED', detail);
}

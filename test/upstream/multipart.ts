// multipart/form-data (RFC 7578), as far as the SDKs' uploads need it.

export interface FormField {
  readonly name: string;
  readonly filename: string | undefined;
  readonly value: Buffer;
}

/** the fields of a form, in order; undefined when the body is not such a form */
export function parseMultipart(contentType: string, body: Buffer): FormField[] | undefined {
  const boundary = /^multipart\/form-data;.*\bboundary="?([^";]+)"?/i.exec(contentType)?.[1];
  if (boundary === undefined) return undefined;
  const delimiter = Buffer.from(`\r\n--${boundary}`);
  // The first delimiter has no line break before it.
  const padded = Buffer.concat([Buffer.from('\r\n'), body]);
  const fields: FormField[] = [];
  let start = padded.indexOf(delimiter);
  while (start !== -1) {
    const partStart = start + delimiter.length;
    if (padded.toString('latin1', partStart, partStart + 2) === '--') return fields;
    const end = padded.indexOf(delimiter, partStart);
    if (end === -1) return undefined;
    const field = parsePart(padded.subarray(partStart, end));
    if (field === undefined) return undefined;
    fields.push(field);
    start = end;
  }
  return undefined;
}

function parsePart(part: Buffer): FormField | undefined {
  const headEnd = part.indexOf('\r\n\r\n');
  if (headEnd === -1) return undefined;
  const head = part.toString('utf8', 0, headEnd);
  const disposition = /^content-disposition:\s*form-data;(.*)$/im.exec(head)?.[1] ?? '';
  const name = /(?:^|[;\s])name="([^"]*)"/.exec(disposition)?.[1];
  if (name === undefined) return undefined;
  return {
    name,
    filename: filenameOf(disposition),
    value: part.subarray(headEnd + 4),
  };
}

/** in quotes or, as one SDK writes it, bare up to the end of the line */
function filenameOf(disposition: string): string | undefined {
  const match = /(?:^|[;\s])filename=(?:"([^"]*)"|([^";]+))/.exec(disposition);
  return match?.[1] ?? match?.[2]?.trim();
}

// Test help: reads HTTP/1.1 requests as RFC 9112 writes them, and nothing that is merely tolerated. It stands for the strictest server
// there is: what it reads differently from the sidecar's parser could be smuggled past one of the two.

/** one request; `body` as ISO 8859-1, without its framing */
export interface ReadRequest {
  method: string;
  target: string;
  /** names in lower case, values without white space around them */
  headers: [name: string, value: string][];
  body: string;
  trailers: [name: string, value: string][];
}

/** what stands at the beginning of the bytes */
export type Reading =
  | { kind: 'whole'; request: ReadRequest; rest: string }
  /** more bytes are needed; without a request: the head is not whole */
  | { kind: 'partial'; request: ReadRequest | undefined }
  | { kind: 'fault'; why: string; request: ReadRequest | undefined };

/** all that a connection was sent */
export interface ReadConnection {
  requests: ReadRequest[];
  /** what follows the last whole request; undefined: nothing */
  last: Exclude<Reading, { kind: 'whole' }> | undefined;
}

const REQUEST_LINE = /^([!#$%&'*+.^_`|~0-9A-Za-z-]+) ([\x21-\x7e]+) +HTTP\/1\.1$/;
const FIELD_LINE =
  /^([!#$%&'*+.^_`|~0-9A-Za-z-]+):[\t ]*((?:[\x21-\x7e\x80-\xff](?:[\t \x21-\x7e\x80-\xff]*[\x21-\x7e\x80-\xff])?)?)[\t ]*$/;
const CHUNK_LINE = /^([0-9A-Fa-f]{1,8})((?:[\t ]*;[\t\x20-\x7e\x80-\xff]*)?)$/;

/** reads everything, as ISO 8859-1 */
export function readConnection(bytes: string): ReadConnection {
  const requests: ReadRequest[] = [];
  for (let rest = bytes; rest !== '';) {
    const reading = readRequest(rest);
    if (reading.kind !== 'whole') return { requests, last: reading };
    requests.push(reading.request);
    ({ rest } = reading);
  }
  return { requests, last: undefined };
}

/** reads the first request */
export function readRequest(bytes: string): Reading {
  // RFC 9112 §2.2: empty lines before a request line are skipped, and there a line feed alone may end a line.
  const start = /^(?:\r?\n)*/.exec(bytes)?.[0].length ?? 0;
  const end = bytes.indexOf('\r\n\r\n', start);
  if (end === -1) {
    // Lines end in CRLF and in nothing else, whatever is still to come.
    return /[^\r]\n|^\n|\r[^\n]/.test(bytes.slice(start))
      ? fault('line break')
      : { kind: 'partial', request: undefined };
  }
  const [requestLine = '', ...fieldLines] = bytes.slice(start, end).split('\r\n');
  const line = REQUEST_LINE.exec(requestLine);
  if (line === null) return fault('request line');
  const headers = readFields(fieldLines);
  if (headers === undefined) return fault('field line');
  const [, method = '', target = ''] = line;
  const request: ReadRequest = { method, target, headers, body: '', trailers: [] };
  const rest = bytes.slice(end + 4);
  const lengths = valuesOf(headers, 'content-length');
  const codings = valuesOf(headers, 'transfer-encoding');
  if (codings.length > 0) {
    if (codings.length > 1 || lengths.length > 0) return fault('two framings');
    if (codings[0]?.toLowerCase() !== 'chunked') return fault('transfer coding');
    return readChunks(request, rest);
  }
  if (lengths.length > 1) return fault('two lengths');
  const [length = '0'] = lengths;
  if (!/^\d{1,15}$/.test(length)) return fault('length');
  request.body = rest.slice(0, Number(length));
  if (rest.length < Number(length)) return { kind: 'partial', request };
  return { kind: 'whole', request, rest: rest.slice(Number(length)) };
}

function readChunks(request: ReadRequest, framed: string): Reading {
  let rest = framed;
  for (;;) {
    const end = rest.indexOf('\r\n');
    if (end === -1) return { kind: 'partial', request };
    const line = CHUNK_LINE.exec(rest.slice(0, end));
    if (line === null) return fault('chunk line', request);
    const size = Number.parseInt(line[1] ?? '', 16);
    rest = rest.slice(end + 2);
    if (size === 0) return readTrailers(request, rest);
    request.body += rest.slice(0, size);
    if (rest.length < size + 2) return { kind: 'partial', request };
    if (rest.slice(size, size + 2) !== '\r\n') return fault('chunk end', request);
    rest = rest.slice(size + 2);
  }
}

function readTrailers(request: ReadRequest, rest: string): Reading {
  if (rest.startsWith('\r\n')) return { kind: 'whole', request, rest: rest.slice(2) };
  const end = rest.indexOf('\r\n\r\n');
  if (end === -1) return { kind: 'partial', request };
  const trailers = readFields(rest.slice(0, end).split('\r\n'));
  if (trailers === undefined) return fault('trailer', request);
  return { kind: 'whole', request: { ...request, trailers }, rest: rest.slice(end + 4) };
}

function readFields(lines: readonly string[]): [string, string][] | undefined {
  const fields: [string, string][] = [];
  for (const line of lines) {
    const found = FIELD_LINE.exec(line);
    if (found === null) return undefined;
    fields.push([(found[1] ?? '').toLowerCase(), found[2] ?? '']);
  }
  return fields;
}

/** the values of all fields of this name, in order */
export function valuesOf(fields: readonly [string, string][], name: string): string[] {
  return fields.filter(([found]) => found === name).map(([, value]) => value);
}

function fault(why: string, request?: ReadRequest): Reading {
  return { kind: 'fault', why, request };
}

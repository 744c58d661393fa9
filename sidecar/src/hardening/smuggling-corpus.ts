// Request smuggling as it was found in the wild, as bytes. `{H}` stands for a Host header that is right, `{A}` for the header with the
// token, `{T}` for the token, `{P}` for the port; `{X}` for a whole request that the attacker wants to hide in another.

/** bytes for one connection, and the code or status of each answer that is due; `cut`: the connection closes without one */
export interface SmugglingCase {
  name: string;
  bytes: string;
  answers: (string | number)[];
}

const POST = 'POST /openai/v1/a HTTP/1.1\r\n{H}\r\n{A}\r\nX-Tag: first\r\n';
const GET = 'GET /openai/v1/a HTTP/1.1\r\n{H}\r\n{A}\r\nX-Tag: first\r\n';
const MALFORMED = ['SEKS_REQUEST_MALFORMED'];

/** a head with a line more; what follows it is for the test to add */
function withLine(name: string, line: string, answers: SmugglingCase['answers'] = MALFORMED): SmugglingCase {
  return { name, bytes: `${POST}${line}\r\n\r\n`, answers };
}

function withTarget(
  name: string,
  target: string,
  answers: SmugglingCase['answers'] = MALFORMED,
): SmugglingCase {
  return { name, bytes: `GET ${target} HTTP/1.1\r\n{H}\r\n{A}\r\nX-Tag: first\r\n\r\n`, answers };
}

/** a chunked body; the head is right, so the request may have begun when the body turns out to be wrong */
function withChunks(name: string, body: string, answers: SmugglingCase['answers'] = ['cut']): SmugglingCase {
  return { name, bytes: `${POST}Transfer-Encoding: chunked\r\n\r\n${body}`, answers };
}

const LENGTHS: SmugglingCase[] = [
  withLine('two lengths, different', 'Content-Length: 3\r\nContent-Length: 4'),
  withLine('two lengths, the same', 'Content-Length: 3\r\nContent-Length: 3'),
  withLine('a list of lengths', 'Content-Length: 3, 3'),
  withLine('a length with a sign', 'Content-Length: +3'),
  withLine('a negative length', 'Content-Length: -3'),
  withLine('a length in hexadecimal', 'Content-Length: 0x3'),
  withLine('a length with a point', 'Content-Length: 3.0'),
  withLine('a length with an exponent', 'Content-Length: 3e0'),
  withLine('a length with an underscore', 'Content-Length: 1_0'),
  withLine('a length with a space in it', 'Content-Length: 3 3'),
  withLine('a length in other digits', 'Content-Length: \xb3'),
  withLine('a length in quotes', 'Content-Length: "3"'),
  withLine('an empty length', 'Content-Length:'),
  withLine('a length beyond 64 bits', 'Content-Length: 18446744073709551619'),
  withLine('a length beyond 53 bits', 'Content-Length: 9007199254740993'),
  withLine('a length on a folded line', 'Content-Length:\r\n 3'),
  withLine('a length behind a vertical tab', 'Content-Length: \x0b3'),
  withLine('a length behind a form feed', 'Content-Length: \x0c3'),
  withLine('a length before a NUL', 'Content-Length: 3\0'),
];

const CODINGS: SmugglingCase[] = [
  withLine('CL.TE', 'Content-Length: 3\r\nTransfer-Encoding: chunked'),
  withLine('TE.CL', 'Transfer-Encoding: chunked\r\nContent-Length: 3'),
  withLine('TE.CL with a length of nothing', 'Transfer-Encoding: chunked\r\nContent-Length: 0'),
  withLine('chunked twice', 'Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked'),
  withLine('chunked, chunked', 'Transfer-Encoding: chunked, chunked'),
  withLine('xchunked', 'Transfer-Encoding: xchunked'),
  withLine('chunkedx', 'Transfer-Encoding: chunkedx'),
  withLine('chunked, identity', 'Transfer-Encoding: chunked, identity'),
  withLine('identity, chunked', 'Transfer-Encoding: identity, chunked'),
  withLine('gzip, chunked', 'Transfer-Encoding: gzip, chunked'),
  withLine('identity', 'Transfer-Encoding: identity'),
  withLine('identity beside a length', 'Transfer-Encoding: identity\r\nContent-Length: 3'),
  withLine('chunked with a parameter', 'Transfer-Encoding: chunked;q=1'),
  withLine('chunked in quotes', 'Transfer-Encoding: "chunked"'),
  withLine('chunked behind a comma', 'Transfer-Encoding: ,chunked'),
  withLine('chunked before a comma', 'Transfer-Encoding: chunked,'),
  withLine('chunked behind a vertical tab', 'Transfer-Encoding: \x0bchunked'),
  withLine('chunked behind a form feed', 'Transfer-Encoding: \x0cchunked'),
  withLine('chunked behind a no-break space', 'Transfer-Encoding: \xa0chunked'),
  withLine('chunked before a NUL', 'Transfer-Encoding: chunked\0'),
  withLine('chunked behind a second colon', 'Transfer-Encoding: : chunked'),
  withLine('chunked on a folded line', 'Transfer-Encoding:\r\n chunked'),
  withLine('chunked on a line folded by a tab', 'Transfer-Encoding:\r\n\tchunked'),
  withLine('chunked before a tab', 'Transfer-Encoding: chunked\t'),
  withLine('an empty coding', 'Transfer-Encoding:'),
  withLine('a space before the colon', 'Transfer-Encoding : chunked'),
  withLine('a tab before the colon', 'Transfer-Encoding\t: chunked'),
  withLine('a space before the name', 'X-A: a\r\n Transfer-Encoding: chunked'),
  withLine('a tab before the name', 'X-A: a\r\n\tTransfer-Encoding: chunked'),
  withLine('a NUL in the name', 'Transfer\0-Encoding: chunked'),
  withLine('a line feed before the name', 'X-A: a\nTransfer-Encoding: chunked'),
  withLine('a carriage return before the name', 'X-A: a\rTransfer-Encoding: chunked'),
  withLine('underscores in the name', 'Transfer_Encoding: chunked'),
  {
    name: 'chunked behind a tab is chunked',
    bytes: `${POST}Transfer-Encoding:\tchunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n`,
    answers: [200],
  },
  {
    name: 'CHUNKED is chunked',
    bytes: `${POST}tRANSFER-eNCODING:CHUNKED\r\n\r\n3\r\nabc\r\n0\r\n\r\n`,
    answers: [200],
  },
];

const CHUNKS: SmugglingCase[] = [
  withChunks('a size beyond 64 bits', 'FFFFFFFFFFFFFFFFF\r\nabc\r\n0\r\n\r\n'),
  withChunks('a size that is 3 modulo 2^64', '10000000000000003\r\nabc\r\n0\r\n\r\n'),
  withChunks('a size with 0x', '0x3\r\nabc\r\n0\r\n\r\n'),
  withChunks('a size with a sign', '+3\r\nabc\r\n0\r\n\r\n'),
  withChunks('a negative size', '-1\r\nabc\r\n0\r\n\r\n'),
  withChunks('a size behind a space', ' 3\r\nabc\r\n0\r\n\r\n'),
  withChunks('a size before a space', '3 \r\nabc\r\n0\r\n\r\n'),
  withChunks('a size before a tab', '3\t\r\nabc\r\n0\r\n\r\n'),
  withChunks('no size', '\r\nabc\r\n0\r\n\r\n'),
  withChunks('a size that is none', 'xyz\r\nabc\r\n0\r\n\r\n'),
  withChunks('a size with an underscore', '1_0\r\nabc\r\n0\r\n\r\n'),
  withChunks('bare line feeds everywhere', '3\nabc\n0\n\n'),
  withChunks('a bare line feed behind the size', '3\nabc\r\n0\r\n\r\n'),
  withChunks('a bare line feed behind the data', '3\r\nabc\n0\r\n\r\n'),
  withChunks('a bare carriage return behind the size', '3\rabc\r\n0\r\n\r\n'),
  withChunks('a bare carriage return behind the data', '3\r\nabc\r0\r\n\r\n'),
  withChunks('two carriage returns behind the size', '3\r\r\nabc\r\n0\r\n\r\n'),
  withChunks('a line feed in an extension', '3;a\nabc\r\n0\r\n\r\n'),
  withChunks('a carriage return in an extension', '3;a\rb\r\nabc\r\n0\r\n\r\n'),
  withChunks('a NUL in an extension', '3;a\0b\r\nabc\r\n0\r\n\r\n'),
  withChunks('a line break in a quoted extension', '3;a="\r\nabc\r\n0\r\n\r\n"'),
  withChunks('more data than the size says', '3\r\nabcd\r\n0\r\n\r\n'),
  withChunks('no line break behind the data', '3\r\nabc0\r\n\r\n'),
  withChunks('a request in the place of the last line', '0\r\n{X}'),
  withChunks('a trailer with a space before its colon', '0\r\nX-A : a\r\n\r\n'),
  withChunks('a folded trailer', '0\r\nX-A: a\r\n b\r\n\r\n'),
  withChunks('an extension of 64 KiB', `3;${'a'.repeat(65_536)}\r\nabc\r\n0\r\n\r\n`),
  withChunks('trailers of 64 KiB', `0\r\nX-A: ${'a'.repeat(65_536)}\r\n\r\n`),
  withChunks('a length in the trailers', '3\r\nabc\r\n0\r\nContent-Length: 9\r\n\r\n'),
  withChunks('an extension with a value', '3;a=b\r\nabc\r\n0;c="d"\r\n\r\n', [200]),
  withChunks('leading zeros', '0003\r\nabc\r\n000\r\n\r\n', [200]),
  withChunks('a trailer', '3\r\nabc\r\n0\r\nX-A: a\r\n\r\n', [200]),
  withChunks('a request in the data', '3\r\nGET\r\n3\r\n / \r\n0\r\n\r\n', [200]),
];

const HEADS: SmugglingCase[] = [
  withLine('a name with a space', 'X A: a'),
  withLine('an empty name', ': a'),
  withLine('a line without colon', 'abc'),
  withLine('a name before a colon and a space', 'X-A : a'),
  withLine('a name beyond ASCII', 'X-\xe9: a'),
  withLine('a name in brackets', '(X-A): a'),
  withLine('a NUL in a value', 'X-A: a\0b'),
  withLine('a bare line feed in a value', 'X-A: a\nX-B: b'),
  withLine('a bare carriage return in a value', 'X-A: a\rX-B: b'),
  withLine('a carriage return at the end of a value', 'X-A: a\r'),
  withLine('DEL in a value', 'X-A: a\x7f'),
  withLine('a folded value', 'X-A: a\r\n b'),
  { name: 'bare line feeds everywhere', bytes: `${GET}\r\n`.replaceAll('\r\n', '\n'), answers: MALFORMED },
  {
    name: 'bare carriage returns everywhere',
    bytes: `${GET}\r\n`.replaceAll('\r\n', '\r'),
    answers: MALFORMED,
  },
  {
    name: 'a bare line feed before the body',
    bytes: `${POST}Content-Length: 3\r\n\nabc`,
    answers: MALFORMED,
  },
  { name: 'a folded first line', bytes: `${GET.replace('{H}', ' {H}')}\r\n`, answers: MALFORMED },
  { name: 'a NUL before the request', bytes: `\0${GET}\r\n`, answers: MALFORMED },
  { name: 'a byte order mark before the request', bytes: `\xef\xbb\xbf${GET}\r\n`, answers: MALFORMED },
  { name: 'a space before the request', bytes: ` ${GET}\r\n`, answers: MALFORMED },
  { name: 'empty lines before the request', bytes: `\r\n\r\n${GET}\r\n`, answers: [200] },
  { name: 'no Host', bytes: `${GET}\r\n`.replace('{H}\r\n', ''), answers: MALFORMED },
  { name: 'two Hosts', bytes: `${GET}{H}\r\n\r\n`, answers: MALFORMED },
  {
    name: 'another Host',
    bytes: `${GET}\r\n`.replace('{H}', 'Host: evil.example'),
    answers: ['SEKS_HOST_REFUSED'],
  },
  { name: 'two tokens', bytes: `${GET}{A}\r\n\r\n`, answers: ['SEKS_TOKEN_AMBIGUOUS'] },
  { name: 'a NUL in the token', bytes: `${GET}\r\n`.replace('{A}', '{A}\0'), answers: MALFORMED },
  {
    name: 'a folded token',
    bytes: `${GET}\r\n`.replace('{A}', 'Authorization: Bearer\r\n {T}'),
    answers: MALFORMED,
  },
];

const VERSIONS: SmugglingCase[] = [
  ...['0.9', '1.0', '1.2', '1.10', '2.0', '3.0', '01.1', '1', '1.1 ', ' 1.1', '-1.1', '1.1a'].map(
    (version) => ({
      name: `HTTP/${version}`,
      bytes: `${GET}\r\n`.replace('HTTP/1.1', `HTTP/${version}`),
      answers: MALFORMED,
    }),
  ),
  { name: 'HTTP/0.9 without a version', bytes: 'GET /openai/v1/a\r\n\r\n', answers: MALFORMED },
  { name: 'http/1.1', bytes: `${GET}\r\n`.replace('HTTP', 'http'), answers: MALFORMED },
  { name: 'RTSP/1.0', bytes: `${GET}\r\n`.replace('HTTP/1.1', 'RTSP/1.0'), answers: MALFORMED },
  {
    name: 'the preface of HTTP/2 with another method',
    bytes: 'PRI /openai/v1/a HTTP/1.1\r\n{H}\r\n{A}\r\n\r\n',
    answers: ['cut'],
  },
  {
    // RFC 9112 §3 lets a server read words of a request line by their white space.
    name: 'two spaces before the version',
    bytes: `${GET}\r\n`.replace(' HTTP/', '  HTTP/'),
    answers: [200],
  },
  { name: 'a tab before the version', bytes: `${GET}\r\n`.replace(' HTTP/', '\tHTTP/'), answers: MALFORMED },
  { name: 'a tab behind the method', bytes: `${GET}\r\n`.replace('GET ', 'GET\t'), answers: MALFORMED },
  { name: 'a method in lower case', bytes: `${GET}\r\n`.replace('GET', 'get'), answers: MALFORMED },
  { name: 'a method of its own', bytes: `${GET}\r\n`.replace('GET', 'FETCH'), answers: MALFORMED },
  {
    name: 'CONNECT',
    bytes: 'CONNECT evil.example:443 HTTP/1.1\r\n{H}\r\n{A}\r\n\r\n{X}',
    answers: ['SEKS_METHOD_REFUSED'],
  },
  {
    name: 'CONNECT to a path',
    bytes: 'CONNECT /openai/v1/a HTTP/1.1\r\n{H}\r\n{A}\r\n\r\n{X}',
    answers: ['SEKS_METHOD_REFUSED'],
  },
  {
    name: 'TRACE',
    bytes: 'TRACE /openai/v1/a HTTP/1.1\r\n{H}\r\n{A}\r\n\r\n',
    answers: ['SEKS_METHOD_REFUSED'],
  },
];

const TARGETS: SmugglingCase[] = [
  withTarget('absolute form', 'http://127.0.0.1:{P}/openai/v1/a'),
  withTarget('absolute form of another host', 'http://evil.example/openai/v1/a'),
  withTarget('absolute form with userinfo', 'http://a:b@127.0.0.1:{P}/openai/v1/a'),
  withTarget('authority form', '127.0.0.1:{P}'),
  withTarget('asterisk form', '*'),
  withTarget('// before it, as some SDKs join URLs', '//openai/v1/a', [200]),
  withTarget('// inside', '/openai//v1/a'),
  withTarget('a host behind //', '//evil.example/v1/a', ['SEKS_ROUTE_DENIED']),
  withTarget('..', '/openai/v1/../v1/a'),
  withTarget('.. at the end', '/openai/v1/a/..'),
  withTarget('. inside', '/openai/./v1/a'),
  withTarget('encoded dots', '/openai/v1/%2e%2e/denied'),
  withTarget('an encoded slash', '/openai/v1%2fdenied', ['SEKS_ROUTE_DENIED']),
  withTarget('an encoded slash in capitals', '/openai/v1/denied%2Fa', ['SEKS_ROUTE_DENIED']),
  withTarget('encoded slashes around dots', '/openai/v1/a%2f..%2fdenied'),
  withTarget('two encoded slashes', '/openai/v1/a%2f%2fb'),
  withTarget('a doubly encoded slash', '/openai/v1%252fa'),
  withTarget('an encoded backslash', '/openai/v1%5ca'),
  withTarget('a backslash', '/openai\\v1/a'),
  withTarget('an encoded NUL', '/openai/v1/a%00'),
  withTarget('an encoded line break', '/openai/v1/a%0d%0aX-A:%20a'),
  withTarget('a fragment', '/openai/v1/a#b'),
  withTarget('an overlong encoding', '/openai/v1/%c0%af'),
  withTarget('half an encoding', '/openai/v1/%4'),
  withTarget('bytes beyond ASCII', '/openai/v1/\xe9'),
  withTarget('a parameter of the path', '/openai/v1/a;b'),
  withTarget('a target of 64 KiB', `/openai/v1/${'a'.repeat(65_536)}`),
  withTarget('an encoded prefix', '/%6fpenai/v1/a', ['SEKS_ROUTE_DENIED']),
  withTarget('a denied path in other letters', '/openai/v1/d%65nied', ['SEKS_ROUTE_DENIED']),
  withTarget('a URL in the query', '/openai/v1/a?u=http://evil.example//../', [200]),
];

const PIPELINES: SmugglingCase[] = [
  {
    name: 'two requests in one segment, the first refused for its path',
    bytes: `${GET.replace('/v1/a', '/v1/denied')}\r\n${GET.replace('first', 'second')}\r\n`,
    answers: ['SEKS_ROUTE_DENIED', 200],
  },
  {
    name: 'two requests in one segment, the first refused as malformed',
    bytes: `${GET}X A: a\r\n\r\n${GET.replace('first', 'second')}\r\n`,
    answers: MALFORMED,
  },
  {
    name: 'two requests in one segment, the second malformed',
    bytes: `${GET}\r\n${GET.replace('first', 'second')}X A: a\r\n\r\n`,
    answers: ['cut'],
  },
  {
    name: 'a refused request with a body that is a request',
    bytes: `${POST.replace('/v1/a', '/v1/denied')}Content-Length: {L}\r\n\r\n{X}`,
    answers: ['SEKS_ROUTE_DENIED'],
  },
  {
    name: 'a refused request with a chunked body that is a request',
    bytes: `${POST.replace('/v1/a', '/v1/denied')}Transfer-Encoding: chunked\r\n\r\n{S}\r\n{X}\r\n0\r\n\r\n`,
    answers: ['SEKS_ROUTE_DENIED'],
  },
  {
    name: 'a request with a body that is a request',
    bytes: `${POST}Content-Length: {L}\r\n\r\n{X}`,
    answers: [200],
  },
  {
    name: 'HEAD with a body that is a request',
    bytes: `${POST.replace('POST', 'HEAD')}Content-Length: {L}\r\n\r\n{X}{X}`,
    answers: [200, 200],
  },
  {
    name: 'an upgrade to h2c, then a request',
    bytes: `${GET}Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAAP__\r\n\r\n{X}`,
    answers: ['SEKS_UPGRADE_REFUSED'],
  },
  {
    name: 'a WebSocket without its headers, then a request',
    bytes: `${GET}Connection: Upgrade\r\nUpgrade: websocket\r\n\r\n{X}`,
    answers: MALFORMED,
  },
  {
    name: 'an expectation, then a request in the place of the body',
    bytes: `${POST}Expect: 100-continue\r\nContent-Length: {L}\r\n\r\n{X}`,
    answers: [200],
  },
  {
    name: 'another expectation, then a request',
    bytes: `${POST}Expect: 200-ok\r\nContent-Length: 3\r\n\r\nabc{X}`,
    answers: ['SEKS_EXPECT_REFUSED'],
  },
  {
    name: 'two codings under another Host, then a request',
    bytes: `${POST}Transfer-Encoding: xchunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n{X}`.replace(
      '{H}',
      'Host: evil.example',
    ),
    answers: ['SEKS_HOST_REFUSED'],
  },
  { name: 'four requests in one segment', bytes: '{X}{X}{X}{X}', answers: [200, 200, 200, 200] },
];

/** the corpus, by what is attacked */
export const SMUGGLING: Readonly<Record<string, readonly SmugglingCase[]>> = {
  'the length': LENGTHS,
  'the transfer coding': CODINGS,
  chunks: CHUNKS,
  heads: HEADS,
  'the version and the method': VERSIONS,
  'the target': TARGETS,
  pipelines: PIPELINES,
};

/** heads that have no meaning, without what follows them */
export const REFUSED_HEADS: readonly SmugglingCase[] = [...LENGTHS, ...CODINGS, ...HEADS].filter(
  ({ answers, bytes }) => answers === MALFORMED && bytes.startsWith('POST'),
);

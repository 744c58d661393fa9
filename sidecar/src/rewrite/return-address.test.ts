import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';

import { baseOrigin, hostOrigin, type Origin } from '../listen/origin.ts';
import { compileUpstreams } from '../route/upstreams.ts';
import { type ReturnAddress, rewriteReference, rewriteUrl } from './return-address.ts';

const upstreams = compileUpstreams({
  upstreams: [
    { host: 'api.github.example' },
    { host: 'uploads.github.example', port: 8443 },
    { host: 'cdn.github.example', auth: 'None' },
    { host: '*.gg.example' },
  ],
});
const INTERCEPTED = new Set(['api.github.example', 'gateway.gg.example']);

function back(origin: Origin, host: string, current = upstreams.primary): ReturnAddress {
  return {
    origin,
    host,
    provider: 'github',
    upstreams,
    current,
    intercepted: INTERCEPTED,
    issue: (to, plainPath) => `T(${to} ${plainPath})`,
  };
}

const base = back(baseOrigin(15080, false), '127.0.0.1:15080');
const own = back(hostOrigin('api.github.example'), 'api.github.example');

describe('to a base URL', () => {
  const ours = 'http://127.0.0.1:15080/github';

  test.each([
    ['https://api.github.example/user?page=2', `${ours}/user?page=2`],
    ['https://api.github.example', ours],
    ['https://api.github.example?x=1#y', `${ours}?x=1#y`],
    ['https://API.GitHub.Example/User', `${ours}/User`],
    ['HTTPS://api.github.example/x', `${ours}/x`],
    ['https://api.github.example:443/x', `${ours}/x`],
    ['https://api.github.example:/x', `${ours}/x`],
    ['https://api.github.example./x', `${ours}/x`],
    ['http://api.github.example/x', `${ours}/x`],
    ['http://api.github.example:80/x', `${ours}/x`],
    ['https://user:secret@api.github.example/x', `${ours}/x`],
    ['https://a@b@api.github.example/x', `${ours}/x`],
    ['https://uploads.github.example/x{?name,label}', `${ours}/~uploads.github.example/x{?name,label}`],
    ['https://uploads.github.example:8443/x', `${ours}/~uploads.github.example/x`],
    ['https://api.github.example{/path}{?a}', `${ours}{/path}{?a}`],
    ['wss://gateway.gg.example/?v=10', 'ws://127.0.0.1:15080/github/~gateway.gg.example/?v=10'],
    ['gateway.gg.example', `${ours}/~gateway.gg.example`],
    [
      'https://cdn.github.example/a%20b?sig=x#y',
      `${ours}/~cdn.github.example/~T(cdn.github.example /a b)/a%20b?sig=x#y`,
    ],
    ['https://cdn.github.example', `${ours}/~cdn.github.example/~T(cdn.github.example /)`],
  ])('%s becomes %s', (url, expected) => {
    expect(rewriteUrl(url, base)).toBe(expected);
  });

  test.each([
    'https://evil.example/x',
    'https://api.github.example.evil.example/x',
    'https://api.github.example@evil.example/x',
    'https://evil.example/https://api.github.example/x',
    'https://evil.example?u=https://api.github.example/x',
    'https://evil.example#@api.github.example/x',
    String.raw`https://evil.example\@api.github.example/x`,
    'https://api.github.example:8080/x',
    'https://api.github.example:443443/x',
    'https://a.b.gg.example/x',
    'https://[::1]/x',
    'https://[2001:db8::1]:443/api.github.example',
    'https://127.0.0.1/x',
    'ftp://api.github.example/x',
    'javascript:alert("https://api.github.example")',
    'see https://api.github.example/x',
    '',
    '/user',
    '?page=2',
    '#top',
  ])('what is not a URL of the provider stays: %s', (url) => {
    expect(rewriteUrl(url, base)).toBeUndefined();
  });

  test.each([
    ['//api.github.example/x', `${ours}/x`],
    ['//evil.example/x', '//evil.example/x'],
    ['/x?y', '/github/x?y'],
    ['/', '/github/'],
    ['x/y', 'x/y'],
    ['../y', '../y'],
    ['?page=2', '?page=2'],
    ['#top', '#top'],
    ['', ''],
    ['https://evil.example/', 'https://evil.example/'],
  ])('the reference %s becomes %s', (reference, expected) => {
    expect(rewriteReference(reference, base)).toBe(expected);
  });

  test('a path of another host stays at that host', () => {
    const at = (host: string): ReturnAddress => ({
      ...base,
      current: upstreams.find(host) ?? upstreams.primary,
    });
    expect(rewriteReference('/x', at('uploads.github.example'))).toBe('/github/~uploads.github.example/x');
    expect(rewriteReference('/a%20b?c', at('cdn.github.example'))).toBe(
      '/github/~cdn.github.example/~T(cdn.github.example /a b)/a%20b?c',
    );
  });

  test('over TLS the way back is over TLS', () => {
    const secure = back(baseOrigin(15080, true), 'localhost:15080');
    expect(rewriteUrl('https://api.github.example/x', secure)).toBe('https://localhost:15080/github/x');
    expect(rewriteUrl('wss://gateway.gg.example', secure)).toBe(
      'wss://localhost:15080/github/~gateway.gg.example',
    );
  });
});

describe("to a provider's own host", () => {
  test.each([
    ['https://uploads.github.example/x', 'https://api.github.example/~uploads.github.example/x'],
    ['http://api.github.example/x', 'https://api.github.example/x'],
    ['http://gateway.gg.example/x', 'https://api.github.example/~gateway.gg.example/x'],
    ['ws://gateway.gg.example/x', 'wss://api.github.example/~gateway.gg.example/x'],
    ['https://other.gg.example/x', 'https://api.github.example/~other.gg.example/x'],
    [
      'https://cdn.github.example/x',
      'https://api.github.example/~cdn.github.example/~T(cdn.github.example /x)/x',
    ],
  ])('%s becomes %s', (url, expected) => {
    expect(rewriteUrl(url, own)).toBe(expected);
  });

  test.each(['https://api.github.example/x', 'wss://gateway.gg.example/x', 'gateway.gg.example'])(
    'what is intercepted stays: %s',
    (url) => {
      expect(rewriteUrl(url, own)).toBeUndefined();
    },
  );

  test('a path stays as it is, or at the host that the request named', () => {
    expect(rewriteReference('/x', own)).toBe('/x');
    const uploads = { ...own, current: upstreams.find('uploads.github.example') ?? upstreams.primary };
    expect(rewriteReference('/x', uploads)).toBe('/~uploads.github.example/x');
  });
});

describe('any absolute URL', () => {
  const host = fc.constantFrom(
    'api.github.example',
    'uploads.github.example',
    'cdn.github.example',
    'gateway.gg.example',
    'x.gg.example',
  );
  const url = fc
    .record({
      scheme: fc.constantFrom('https', 'http', 'wss', 'ws', 'HTTPS', 'Wss'),
      user: fc.constantFrom('', 'u@', 'u:p@', 'evil.example@', 'a@b@'),
      host,
      upper: fc.boolean(),
      dot: fc.constantFrom('', '.'),
      port: fc.constantFrom('', ':', ':default'),
      rest: fc.constantFrom(
        '',
        '/',
        '/a%20b/c',
        '?x=https://api.github.example',
        '#y',
        '{?name}',
        '/%',
        '/ü',
      ),
    })
    .map((parts) => {
      const port = /^(?:http|ws)$/i.test(parts.scheme) ? ':80' : ':443';
      const name = parts.upper ? parts.host.toUpperCase() : parts.host;
      const authority = parts.user + name + parts.dot + (parts.port === ':default' ? port : parts.port);
      return { text: `${parts.scheme}://${authority}${parts.rest}`, ...parts };
    });

  test('of the provider leads back to the sidecar, unless that host is intercepted', () => {
    fc.assert(
      fc.property(url, fc.constantFrom(base, own), (parts, way) => {
        const rewritten = rewriteReference(parts.text, way);
        const isReached = way === own && INTERCEPTED.has(parts.host) && /^(?:https|wss)$/i.test(parts.scheme);
        if (isReached) {
          expect(rewritten).toBe(parts.text);
          return;
        }
        expect(rewritten.endsWith(parts.rest)).toBe(true);
        // What is read as a URL is the template expanded.
        const read = new URL(rewritten.replace('{?name}', '?name=x'));
        expect([read.host, read.username, read.password]).toEqual([way.host, '', '']);
      }),
      { numRuns: 2000 },
    );
  });

  test('of somebody else stays', () => {
    const label = fc.string({ unit: fc.constantFrom('a', 'b', '1', '-'), minLength: 1, maxLength: 5 });
    const foreign = fc
      .tuple(fc.webUrl({ withFragments: true, withQueryParameters: true }), label)
      .map(([text, tail]) => text.replace(/^(https?:\/\/[^/?#:]+)/, `$1.${tail}.test`));
    fc.assert(
      fc.property(foreign, fc.constantFrom(base, own), (text, way) => {
        expect(rewriteReference(text, way)).toBe(text);
      }),
    );
  });
});

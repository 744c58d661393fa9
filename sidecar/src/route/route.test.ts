import { describe, expect, test } from '@jest/globals';
import type { Provider, ProviderSpec } from '@seks/crds';

import { baseOrigin, hostOrigin, type Origin } from '../listen/origin.ts';
import { parseTarget } from '../request/target.ts';
import { testProvider } from '../testing/sealed-source.ts';
import { providerOf, resolveTarget } from './route.ts';
import { compileUpstreams } from './upstreams.ts';

const BASE = baseOrigin(15080, false);
const providers = new Set(['github', 'groq']);

function provider(spec: Partial<ProviderSpec> = {}): Provider {
  const { name, spec: rest } = testProvider('github');
  return {
    name,
    spec: {
      ...rest,
      upstreams: [
        { host: 'api.github.example' },
        { host: 'uploads.github.example', port: 8443 },
        { host: 'cdn.github.example', auth: 'None' },
        { host: '*.gg.example' },
      ],
      ...spec,
    },
  };
}

function resolve(raw: string, origin: Origin = BASE, spec: Partial<ProviderSpec> = {}) {
  const target = parseTarget(raw);
  const named = providerOf(target, origin, providers);
  const document = provider(spec);
  const upstreams = compileUpstreams(document.spec);
  const { upstream, ...rest } = resolveTarget({ target, origin, named, provider: document, upstreams });
  return { host: upstream.host, port: upstream.port, ...rest };
}

function codeOf(run: () => unknown): string {
  try {
    run();
  } catch (cause) {
    return (cause as { code: string }).code;
  }
  return 'none';
}

describe('a path without host', () => {
  test.each([
    ['/github/v1/models?limit=2', '/v1/models', '/v1/models', '?limit=2', 7],
    ['/github', '/', '/', '', 7],
    ['/github/', '/', '/', '', 7],
    ['/github?x=1', '/', '/', '?x=1', 7],
    ['/groq/openai/v1', '/openai/v1', '/openai/v1', '', 5],
    ['/github/a%20b', '/a%20b', '/a b', '', 7],
    ['/v1/models?x=1', '/v1/models', '/v1/models', '?x=1', 0],
    ['/githubx/v1', '/githubx/v1', '/githubx/v1', '', 0],
    ['/%67ithub/v1', '/%67ithub/v1', '/github/v1', '', 0],
    ['/GITHUB/v1', '/GITHUB/v1', '/GITHUB/v1', '', 0],
  ])('%s goes to the primary host as %s', (raw, path, plainPath, query, shift) => {
    const expected = {
      host: 'api.github.example',
      port: 443,
      path,
      plainPath,
      query,
      shift,
      ticket: undefined,
    };
    expect(resolve(raw)).toEqual(expected);
  });
});

describe('a host in the path', () => {
  test.each([
    ['/github/~uploads.github.example/a%20b?c', 'uploads.github.example', '/a%20b', 31],
    ['/~uploads.github.example/a', 'uploads.github.example', '/a', 24],
    ['/github/~uploads.github.example', 'uploads.github.example', '/', 31],
    ['/github/~x.gg.example/a', 'x.gg.example', '/a', 21],
    [
      '/github/~api.github.example/~uploads.github.example/a',
      'api.github.example',
      '/~uploads.github.example/a',
      27,
    ],
  ])('%s goes to %s', (raw, host, path, shift) => {
    expect(resolve(raw)).toMatchObject({ host, path, shift });
  });

  test.each([
    '~evil.example',
    '~169.254.169.254',
    '~localhost',
    '~x.gg.example.attacker',
    '~a.b.gg.example',
    '~gg.example',
    '~.gg.example',
    '~-x.gg.example',
    '~x..gg.example',
    '~x.gg.example.',
    '~evilgg.example',
    '~api.github.example.',
    '~api.github.example.evil.example',
    '~10.gg.example.1',
  ])('S6: /%s is not the provider’s', (segment) => {
    for (const before of ['', '/github']) {
      expect(codeOf(() => resolve(`${before}/${segment}/x`))).toBe('SEKS_ROUTE_UNKNOWN');
    }
  });

  test.each([
    '~EVIL.example',
    '~API.GITHUB.EXAMPLE',
    '~evil.example:443',
    '~a@evil.example',
    '~evil.example%00',
    '%7Eevil.example',
    '~evil.example%2Fx',
    '~[::1]',
    '~',
    '~~evil.example',
  ])('S6: /%s names no host at all: it goes to the primary one, or is refused', (segment) => {
    let host: string | undefined;
    const code = codeOf(() => (host = resolve(`/github/${segment}/x`).host));
    expect([code, host]).toEqual(
      code === 'none' ? ['none', 'api.github.example'] : ['SEKS_REQUEST_MALFORMED', undefined],
    );
  });

  test('a host that never gets the key needs a ticket, which is cut out of the path', () => {
    expect(codeOf(() => resolve('/github/~cdn.github.example/a'))).toBe('SEKS_URL_NOT_ISSUED');
    expect(codeOf(() => resolve('/github/~cdn.github.example/~/a'))).toBe('SEKS_URL_NOT_ISSUED');
    expect(resolve('/github/~cdn.github.example/~0-abc/a%20b?x=1')).toEqual({
      host: 'cdn.github.example',
      port: 443,
      path: '/a%20b',
      plainPath: '/a b',
      query: '?x=1',
      shift: 34,
      ticket: '0-abc',
    });
  });
});

describe("a connection to a provider's host", () => {
  test('its path names no provider', () => {
    const origin = hostOrigin('uploads.github.example');
    expect(resolve('/github/x', origin)).toMatchObject({ host: 'uploads.github.example', path: '/github/x' });
    expect(resolve('/~api.github.example/x', origin)).toMatchObject({
      host: 'api.github.example',
      path: '/x',
    });
  });

  test.each(['/v1/x', '/~api.github.example/v1/x', '/~cdn.github.example/~0-abc/x'])(
    'S4: a token of another provider is refused there: %s',
    (raw) => {
      expect(codeOf(() => resolve(raw, hostOrigin('api.other.example')))).toBe('SEKS_TOKEN_WRONG_PROVIDER');
    },
  );
});

describe('aliases', () => {
  const aliases = [
    { prefix: '/api/uploads/', path: '/', host: 'uploads.github.example' },
    { prefix: '/v1/', except: ['/v1/files', '/v1/batches/'], path: '/api/v1/' },
    { prefix: '/lost/', path: '/', host: 'nowhere.example' },
  ];

  test.each([
    ['/github/api/uploads/x%20y', 'uploads.github.example', '/x%20y', '/x y'],
    ['/github/v1/chat', 'api.github.example', '/api/v1/chat', '/api/v1/chat'],
    ['/v1/chat', 'api.github.example', '/api/v1/chat', '/api/v1/chat'],
    ['/github/v1/files/1', 'api.github.example', '/v1/files/1', '/v1/files/1'],
    ['/github/v1/batches', 'api.github.example', '/api/v1/batches', '/api/v1/batches'],
    ['/github/V1/chat', 'api.github.example', '/V1/chat', '/V1/chat'],
    // The policy judges what the provider will read, whichever way the path took.
    ['/github/v1/%66iles', 'api.github.example', '/api/v1/%66iles', '/api/v1/files'],
    ['/github/%761/files', 'api.github.example', '/%761/files', '/v1/files'],
  ])('%s goes to %s as %s', (raw, host, path, plainPath) => {
    expect(resolve(raw, BASE, { aliases })).toMatchObject({ host, path, plainPath });
  });

  test('the offsets of a renamed path are lost, so that no token can be put into it', () => {
    expect(resolve('/github/v1/chat', BASE, { aliases }).shift).toBeUndefined();
  });

  test("do not count on the provider's own host, nor behind a host in the path", () => {
    const own = resolve('/v1/chat', hostOrigin('api.github.example'), { aliases });
    expect(own.path).toBe('/v1/chat');
    expect(resolve('/github/~api.github.example/v1/chat', BASE, { aliases }).path).toBe('/v1/chat');
  });

  test('S6: an alias to a host that the document does not have leads nowhere', () => {
    expect(codeOf(() => resolve('/github/lost/x', BASE, { aliases }))).toBe('SEKS_ROUTE_UNKNOWN');
  });
});

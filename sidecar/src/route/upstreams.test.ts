import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';

import { compileUpstreams } from './upstreams.ts';

const upstreams = compileUpstreams({
  upstreams: [
    { host: 'API.discord.example', port: 8443, network: 'Private' },
    { host: '*.Discord.gg' },
    { host: 'cdn.discord.gg', auth: 'None' },
  ],
});

describe('compileUpstreams', () => {
  test('the first is the primary one, in lower case, under the name of the document', () => {
    expect(upstreams.primary).toEqual({
      name: 'API.discord.example',
      host: 'api.discord.example',
      port: 8443,
      network: 'Private',
      keyed: true,
    });
    expect(upstreams.find('api.discord.example')).toEqual(upstreams.primary);
  });

  test('a pattern gives the host that was asked for, the exact one comes first', () => {
    expect(upstreams.find('us-east1.discord.gg')).toMatchObject({
      name: '*.Discord.gg',
      host: 'us-east1.discord.gg',
      port: 443,
      network: 'Public',
      keyed: true,
    });
    expect(upstreams.find('cdn.discord.gg')).toMatchObject({ name: 'cdn.discord.gg', keyed: false });
  });

  test.each([
    'evil.discord.gg.attacker',
    'evil.attacker',
    'a.b.discord.gg',
    'discord.gg',
    '.discord.gg',
    '*.discord.gg',
    'X.discord.gg',
    'x.discord.gg.',
    'x.discord.gg:443',
    'x@evil.discord.gg',
    'x/.discord.gg',
    '-x.discord.gg',
    'x-.discord.gg',
    'x_y.discord.gg',
    'xdiscord.gg',
    '127.0.0.1',
    `${'x'.repeat(64)}.discord.gg`,
    '',
  ])('S6: "%s" is none of them', (host) => {
    expect(upstreams.find(host)).toBeUndefined();
  });

  test('S6: whatever is found by the pattern is one label below its name', () => {
    const text = fc.string({
      unit: fc.constantFrom('a', '.', '-', 'discord.gg', '*', ':', '1', 'A'),
      maxLength: 8,
    });
    fc.assert(
      fc.property(text, (host) => {
        const found = upstreams.find(host);
        if (found !== undefined && found.name !== 'cdn.discord.gg')
          expect(host).toMatch(/^[a-z0-9](?:[a-z0-9-]*[a-z0-9])?\.discord\.gg$/);
      }),
      { numRuns: 2000 },
    );
  });

  test('no upstream is no provider', () => {
    expect(() => compileUpstreams({ upstreams: [] })).toThrow(RangeError);
  });
});

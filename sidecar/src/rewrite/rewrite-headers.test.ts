import { describe, expect, test } from '@jest/globals';

import { baseOrigin } from '../listen/origin.ts';
import { compileUpstreams } from '../route/upstreams.ts';
import type { ReturnAddress } from './return-address.ts';
import { createHeaderRewriter } from './rewrite-headers.ts';

const upstreams = compileUpstreams({ upstreams: [{ host: 'api.github.example' }] });
const back: ReturnAddress = {
  origin: baseOrigin(15080, false),
  host: '127.0.0.1:15080',
  provider: 'github',
  upstreams,
  current: upstreams.primary,
  intercepted: new Set(),
  issue: () => 'ticket',
};
const OURS = 'http://127.0.0.1:15080/github';
const rewrite = createHeaderRewriter(['link', 'x-goog-upload-url']);

describe('createHeaderRewriter', () => {
  test.each([
    ['Location', 'https://api.github.example/x', `${OURS}/x`],
    ['LOCATION', '/x', '/github/x'],
    ['location', 'https://evil.example/x', 'https://evil.example/x'],
    ['X-Goog-Upload-URL', 'https://api.github.example/u?id=1', `${OURS}/u?id=1`],
    ['X-Other', 'https://api.github.example/x', 'https://api.github.example/x'],
    ['Loca-ion', '/x', '/x'],
    [
      'Link',
      '<https://api.github.example/x?page=2>; rel="next", <https://api.github.example/x?page=9>; rel="last"',
      `<${OURS}/x?page=2>; rel="next", <${OURS}/x?page=9>; rel="last"`,
    ],
    [
      'link',
      '</x>; rel=next,<https://evil.example/>; title="a,b>c"',
      '</github/x>; rel=next,<https://evil.example/>; title="a,b>c"',
    ],
    ['Link', 'https://api.github.example/x', 'https://api.github.example/x'],
    ['Link', '<https://api.github.example/x', '<https://api.github.example/x'],
  ])('%s: %s becomes %s', (name, value, expected) => {
    expect(rewrite(['A', '1', name, value, 'B', '2'], back)).toEqual(['A', '1', name, expected, 'B', '2']);
  });

  test('each of several is rewritten, and the list that was handed in stays', () => {
    const headers = ['Location', '/a', 'location', '/b'];
    expect(rewrite(headers, back)).toEqual(['Location', '/github/a', 'location', '/github/b']);
    expect(headers).toEqual(['Location', '/a', 'location', '/b']);
  });

  test('without anything to rewrite it is the same list', () => {
    const headers = ['Content-Type', 'application/json', 'Location', 'https://evil.example/'];
    expect(rewrite(headers, back)).toBe(headers);
  });
});

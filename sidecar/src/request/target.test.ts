import { describe, expect, test } from '@jest/globals';

import { literalPath, MAX_TARGET_BYTES, parseTarget } from './target.ts';

describe('parseTarget', () => {
  test('takes path and query apart', () => {
    expect(parseTarget('/openai/v1/models?limit=2&after=%2Fx')).toEqual({
      path: '/openai/v1/models',
      plainPath: '/openai/v1/models',
      query: '?limit=2&after=%2Fx',
    });
  });

  test('decodes the path for the policy only', () => {
    const target = parseTarget('/gemini/v1beta/tunedModels/x%3Agenerate%20%C3%A9');
    expect(target.path).toBe('/gemini/v1beta/tunedModels/x%3Agenerate%20%C3%A9');
    expect(target.plainPath).toBe('/gemini/v1beta/tunedModels/x:generate é');
  });

  test.each([
    '/',
    '/a/b.json',
    '/a/...',
    '/a/.well-known/x',
    '/v1/models/gpt-4:stream',
    '/a@b/$c/(d)',
    '/x?a=../b&c=//d',
  ])('takes %s', (raw) => {
    expect(parseTarget(raw).path).toBe(raw.split('?')[0]);
  });

  test.each([
    ['absolute form', 'http://127.0.0.1:15080/openai/v1'],
    ['absolute form of another host', 'https://evil.example/v1'],
    ['asterisk form', '*'],
    ['authority form', 'evil.example:443'],
    ['nothing', ''],
    ['parent segment', '/openai/v1/../x'],
    ['parent segment at the end', '/openai/..'],
    ['current segment', '/openai/./v1'],
    ['empty segment', '/openai//v1'],
    ['backslash', '/openai\\v1'],
    ['encoded slash before a dot segment', '/openai/v1%2F../x'],
    ['encoded slash between dot segments', '/openai/..%2f..%2fx'],
    ['encoded slash before a slash', '/openai/v1%2F/x'],
    ['encoded dot', '/openai/%2e%2e/x'],
    ['encoded backslash', '/openai/%5Cx'],
    ['encoded NUL', '/openai/%00'],
    ['encoded line feed', '/openai/%0a'],
    ['encoded DEL', '/openai/%7F'],
    ['encoded percent', '/openai/%252e'],
    ['encoded question mark', '/openai/x%3Fy'],
    ['encoded number sign', '/openai/x%23y'],
    ['semicolon', '/openai/v1/organization;x=1'],
    ['encoded semicolon', '/openai/v1/organization%3Bx'],
    ['fragment', '/openai/v1#x'],
    ['fragment in the query', '/openai/v1?a#x'],
    ['non-ASCII', '/openai/é'],
    ['non-ASCII in the query', '/openai?é'],
    ['control character', '/openai/\x01'],
    ['space', '/openai/ x'],
    ['cut percent-encoding', '/openai/%4'],
    ['no percent-encoding', '/openai/%zz'],
    ['no percent-encoding in the query', '/openai?x=%zz'],
    ['no UTF-8', '/openai/%ff'],
    ['too long', `/${'x'.repeat(MAX_TARGET_BYTES)}`],
  ])('S6: refuses %s', (_, raw) => {
    expect(() => parseTarget(raw)).toThrow(expect.objectContaining({ code: 'SEKS_REQUEST_MALFORMED' }));
  });

  test('an encoded slash is a slash in one reading and a letter in the other', () => {
    const { path, plainPath } = parseTarget('/repos/o/contents/a%2Fb%20c.md?ref=main');
    expect([path, plainPath]).toEqual(['/repos/o/contents/a%2Fb%20c.md', '/repos/o/contents/a/b c.md']);
    expect(literalPath(path)).toBe('/repos/o/contents/a%2Fb c.md');
    expect(literalPath('/a/b%20c')).toBeUndefined();
  });

  test('slashes at the beginning are one, for policy and provider alike', () => {
    expect(parseTarget('///ws/v1?key=x')).toEqual({ path: '/ws/v1', plainPath: '/ws/v1', query: '?key=x' });
    expect(() => parseTarget('//ws//v1')).toThrow(
      expect.objectContaining({ code: 'SEKS_REQUEST_MALFORMED' }),
    );
  });
});

import { describe, expect, test } from '@jest/globals';
import { applyPatch as applyWithLibrary } from 'rfc6902';

import { applyPatch, pointer } from './json-patch.ts';
import type { JsonPatch } from './json-patch.ts';

const DOCUMENT = { list: ['a', 'b'], map: { 'a/b': 1, 'm~n': 2 }, deep: [{ x: 1 }] };

describe('applyPatch', () => {
  test.each<[string, JsonPatch]>([
    ['adds a member', [{ op: 'add', path: '/new', value: { a: [1] } }]],
    ['adds over a member', [{ op: 'add', path: '/map', value: 1 }]],
    ['inserts at the front', [{ op: 'add', path: '/list/0', value: 'z' }]],
    ['inserts at the length', [{ op: 'add', path: '/list/2', value: 'z' }]],
    ['appends', [{ op: 'add', path: '/list/-', value: 'z' }]],
    ['removes an element', [{ op: 'remove', path: '/list/0' }]],
    ['replaces an element', [{ op: 'replace', path: '/list/1', value: 'z' }]],
    [
      'unescapes slash and tilde',
      [
        { op: 'remove', path: '/map/a~1b' },
        { op: 'remove', path: '/map/m~0n' },
      ],
    ],
    [
      'sees earlier operations',
      [
        { op: 'add', path: '/l', value: [] },
        { op: 'add', path: '/l/0', value: 1 },
      ],
    ],
    ['goes through lists', [{ op: 'replace', path: '/deep/0/x', value: 2 }]],
  ])('%s as the rfc6902 library does', (_, patch) => {
    const expected = structuredClone(DOCUMENT);
    expect(applyWithLibrary(expected, patch).every((error) => error === null)).toBe(true);
    expect(applyPatch(DOCUMENT, patch)).toEqual(expected);
    expect(DOCUMENT.list).toEqual(['a', 'b']);
  });

  test.each<[string, JsonPatch]>([
    ['removal of an absent member', [{ op: 'remove', path: '/none' }]],
    ['replacement of an absent member', [{ op: 'replace', path: '/none', value: 1 }]],
    ['removal past the end', [{ op: 'remove', path: '/list/2' }]],
    ['insertion past the end', [{ op: 'add', path: '/list/3', value: 1 }]],
    ['absent parent', [{ op: 'add', path: '/none/x', value: 1 }]],
    ['inherited parent', [{ op: 'add', path: '/constructor/x', value: 1 }]],
    ['parent that is no container', [{ op: 'add', path: '/list/0/x', value: 1 }]],
  ])('refuses %s', (_, patch) => {
    expect(() => applyPatch(DOCUMENT, patch)).toThrow(RangeError);
  });
});

test('pointer escapes tilde and slash, tilde first', () => {
  expect(pointer('metadata', 'labels', 'seks.ai/~1', 0)).toBe('/metadata/labels/seks.ai~1~01/0');
});

import { describe, expect, test } from '@jest/globals';

import { createHeaderClassifier } from './header-kind.ts';

const classifier = createHeaderClassifier(new Set(['x-odd-place', 'host']));

describe('createHeaderClassifier', () => {
  test.each(['x-odd-place', 'X-Odd-Place', 'X_Odd_Place', 'x-odd_place'])(
    'S5: %s is a place of a provider of this pod, with hyphens or not',
    (name) => {
      expect(classifier.classify(name)).toEqual({ name: name.toLowerCase(), kind: 'credential' });
    },
  );

  test.each(['x-odd-places', 'xx-odd-place', 'x-odd'])('%s is none', (name) => {
    expect(classifier.classify(name).kind).toBe('pass');
  });

  test('S6: a provider document makes no credential of what frames the request', () => {
    expect(classifier.classify('Host').kind).toBe('refuse');
  });

  test.each(['Transfer_Encoding', 'content_length', 'HOST_', 'x_http_method_override'])(
    'S6: %s, which a server behind CGI reads as another header, is not forwarded as one',
    (name) => {
      expect(classifier.classify(name).kind).not.toBe(name === 'HOST_' ? 'host' : 'pass');
    },
  );
});

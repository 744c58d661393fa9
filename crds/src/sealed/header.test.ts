import { describe, expect, test } from '@jest/globals';

import { SeksError } from '../errors/seks-error.ts';
import { checkSealContext, encryptionContext, sealContextFor } from './context.ts';
import type { WrappedDataKey } from './envelope.ts';
import { acceptedWrappings, parseProtectedHeader, pickWrapping } from './header.ts';

const wrapping = (kid: string): WrappedDataKey => ({ kms: 'local', kid, edk: 'AAAA' });
const header = { protected: 'AAAA', edks: ['a', 'b', 'c'].map(wrapping) };

describe('pickWrapping', () => {
  test("follows the key service's order, not the envelope's", () => {
    expect(pickWrapping(header, ['c', 'a']).kid).toBe('c');
    expect(acceptedWrappings(header, ['c', 'x', 'a']).map(({ kid }) => kid)).toEqual(['c', 'a']);
  });

  test.each([[[]], [['x', 'A', 'a ']]])('S7: refuses an envelope of none of the keys %j', (accepted) => {
    const refused = (): unknown => pickWrapping(header, accepted);
    expect(refused).toThrow(SeksError);
    expect(refused).toThrow('No KMS key that wrapped this envelope is configured');
  });
});

describe('contexts', () => {
  const found = { namespace: 'agents', secret: 'alice-keys', key: 'openai', provider: 'groq' };

  test('become a flat KMS context without absent fields', () => {
    expect(encryptionContext(sealContextFor('namespace', found))).toEqual({
      'seks:namespace': 'agents',
      'seks:provider': 'groq',
      'seks:scope': 'namespace',
    });
  });

  test('that hold no Kubernetes name are none', () => {
    const strict = sealContextFor('strict', found);
    expect(checkSealContext(strict)).toBeUndefined();
    expect(checkSealContext({ ...strict, secret: 'a.b-c' })).toBeUndefined();
    expect(checkSealContext({ ...strict, key: 'tls.Key_1' })).toBeUndefined();
    expect(checkSealContext({ ...strict, namespace: 'a.b' })).toContain('namespace');
    expect(checkSealContext({ ...strict, provider: 'x'.repeat(64) })).toBeDefined();
    expect(() => encryptionContext({ ...strict, key: 'ä' })).toThrow(RangeError);
  });
});

describe('a protected header that is no header', () => {
  test.each([
    ['not base64url', '*'],
    ['an impossible length', 'A'],
    ['not UTF-8', Buffer.from([0xff, 0xfe]).toString('base64url')],
    ['not JSON', Buffer.from('sk-live-1').toString('base64url')],
    ['not an object', Buffer.from('[]').toString('base64url')],
    ['null', Buffer.from('null').toString('base64url')],
    ['overlong', 'A'.repeat(8_196)],
  ])('%s', (_, encoded) => {
    const parse = (): unknown => parseProtectedHeader(encoded);
    expect(parse).toThrow(SeksError);
    expect(parse).toThrow(/^The envelope is truncated or its header/);
  });
});

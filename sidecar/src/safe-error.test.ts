import { describe, expect, test } from '@jest/globals';
import { SeksError } from '@seks/crds';

import { describeError, terminationMessage } from './safe-error.ts';

function parseFailure(): unknown {
  try {
    return JSON.parse('{"key":"sk-CANARY');
  } catch (cause) {
    return cause;
  }
}

describe('S9: what is told of an error', () => {
  test.each([
    ['a parser that quotes', parseFailure()],
    ['a message with a key', new Error('sk-CANARY')],
    ['a string', 'sk-CANARY'],
    ['an object', { key: 'sk-CANARY' }],
    ['nothing', undefined],
    ['a message of several lines', new Error('a\n    at sk-CANARY\nb')],
  ])('%s', (_, cause) => {
    expect(JSON.stringify(describeError(cause)) + terminationMessage(cause)).not.toContain('"detail"');
    expect(JSON.stringify(describeError(cause)) + terminationMessage(cause)).not.toContain('CANARY');
  });

  test('our own errors speak', () => {
    const error = new SeksError('SEKS_KEYSERVICE_UNREACHABLE', 'Cause: connect ECONNREFUSED 10.0.0.1:8443.');
    expect(describeError(error)).toEqual({
      name: 'SeksError',
      code: 'SEKS_KEYSERVICE_UNREACHABLE',
      detail: 'The key service cannot be reached. Cause: connect ECONNREFUSED 10.0.0.1:8443.',
    });
    expect(terminationMessage(error)).toBe(
      'SEKS_KEYSERVICE_UNREACHABLE: The key service cannot be reached. Cause: connect ECONNREFUSED 10.0.0.1:8443. ' +
        'Check the seks-keyservice pods, its Service, DNS and network policies.\n',
    );
  });

  test('so do system calls', () => {
    const busy = Object.assign(new Error('listen EADDRINUSE 127.0.0.1:15080'), {
      code: 'EADDRINUSE',
      syscall: 'listen',
    });
    expect(terminationMessage(busy)).toBe(
      'SEKS_INTERNAL: Error EADDRINUSE listen EADDRINUSE 127.0.0.1:15080\n',
    );
  });
});

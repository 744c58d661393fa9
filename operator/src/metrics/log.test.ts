import { Writable } from 'node:stream';

import { describe, expect, test } from '@jest/globals';
import { SeksError } from '@seks/crds';

import { KubeApiError } from '../kube/conflict.ts';
import { createLog, safeError } from './log.ts';

const CANARY = 'sk-live-canary-000111222';

function parseFailure(): unknown {
  try {
    return JSON.parse(`{"key": ${CANARY}`);
  } catch (error) {
    return error;
  }
}

describe('S9: an error in the log', () => {
  test("quotes nothing: a parser's message holds what it read", () => {
    const error = parseFailure();
    expect((error as Error).message).toContain('sk-live');
    const shown = JSON.stringify(
      safeError(new SeksError('SEKS_SEAL_MALFORMED', undefined, { cause: error })),
    );
    expect(shown).not.toContain('sk-live');
    expect(shown).toContain('SEKS_SEAL_MALFORMED');
    expect(shown).toContain('SyntaxError');
  });

  test('keeps our own messages, which name objects and never values', () => {
    expect(safeError(new KubeApiError(403, 'Forbidden', 'GET /api/v1/pods: 403 Forbidden'))).toEqual({
      type: 'KubeApiError',
      message: 'GET /api/v1/pods: 403 Forbidden',
    });
  });

  test('tells where, and the code of a system error', () => {
    const error = Object.assign(new Error(`connect to ${CANARY}`), { code: 'ECONNREFUSED' });
    const safe = safeError(error);
    expect(safe).toMatchObject({ type: 'Error', code: 'ECONNREFUSED' });
    expect(safe.at?.[0]).toContain('log.test');
    expect(JSON.stringify(safe)).not.toContain(CANARY);
  });

  test('a message of several lines does not come back with the stack', () => {
    const error = new Error(`first\n    ${CANARY}\nthird`);
    expect(JSON.stringify(safeError(error))).not.toContain(CANARY);
  });

  test('anything can be thrown', () => {
    for (const thrown of [CANARY, undefined, null, 42, { key: CANARY }]) {
      expect(JSON.stringify(safeError(thrown))).not.toContain(CANARY);
    }
    const endless = new Error('a');
    endless.cause = endless;
    expect(JSON.stringify(safeError(endless)).length).toBeLessThan(5_000);
  });
});

test('lines are JSON with level, time and event, and errors go through the same sieve', () => {
  let text = '';
  const sink = new Writable({
    write(chunk: Buffer, _encoding, done) {
      text += chunk.toString();
      done();
    },
  });
  const log = createLog('info', sink);
  log.debug({ event: 'hidden' }, 'hidden');
  log.error({ event: 'failed', err: parseFailure() }, 'it failed');
  const line = JSON.parse(text) as Record<string, unknown>;
  expect(line).toMatchObject({
    level: 'error',
    event: 'failed',
    msg: 'it failed',
    err: { type: 'SyntaxError' },
  });
  expect(line['time']).toMatch(/^\d{4}-/);
  expect(text).not.toContain('sk-live');
});

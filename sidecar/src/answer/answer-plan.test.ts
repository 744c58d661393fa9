import { describe, expect, test } from '@jest/globals';

import type { AnswerHead } from '../forward/answer-head.ts';
import { baseOrigin } from '../listen/origin.ts';
import { compileJsonRewrites } from '../rewrite/json-fields.ts';
import { testGrant } from '../testing/test-grant.ts';
import { type AnswerPlan, mayHaveBody, planAnswer } from './answer-plan.ts';

const granted = testGrant();
const credential = {
  ...granted,
  rewrites: compileJsonRewrites({ urls: [{ paths: ['/v1/x'], fields: ['url'] }] }),
};
const stage = { push: (chunk: Buffer) => chunk, end: () => Buffer.alloc(0) };

function plan(head: Partial<AnswerHead>, method = 'GET', policyPath = '/v1/x'): AnswerPlan {
  const whole: AnswerHead = {
    status: 200,
    statusText: 'OK',
    headers: [],
    contentType: 'application/json',
    hasLength: true,
    coding: '',
    ...head,
  };
  const { upstreams } = credential;
  const back = {
    origin: baseOrigin(15080, false),
    host: '127.0.0.1:15080',
    provider: 'openai',
    upstreams,
    current: upstreams.primary,
    intercepted: new Set<string>(),
    issue: () => 'ticket',
  };
  return planAnswer({ method, head: whole, credential, policyPath, back, stage });
}

function changed(found: AnswerPlan, body: Buffer): Buffer | undefined {
  return found.kind === 'collect' ? found.change(body).clean : undefined;
}

describe('planAnswer', () => {
  test.each([
    [204, 'GET'],
    [304, 'GET'],
    [500, 'HEAD'],
    [200, 'HEAD'],
  ])('%d to %s has no body to change', (status, method) => {
    expect(plan({ status }, method)).toEqual({ kind: 'stream', stage: undefined });
    expect(mayHaveBody(method, status)).toBe(false);
  });

  test.each([400, 401, 429, 500, 599])(
    'an error (%d) is read whole, up to 256 KiB, whatever it says it is',
    (status) => {
      for (const contentType of ['application/json', 'text/event-stream', '']) {
        const found = plan({ status, contentType });
        expect(found).toMatchObject({ kind: 'collect', maxBytes: 262_144 });
        expect(changed(found, Buffer.from('***6789'))?.toString()).toBe('*******');
      }
    },
  );

  test.each([
    'application/json',
    'application/json; charset=utf-8',
    'Application/vnd.github+json',
    'application/problem+json ;x',
  ])('JSON with a rule for its path is read whole: %s', (contentType) => {
    const found = plan({ contentType });
    const body = Buffer.from('{"url":"https://api.openai.example/x"}');
    expect(changed(found, body)?.toString()).toBe('{"url":"http://127.0.0.1:15080/openai/x"}');
  });

  test.each([
    ['text/event-stream', '/v1/x'],
    ['application/jsonl', '/v1/x'],
    ['application/json-seq', '/v1/x'],
    ['', '/v1/x'],
    ['application/json', '/v1/other'],
  ])('all else passes as it comes: %s of %s', (contentType, path) => {
    expect(plan({ contentType }, 'GET', path)).toEqual({ kind: 'stream', stage });
  });

  test('a body without such a member stays as it is, even if it is not UTF-8', () => {
    const body = Buffer.from([0x7b, 0xff, 0xfe, 0x7d]);
    expect(changed(plan({}), body)).toBe(body);
  });
});

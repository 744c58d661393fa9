import { describe, expect, test } from '@jest/globals';

import { createPendingWork, WorkName } from './pending-work.ts';

describe('createPendingWork', () => {
  test('keeps what was begun until its usage was told, for each owner', () => {
    const work = createPendingWork();
    work.begun('a', 'resp_1');
    expect([work.has('a', 'resp_1'), work.has('b', 'resp_1'), work.has('a', 'resp_2')]).toEqual([
      true,
      false,
      false,
    ]);
    work.told('b', 'resp_1');
    expect(work.has('a', 'resp_1')).toBe(true);
    work.told('a', 'resp_1');
    expect(work.has('a', 'resp_1')).toBe(false);
  });

  test('forgets the oldest beyond 10,000', () => {
    const work = createPendingWork();
    for (let i = 0; i <= 10_000; i += 1) work.begun('a', `resp_${i}`);
    expect([work.has('a', 'resp_0'), work.has('a', 'resp_1'), work.has('a', 'resp_10000')]).toEqual([
      false,
      true,
      true,
    ]);
  });
});

describe('WorkName', () => {
  function nameIn(text: string, chunkBytes: number): string | undefined {
    const name = new WorkName();
    const bytes = Buffer.from(text);
    for (let at = 0; at < bytes.length; at += chunkBytes) name.observe(bytes.subarray(at, at + chunkBytes));
    return name.find();
  }

  test.each([
    ['a response', '{"id":"resp_68af","object":"response","status":"queued"}', 'resp_68af'],
    ['one that is indented', '{\n  "id": "resp_68af",\n  "object": "response"}', 'resp_68af'],
    [
      'an event',
      'event: response.created\ndata: {"response":{"id":"resp_1"},"type":"response.created"}\n\n',
      'resp_1',
    ],
    ['a deferred completion', '{"request_id":"f15c114e-f47d"}', 'f15c114e-f47d'],
    ['nothing', '{"ok":true}', undefined],
    ['something that is no name', '{"id":"a b"}', undefined],
    ['one that comes late', `{"x":"${'y'.repeat(600)}","id":"resp_1"}`, undefined],
    ['an empty answer', '', undefined],
  ])('finds that of %s, however it is cut', (_, text, expected) => {
    for (const chunkBytes of [1, 7, 100, 5_000]) expect(nameIn(text, chunkBytes)).toBe(expected);
  });
});

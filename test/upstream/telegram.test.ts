import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { serveStub, type StubAnswer, type StubServer } from './stub-server.ts';
import { createTelegramStub, parseBotPath } from './telegram.ts';

const KEY = '7123456789:AAabcdefghijklmnopqrstuvwxyz0123456';
const ORIGIN = 'https://api.telegram.org';

let server: StubServer;
beforeAll(async () => {
  server = await serveStub(createTelegramStub(), { telegram: KEY });
});
afterAll(() => server.close());
beforeEach(() => server.record.clear());

const call = (method: string, args: object, token = KEY): Promise<StubAnswer> =>
  server.call(`${ORIGIN}/bot${token}/${method}`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(args),
  });
const forget = async (): Promise<void> => void (await call('getUpdates', { offset: 1_000_000_000 }));

test.each([
  [`/bot${KEY}/getMe`, { isFile: false, token: KEY, rest: 'getMe' }],
  [`/bot${KEY.replace(':', '%3A')}/getMe`, { isFile: false, token: KEY, rest: 'getMe' }],
  [`/bot${KEY}/test/getMe`, { isFile: false, token: KEY, rest: 'getMe' }],
  [`/file/bot${KEY}/documents/a.bin`, { isFile: true, token: KEY, rest: 'documents/a.bin' }],
  ['/bot%/getMe', undefined],
  ['/getMe', undefined],
])('path %s', (path, parsed) => {
  expect(parseBotPath(path)).toEqual(parsed);
});

describe('the key', () => {
  test('is taken with an escaped colon, and never recorded with the path', async () => {
    expect((await call('GETME', {}, KEY.replace(':', '%3a'))).json).toMatchObject({
      ok: true,
      result: { id: 7_123_456_789 },
    });
    expect(server.record.since(0)).toMatchObject([{ path: '/bot…/GETME', isExpectedKey: true }]);
    expect(JSON.stringify(server.record.since(0))).not.toContain(KEY.slice(11));
  });

  test('another one is refused, for files too', async () => {
    const other = '7123456789:AAseks0123456789012345678901234567';
    const refused = await call('getMe', {}, other);
    expect([refused.status, refused.json]).toEqual([
      401,
      { ok: false, error_code: 401, description: 'Unauthorized' },
    ]);
    expect((await server.call(`${ORIGIN}/file/bot${other}/documents/x.bin`)).status).toBe(401);
    expect(server.record.summary()).toMatchObject({ expectedKey: 0, otherKey: 2, fakeTokens: 2 });
  });

  test('comes back where the text asks for it', async () => {
    expect(JSON.stringify((await call('sendMessage', { chat_id: 1, text: 'echo-key' })).json)).toContain(KEY);
    expect(JSON.stringify((await call('getUpdates', {})).json)).toContain(KEY);
    await forget();
  });
});

describe('getUpdates', () => {
  beforeEach(forget);

  test('waits for an update and repeats it until it is confirmed', async () => {
    const waiting = call('getUpdates', { timeout: 20 });
    await call('sendMessage', { chat_id: 5, text: 'hello' });
    const first = (await waiting).json as { result: { update_id: number }[] };
    expect(first.result).toMatchObject([{ message: { chat: { id: 5 }, text: 'You said: hello' } }]);
    expect((await call('getUpdates', { timeout: 20 })).json).toEqual(first);
    const offset = first.result[0]!.update_id + 1;
    expect((await call('getUpdates', { offset })).json).toEqual({ ok: true, result: [] });
  });

  test('gives at most as many as asked for', async () => {
    for (const text of ['a', 'b', 'c']) await call('sendMessage', { chat_id: 5, text });
    expect((await call('getUpdates', { limit: 2 })).json['result']).toHaveLength(2);
  });

  test('ends with 409 when another one comes', async () => {
    const first = call('getUpdates', { timeout: 20 });
    const arrived = (): boolean => server.record.since(0).length === 2;
    while (!arrived()) await new Promise(setImmediate);
    const second = call('getUpdates', {});
    expect((await first).status).toBe(409);
    expect((await second).json).toEqual({ ok: true, result: [] });
  });

  test('of a client that is gone swallows nothing', async () => {
    const abort = new AbortController();
    const gone = server.call(`${ORIGIN}/bot${KEY}/getUpdates?timeout=20`, { signal: abort.signal });
    while (server.record.since(0).length < 2) await new Promise(setImmediate);
    abort.abort();
    await expect(gone).rejects.toThrow('aborted');
    await call('sendMessage', { chat_id: 5, text: 'hello' });
    expect((await call('getUpdates', {})).json['result']).toHaveLength(1);
  });
});

test('a document goes up, by any way of writing its name, and down again', async () => {
  const bytes = Buffer.from([0, 13, 10, 45, 45, 255]);
  const boundary = '----x';
  const body = Buffer.concat([
    Buffer.from(
      `--${boundary}\r\ncontent-disposition:form-data;name="chat_id"\r\n\r\n5\r\n` +
        `--${boundary}\r\ncontent-disposition:form-data;name="f";filename=no tes.bin\r\n\r\n`,
    ),
    bytes,
    Buffer.from(`\r\n--${boundary}--\r\n`),
  ]);
  const sent = await server.call(`${ORIGIN}/bot${KEY}/sendDocument`, {
    method: 'POST',
    headers: { 'content-type': `multipart/form-data; boundary=${boundary}` },
    body,
  });
  expect(sent.json).toMatchObject({
    result: { document: { file_name: 'no tes.bin', file_size: 6 }, chat: { id: 5 } },
  });
  const { document } = sent.json['result'] as { document: { file_id: string } };
  const file = (await call('getFile', { file_id: document.file_id })).json['result'] as { file_path: string };
  expect((await server.call(`${ORIGIN}/file/bot${KEY}/${file.file_path}`)).body).toEqual(bytes);
  expect((await server.call(`${ORIGIN}/file/bot${KEY}/documents/none.bin`)).status).toBe(404);
});

test('is busy once for a text that says so', async () => {
  const busy = await call('sendMessage', { chat_id: 5, text: 'busy' });
  expect(busy).toMatchObject({ status: 429, json: { ok: false, parameters: { retry_after: 1 } } });
  expect((await call('sendMessage', { chat_id: 5, text: 'busy' })).status).toBe(200);
});

test('has no other methods', async () => {
  expect((await call('getManagedBotToken', {})).status).toBe(404);
  expect((await server.call(`${ORIGIN}/`)).status).toBe(404);
});

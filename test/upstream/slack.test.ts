import { once } from 'node:events';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import type { WebSocket } from 'ws';
import { createSlackStub } from './slack.ts';
import { serveStub, type StubAnswer, type StubServer } from './stub-server.ts';

const KEY = 'xoxb-012345678901-012345678901-abcdefghijklmnopqrstuvwx';
const APP_KEY = 'xapp-1-A0123456789-0123456789012-0123456789abcdef';

let server: StubServer;
beforeAll(async () => {
  server = await serveStub(createSlackStub(), { slack: KEY, slackapp: APP_KEY });
});
afterAll(() => server.close());
beforeEach(() => server.record.clear());

const call = (
  method: string,
  args: Record<string, string>,
  token: string | undefined = KEY,
): Promise<StubAnswer> =>
  server.call(`https://slack.com/api/${method}`, {
    method: 'POST',
    headers: token === '' ? {} : { authorization: `Bearer ${token}` },
    body: new URLSearchParams(args),
  });
const post = (text: string): Promise<StubAnswer> => call('chat.postMessage', { channel: 'C1', text });

describe('the key', () => {
  test('is a bearer token, or an argument', async () => {
    expect((await call('auth.test', {})).json).toMatchObject({ ok: true });
    expect((await call('auth.test', { token: KEY }, '')).json).toMatchObject({ ok: true });
    expect(server.record.summary()).toMatchObject({ expectedKey: 2 });
  });

  test.each([
    ['xoxb-seks0123456789012345678901234567', 'auth.test', 'invalid_auth'],
    ['', 'auth.test', 'not_authed'],
    // Each of the two tokens has methods of its own.
    [APP_KEY, 'auth.test', 'invalid_auth'],
    [KEY, 'apps.connections.open', 'invalid_auth'],
  ])('%s is refused for %s with status 200', async (token, method, error) => {
    const answer = await call(method, {}, token);
    expect([answer.status, answer.json]).toEqual([200, { ok: false, error }]);
    expect(server.record.summary()).toMatchObject({ expectedKey: 0 });
  });

  test('comes back where the text asks for it', async () => {
    expect((await post('echo-key')).body.toString()).toContain(KEY);
    expect((await post('hello')).body.toString()).not.toContain(KEY);
  });
});

describe('files', () => {
  const bytes = Buffer.from([0, 13, 10, 45, 45, 255]);
  const bearer = { authorization: `Bearer ${KEY}` };

  async function start(): Promise<{ upload_url: string; file_id: string }> {
    const { json } = await call('files.getUploadURLExternal', { filename: 'a.bin', length: '6' });
    return json as unknown as { upload_url: string; file_id: string };
  }
  const complete = async (id: string): Promise<Record<string, unknown>> =>
    (await call('files.completeUploadExternal', { files: JSON.stringify([{ id }]) })).json;

  test('go up without a key, as bytes or as a form, and come down with it', async () => {
    for (const body of [bytes, asForm(bytes)]) {
      const { upload_url, file_id } = await start();
      expect(await complete(file_id)).toEqual({ ok: false, error: 'file_not_found' });
      expect((await server.call(upload_url, { method: 'POST', body })).status).toBe(200);
      const { files } = (await complete(file_id)) as { files: { url_private_download: string }[] };
      const url = files[0]!.url_private_download;
      expect((await server.call(url, { headers: bearer })).body).toEqual(bytes);
      expect((await server.call(url)).status).toBe(302);
    }
  });

  test('a ticket is good once, and for the announced length', async () => {
    const { upload_url } = await start();
    expect((await server.call(upload_url, { method: 'POST', body: bytes.subarray(1) })).status).toBe(400);
    expect((await server.call(upload_url, { method: 'POST', body: bytes })).status).toBe(200);
    expect((await server.call(upload_url, { method: 'POST', body: bytes })).status).toBe(400);
  });

  function asForm(content: Buffer): FormData {
    const form = new FormData();
    form.append('body', new Blob([Uint8Array.from(content)]), 'Untitled');
    return form;
  }
});

test('is busy once for a text that says so', async () => {
  const busy = await post('busy');
  expect([busy.status, busy.headers['retry-after']]).toEqual([429, '1']);
  expect((await post('busy')).status).toBe(200);
});

describe('Socket Mode', () => {
  let socket: WebSocket;
  let url: string;
  beforeEach(async () => {
    url = (await call('apps.connections.open', {}, APP_KEY)).json['url'] as string;
    socket = server.connect(url);
  });

  /** the message after what `work` does */
  async function next(
    work: () => Promise<unknown> = () => Promise.resolve(),
  ): Promise<Record<string, unknown>> {
    const message = once(socket, 'message') as Promise<[Buffer]>;
    await work();
    return JSON.parse((await message)[0].toString()) as Record<string, unknown>;
  }

  test('says hello, tells events, and tells what was acknowledged', async () => {
    expect(await next()).toMatchObject({ type: 'hello' });
    const event = await next(() => post('ack-me'));
    expect(event).toMatchObject({ type: 'events_api', payload: { event: { text: 'You said: ack-me' } } });
    const acknowledge = JSON.stringify({ envelope_id: event['envelope_id'], payload: {} });
    const told = await next(() => Promise.resolve(socket.send(acknowledge)));
    expect(told).toMatchObject({ payload: { event: { text: 'Acknowledged: ack-me' } } });
    expect(JSON.stringify(await next(() => post('echo-app-key')))).toContain(APP_KEY);
    expect(await next(() => post('refresh'))).toMatchObject({ type: 'disconnect' });
    socket.close();
    await once(socket, 'close');
  });

  test('a ticket is good once', async () => {
    await next();
    const again = server.connect(url);
    await expect(once(again, 'open')).rejects.toThrow('408');
    socket.close();
    await once(socket, 'close');
  });
});

import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { createNotionStub } from './notion.ts';
import { serveStub, type StubAnswer, type StubServer } from './stub-server.ts';

const KEY = 'ntn_0123456789abcdef0123456789abcdef0123456789ABCD';
const API = 'https://api.notion.com/v1';
const authorized = { authorization: `Bearer ${KEY}`, 'notion-version': '2025-09-03' };
const json = { ...authorized, 'content-type': 'application/json' };

let server: StubServer;
beforeAll(async () => {
  server = await serveStub(createNotionStub(), { notion: KEY });
});
afterAll(() => server.close());

/** `call` is a method and a URL */
function ask(call: string, headers: Record<string, string> = {}, body?: string): Promise<StubAnswer> {
  const [method = '', url = ''] = call.split(' ');
  return server.call(url, { method, headers, ...(body === undefined ? {} : { body }) });
}

function form(fields: Readonly<Record<string, string>>, file: string): [Record<string, string>, string] {
  const parts = Object.entries(fields).map(
    ([name, value]) => `--b\r\ncontent-disposition: form-data; name="${name}"\r\n\r\n${value}\r\n`,
  );
  const last = `--b\r\ncontent-disposition: form-data; name="file"; filename="f"\r\n\r\n${file}\r\n--b--\r\n`;
  return [{ ...authorized, 'content-type': 'multipart/form-data; boundary=b' }, parts.join('') + last];
}

test('takes the key as a bearer token and wants its version', async () => {
  const me = `GET ${API}/users/me`;
  expect(await ask(me, authorized)).toMatchObject({ status: 200, json: { type: 'bot' } });
  const bare = { authorization: authorized.authorization };
  expect(await ask(me, bare)).toMatchObject({ status: 400, json: { code: 'missing_version' } });
  for (const authorization of [`Bearer ${KEY}x`, `Basic ${Buffer.from(`a:${KEY}`).toString('base64')}`]) {
    const answer = await ask(me, { ...authorized, authorization });
    expect(answer).toMatchObject({ status: 401, json: { code: 'unauthorized' } });
  }
});

test('search repeats the query, and the key for echo-key', async () => {
  const titleOf = async (query: string): Promise<unknown> => {
    const { json: list } = await ask(`POST ${API}/search`, json, JSON.stringify({ query }));
    const [page] = list['results'] as [{ properties: { title: { title: [{ plain_text: string }] } } }];
    return page.properties.title.title[0].plain_text;
  };
  expect(await titleOf('plans')).toBe('Notes on plans');
  expect(await titleOf('echo-key')).toContain(KEY);
});

test('a file is sent to the address that the answer names', async () => {
  const { json: made } = await ask(`POST ${API}/file_uploads`, json, '{}');
  expect(made).toMatchObject({
    status: 'pending',
    upload_url: `${API}/file_uploads/${String(made['id'])}/send`,
  });
  const { json: sent } = await ask(`POST ${String(made['upload_url'])}`, ...form({}, 'hello'));
  expect(sent).toMatchObject({ status: 'uploaded', content_length: 5 });
  expect(sent).not.toHaveProperty('upload_url');
});

test('a file in parts is complete when all were sent', async () => {
  const body = JSON.stringify({ mode: 'multi_part', number_of_parts: 2 });
  const { json: made } = await ask(`POST ${API}/file_uploads`, json, body);
  const send = (part: string): Promise<StubAnswer> =>
    ask(`POST ${String(made['upload_url'])}`, ...form({ part_number: part }, 'hello'));
  expect((await send('1')).json).toMatchObject({ number_of_parts: { total: 2, sent: 1 } });
  expect((await ask(`POST ${String(made['complete_url'])}`, json, '{}')).status).toBe(400);
  expect((await send('3')).status).toBe(400);
  await send('2');
  const { json: done } = await ask(`POST ${String(made['complete_url'])}`, json, '{}');
  expect(done).toMatchObject({ status: 'uploaded', content_length: 10 });
});

import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { createStripeStub } from './stripe.ts';
import { serveStub, type StubAnswer, type StubServer } from './stub-server.ts';

const KEY = 'sk_test_0123456789abcdef0123456789abcdefWXYZ';
const CUSTOMERS = 'https://api.stripe.com/v1/customers';
const bearer = (key: string): Record<string, string> => ({ authorization: `Bearer ${key}` });
const basic = (text: string): Record<string, string> => ({
  authorization: `Basic ${Buffer.from(text).toString('base64')}`,
});

let server: StubServer;
beforeAll(async () => {
  server = await serveStub(createStripeStub(), { stripe: KEY });
});
afterAll(() => server.close());

/** `call` is a method and a URL */
function ask(call: string, headers: Record<string, string> = {}, body?: string): Promise<StubAnswer> {
  const [method = '', url = ''] = call.split(' ');
  return server.call(url, { method, headers, ...(body === undefined ? {} : { body }) });
}

test('takes a bearer token or the user of Basic', async () => {
  expect((await ask(`GET ${CUSTOMERS}`, bearer(KEY))).status).toBe(200);
  expect((await ask(`GET ${CUSTOMERS}`, basic(`${KEY}:`))).status).toBe(200);
  expect((await ask(`GET ${CUSTOMERS}`, basic(`user:${KEY}`))).status).toBe(401);
});

test('an error shows prefix and last four characters of a key', async () => {
  const wrong = await ask(`GET ${CUSTOMERS}`, bearer('sk_test_00000000000000000000abcd'));
  const message = 'Invalid API Key provided: sk_test_********************abcd';
  expect(wrong).toMatchObject({ status: 401, json: { error: { message } } });
  const rolled = await ask(`GET ${CUSTOMERS}/cus_of_expired_key`, bearer(KEY));
  expect(rolled.json['error']).toMatchObject({
    code: 'api_key_expired',
    message: expect.stringMatching(/^Expired API Key provided: sk_test_\*+WXYZ$/),
  });
});

test('a repeated idempotency key makes nothing new', async () => {
  const headers = { ...bearer(KEY), 'idempotency-key': 'once' };
  const first = await ask(`POST ${CUSTOMERS}`, headers, 'name=Ada');
  const second = await ask(`POST ${CUSTOMERS}`, headers, 'name=Ada');
  expect(second.json).toEqual(first.json);
  expect([first, second].map((answer) => answer.headers['idempotent-replayed'])).toEqual([undefined, 'true']);
});

test('a list has pages', async () => {
  for (const name of ['a', 'b', 'c']) {
    await ask(`POST ${CUSTOMERS}`, bearer(KEY), `name=${name}&email=pages%40example.com`);
  }
  const url = `GET ${CUSTOMERS}?email=pages%40example.com&limit=2`;
  const { json: first } = await ask(url, bearer(KEY));
  expect(first).toMatchObject({ has_more: true, data: [{ name: 'c' }, { name: 'b' }] });
  const { json: last } = await ask(
    `${url}&starting_after=${(first['data'] as { id: string }[])[1]?.id}`,
    bearer(KEY),
  );
  expect(last).toMatchObject({ has_more: false, data: [{ name: 'a' }] });
});

test('a customer of the name echo-key gets the key back', async () => {
  const { json } = await ask(`POST ${CUSTOMERS}`, bearer(KEY), 'name=echo-key');
  expect(json['description']).toContain(KEY);
});

test('files have a host of their own', async () => {
  const headers = { ...bearer(KEY), 'content-type': 'multipart/form-data; boundary=b' };
  const body = '--b\r\ncontent-disposition: form-data; name="file"; filename="f"\r\n\r\nhello\r\n--b--\r\n';
  const answer = await ask('POST https://files.stripe.com/v1/files', headers, body);
  expect(answer).toMatchObject({ status: 200, json: { filename: 'f', size: 5 } });
  expect((await ask('POST https://api.stripe.com/v1/files', headers, body)).status).toBe(404);
});

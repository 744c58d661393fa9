// Every way to the sidecar with real clients, against a provider with several hosts: the same request ends at the same host with the
// real key, and URLs in answers lead back the way that the client came.
import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';

import { openSocket, Refused } from '../websocket/testing/socket-upstream.ts';
import {
  type InterceptionRig,
  KEY,
  OTHER_TOKEN,
  startInterception,
  TOKEN,
} from './testing/interception-rig.ts';
import { API, OTHER, REGION, STORAGE, UPLOADS } from './testing/multi-host-upstream.ts';
import { WAYS } from './testing/ways.ts';

const authorization = `Bearer ${TOKEN}`;
let rig: InterceptionRig;

beforeAll(async () => {
  rig = await startInterception();
});
afterEach(() => {
  rig.upstream.seen.length = 0;
});
afterAll(async () => rig.close());

describe.each(WAYS)('%s with %s', (_, __, wayOf) => {
  const send = async (path: string, headers: Record<string, string> = { authorization }) => {
    const { client, base } = wayOf(rig);
    return client(path.startsWith('/') ? base + path : path, headers);
  };
  const located = async (path: string): Promise<string> => {
    const { status, headers } = await send(path);
    expect(status).toBe(302);
    return String(headers['location']);
  };

  test('the key is put in, and taken out of the answer', async () => {
    const { status, body } = await send('/v1/echo?x=%20y');
    expect([status, body]).toEqual([200, `echo ${'*'.repeat(KEY.length)}`]);
    expect(rig.upstream.seen).toMatchObject([
      { host: API, url: '/v1/echo?x=%20y', headers: { authorization: `Bearer ${KEY}` } },
    ]);
  });

  test.each([UPLOADS, REGION])('a redirect to %s comes back with the key', async (host) => {
    const location = await located(host === UPLOADS ? '/v1/to-uploads' : '/v1/to-region');
    expect(location).toBe(`${wayOf(rig).keyed(host)}/v1/echo`);
    expect((await send(location)).status).toBe(200);
    expect(rig.upstream.seen[1]).toMatchObject({
      host,
      url: '/v1/echo',
      headers: { authorization: `Bearer ${KEY}` },
    });
  });

  test('a redirect within the host comes back', async () => {
    const location = await located('/v1/to-path');
    const { base } = wayOf(rig);
    expect(new URL(location, base).href).toBe(`${base}/v1/echo?x=1`);
    await send(new URL(location, base).href);
    expect(rig.upstream.seen[1]).toMatchObject({ host: API, url: '/v1/echo?x=1' });
  });

  test('a redirect to a host that is not the provider’s stays', async () => {
    expect(await located('/v1/to-stranger')).toBe('https://evil.example/x');
  });

  test.each([
    ['with the token', { authorization }],
    ['without it', {}],
  ])(
    'S6: a redirect to a host without credential comes back with a ticket, and works %s',
    async (_name, headers) => {
      const location = await located('/v1/to-storage');
      const { base } = wayOf(rig);
      expect(location).toMatch(new RegExp(`^${base}/~${STORAGE}/~[\\w-]+/signed/a%20b\\.txt\\?sig=1$`));
      expect((await send(location, headers)).status).toBe(200);
      expect(rig.upstream.seen[1]).toMatchObject({ host: STORAGE, url: '/signed/a%20b.txt?sig=1' });
      expect(JSON.stringify(rig.upstream.seen[1]?.headers)).not.toMatch(/CANARY|seks|authorization/);
      const tampered = await send(location.replace('a%20b', 'c'), headers);
      expect([tampered.status, tampered.headers['x-seks-error']]).toEqual([403, 'SEKS_URL_NOT_ISSUED']);
      expect(rig.upstream.seen).toHaveLength(2);
    },
  );

  test('S4: the ticket of one credential is of no use to another', async () => {
    const location = await located('/v1/to-storage');
    const { headers } = await send(location, { authorization: `Bearer ${OTHER_TOKEN}` });
    expect(headers['x-seks-error']).toBe('SEKS_TOKEN_WRONG_PROVIDER');
    expect(rig.upstream.seen).toHaveLength(1);
  });

  test('pages and upload slots in headers lead back', async () => {
    const { headers } = await send('/v1/pages');
    const { base, keyed } = wayOf(rig);
    const next = `${base}/v1/echo?page=2`;
    expect(headers['link']).toBe(`<${next}>; rel="next", <${keyed(UPLOADS)}/v1/echo?page=9>; rel="last"`);
    expect(headers['x-upload-url']).toBe(`${keyed(UPLOADS)}/v1/echo?slot=1`);
    await send(next);
    await send(String(headers['x-upload-url']));
    expect(rig.upstream.seen.slice(1)).toMatchObject([
      { host: API, url: '/v1/echo?page=2', headers: { authorization: `Bearer ${KEY}` } },
      { host: UPLOADS, url: '/v1/echo?slot=1', headers: { authorization: `Bearer ${KEY}` } },
    ]);
  });

  test('URLs in JSON lead back, where the document names them', async () => {
    const { body } = await send('/v1/json');
    const { keyed } = wayOf(rig);
    expect(JSON.parse(body)).toEqual({
      upload_url: `${keyed(UPLOADS)}/v1/echo`,
      socket: `${keyed(REGION).replace('http', 'ws')}/v1/x`,
      note: `https://${API}`,
    });
  });

  test('S4: a token of another provider is refused', async () => {
    const { status, headers } = await send('/v1/echo', { authorization: `Bearer ${OTHER_TOKEN}` });
    expect([status, headers['x-seks-error']]).toEqual([403, 'SEKS_TOKEN_WRONG_PROVIDER']);
    expect(rig.upstream.seen).toEqual([]);
  });

  test('S5: no token is refused', async () => {
    expect((await send('/v1/echo', {})).headers['x-seks-error']).toBe('SEKS_TOKEN_MISSING');
  });

  test('S6: hosts that the document does not name are refused', async () => {
    expect((await send('/~evil.example/v1/echo')).headers['x-seks-error']).toBe('SEKS_ROUTE_UNKNOWN');
    expect((await send(`/~${OTHER}/v1/echo`)).headers['x-seks-error']).toBe('SEKS_ROUTE_UNKNOWN');
    expect((await send(`/~${STORAGE}/v1/echo`)).headers['x-seks-error']).toBe('SEKS_URL_NOT_ISSUED');
    expect(rig.upstream.seen).toEqual([]);
  });
});

const SOCKET_WAYS = WAYS.filter(([, client]) => client !== 'node:http2' && !client.startsWith('fetch'));

describe.each(SOCKET_WAYS)('a WebSocket by way of %s with %s', (_, __, wayOf) => {
  const open = async (url: string, headers: Record<string, string> = { authorization }) => {
    const { agent } = wayOf(rig);
    return openSocket(url.replace('http', 'ws'), [], agent === undefined ? { headers } : { headers, agent });
  };

  test.each([API, UPLOADS, REGION])('reaches %s with the key', async (host) => {
    const { base, keyed } = wayOf(rig);
    const { socket, text } = await open(`${host === API ? base : keyed(host)}/v1/socket?x=1`);
    expect(rig.upstream.seen).toMatchObject([
      { host, url: '/v1/socket?x=1', headers: { authorization: `Bearer ${KEY}`, upgrade: 'websocket' } },
    ]);
    socket.send(`echo ${KEY}`);
    expect(await text()).toBe(`echo ${'*'.repeat(KEY.length)}`);
    socket.terminate();
  });

  test('may bring its token in the first message', async () => {
    const { socket, text } = await open(`${wayOf(rig).base}/v1/late`, {});
    socket.send(`{"token":"${TOKEN}"}`);
    expect(await text()).toBe(`{"token":"${'*'.repeat(KEY.length)}"}`);
    socket.terminate();
  });

  test('S4: with a token of another provider is refused', async () => {
    const refused = await open(`${wayOf(rig).base}/v1/socket`, {
      authorization: `Bearer ${OTHER_TOKEN}`,
    }).catch((cause: unknown) => cause);
    expect(refused).toBeInstanceOf(Refused);
    expect(refused).toMatchObject({ status: 403, headers: { 'x-seks-error': 'SEKS_TOKEN_WRONG_PROVIDER' } });
    expect(rig.upstream.seen).toEqual([]);
  });
});

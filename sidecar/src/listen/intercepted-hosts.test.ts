// What a connection to an intercepted host is not good for, and which hosts are not intercepted.
import { once } from 'node:events';
import { connect as connectTls } from 'node:tls';

import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';

import { nodeClient } from '../testing/agent-clients.ts';
import { openSocket } from '../websocket/testing/socket-upstream.ts';
import { type InterceptionRig, startInterception, TOKEN } from './testing/interception-rig.ts';
import { API, OTHER, STORAGE, UPLOADS } from './testing/multi-host-upstream.ts';

const authorization = `Bearer ${TOKEN}`;
let rig: InterceptionRig;

beforeAll(async () => {
  rig = await startInterception();
});
afterEach(() => {
  rig.upstream.seen.length = 0;
});
afterAll(async () => rig.close());

describe('an intercepted host that never gets the credential', () => {
  test.each([
    ['with the token', { authorization }, 'SEKS_URL_NOT_ISSUED'],
    ['without it', {}, 'SEKS_TOKEN_MISSING'],
  ])('S6: is not reached under its own name %s', async (_, headers, code) => {
    const answered = await nodeClient(rig.agents.alias)(`https://${STORAGE}/v1/echo`, headers);
    expect(answered.headers['x-seks-error']).toBe(code);
    expect(rig.upstream.seen).toEqual([]);
  });

  test('S6: is not brought the key by the first message of a WebSocket', async () => {
    const opening = openSocket(`wss://${STORAGE}/v1/late`, [], { agent: rig.agents.alias });
    await expect(opening).rejects.toMatchObject({ headers: { 'x-seks-error': 'SEKS_TOKEN_MISSING' } });
    expect(rig.upstream.seen).toEqual([]);
  });
});

describe('S6: on a connection to an intercepted host', () => {
  /** sends a head over TLS to the alias port; returns what is answered */
  async function raw(servername: string, head: string): Promise<string> {
    const socket = connectTls({ host: '127.0.0.1', port: rig.ports.aliasPort, servername, ca: rig.ports.ca });
    let received = '';
    socket.setEncoding('latin1').on('data', (chunk) => {
      received += chunk;
      socket.end();
    });
    socket.write(head);
    await once(socket, 'close');
    return received;
  }

  const auth = `Authorization: Bearer ${TOKEN}`;

  test.each([
    [
      'another intercepted host',
      `GET /v1/echo HTTP/1.1\r\nHost: ${UPLOADS}\r\n${auth}\r\n\r\n`,
      421,
      'SEKS_HOST_REFUSED',
    ],
    ['the sidecar', `GET /v1/echo HTTP/1.1\r\nHost: 127.0.0.1\r\n${auth}\r\n\r\n`, 421, 'SEKS_HOST_REFUSED'],
    [
      'another port',
      `GET /v1/echo HTTP/1.1\r\nHost: ${API}:8443\r\n${auth}\r\n\r\n`,
      421,
      'SEKS_HOST_REFUSED',
    ],
    [
      'its URL',
      `GET https://${API}/v1/echo HTTP/1.1\r\nHost: ${API}\r\n${auth}\r\n\r\n`,
      400,
      'SEKS_REQUEST_MALFORMED',
    ],
    [
      'another URL',
      `GET https://${OTHER}/v1/echo HTTP/1.1\r\nHost: ${API}\r\n${auth}\r\n\r\n`,
      400,
      'SEKS_REQUEST_MALFORMED',
    ],
    ['a tunnel', `CONNECT ${API}:443 HTTP/1.1\r\nHost: ${API}:443\r\n\r\n`, 403, 'SEKS_PROXY_HOST_REFUSED'],
    [
      'another host by WebSocket',
      `GET /v1/x HTTP/1.1\r\nHost: ${UPLOADS}\r\n${auth}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n`,
      421,
      'SEKS_HOST_REFUSED',
    ],
  ])('a request for %s is refused', async (_, head, status, code) => {
    const received = await raw(API, head);
    expect(received).toMatch(new RegExp(`^HTTP/1\\.1 ${status} `));
    expect(received).toContain(`x-seks-error: ${code}`);
    expect(rig.upstream.seen).toEqual([]);
  });

  test('the provider’s name in the path is a path like any other', async () => {
    const { headers } = await nodeClient(rig.agents.alias)(`https://${API}/multi/v1/echo`, { authorization });
    expect(headers['x-seks-error']).toBe('SEKS_ROUTE_DENIED');
  });
});

test('S6: the proxy makes no tunnel to a host that is not this pod’s', async () => {
  await expect(nodeClient(rig.agents.proxy)('https://evil.example/')).rejects.toThrow(
    'CONNECT was answered 403',
  );
});

test('S4: TLS for a name that is nobody’s is refused, counted and audited', async () => {
  const before = rig.sidecar.audit.length;
  const socket = connectTls({
    host: '127.0.0.1',
    port: rig.ports.aliasPort,
    servername: 'evil.example',
    ca: rig.ports.ca,
  });
  const [error] = (await once(socket, 'error')) as [Error];
  expect(error.message).toContain('unrecognized name');
  expect(rig.sidecar.audit.slice(before)).toEqual([
    expect.objectContaining({ decision: 'deny', code: 'SEKS_HOST_REFUSED', agent: '', provider: '' }),
  ]);
});

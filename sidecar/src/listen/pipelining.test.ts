// Requests that an agent sends without waiting for answers: one connection is one request at a time, and bounded.
import { afterEach, describe, expect, test } from '@jest/globals';
import { once } from 'node:events';
import type { ServerResponse } from 'node:http';
import { connect } from 'node:net';
import { connect as connectTls } from 'node:tls';

import { settle } from '../testing/manual-scheduler.ts';
import { fakeToken, startSidecar, type TestSidecar } from '../testing/test-sidecar.ts';
import { startUpstream, type TestUpstream } from '../testing/tls-upstream.ts';
import { until } from '../testing/until.ts';
import { converse, HOST, startListener, type TestListener } from './testing/test-listener.ts';

/** one is served, eight wait */
const MOST = 9;

function get(path: string): string {
  return `GET ${path} HTTP/1.1\r\nHost: a\r\n\r\n`;
}

function paths(count: number): string[] {
  return Array.from({ length: count }, (_, i) => `/${i}`);
}

describe('a connection', () => {
  let sidecar: TestListener;
  /** what was handed over and is to be answered, in order */
  let handled: ServerResponse[];

  async function start(limits = {}): Promise<void> {
    handled = [];
    sidecar = await startListener({ limits, handle: (_, response) => void handled.push(response) });
  }

  async function handledOf(count: number): Promise<ServerResponse> {
    await until(() => handled.length >= count);
    await settle();
    expect(handled).toHaveLength(count);
    return handled[count - 1] as ServerResponse;
  }

  afterEach(async () => {
    await sidecar.close();
  });

  test('S7: has one request served at a time, in order, each after the answer before it', async () => {
    await start();
    const { socket, until: got } = sidecar.dial();
    socket.write(paths(MOST).map(get).join(''));
    for (let count = 1; count <= MOST; count += 1) {
      const response = await handledOf(count);
      response.end(`answer to ${response.req.url};`);
      await got(new RegExp(`answer to /${count - 1};`));
    }
    expect(sidecar.unparsable).toEqual([]);
  });

  test('that has more of them waiting is broken off, and recorded once', async () => {
    await start();
    const { socket, received, closed } = sidecar.dial();
    socket.write(
      paths(MOST + 100)
        .map(get)
        .join(''),
    );
    await closed;
    expect(received()).toHaveLength(0);
    expect(handled.map(({ req, destroyed }) => [req.url, destroyed])).toEqual([['/0', true]]);
    expect(sidecar.unparsable).toEqual(['SEKS_REQUEST_MALFORMED']);
  });

  test('counts its waiting requests like connections, until they are served or it closes', async () => {
    await start({ maxConnections: 3 });
    const first = sidecar.dial();
    first.socket.write(paths(3).map(get).join(''));
    await handledOf(1);
    const refused = sidecar.dial();
    await refused.closed;
    handled[0]?.end();
    await handledOf(2);
    const second = sidecar.dial();
    second.socket.write(get('/second'));
    await handledOf(3);
    // Now all places are taken again, so one more request cannot wait.
    first.socket.write(get('/3'));
    await first.closed;
    const third = sidecar.dial();
    third.socket.write(get('/third') + get('/waits'));
    const last = await handledOf(4);
    last.end();
    await handledOf(5);
    expect(sidecar.unparsable).toEqual(['SEKS_REQUEST_MALFORMED']);
  });

  test('gives those that wait their whole bodies', async () => {
    sidecar = await startListener({
      handle: (request, response) => void request.toArray().then((chunks) => response.end(sizeOf(chunks))),
    });
    const { socket, until: got } = sidecar.dial();
    const sizes = [300_000, 3, 200_000];
    for (const size of sizes) {
      socket.write(`POST /x HTTP/1.1\r\nHost: a\r\nContent-Length: ${size}\r\n\r\n${'b'.repeat(size)}`);
    }
    await got(/300000 bytes.*\b3 bytes.*200000 bytes/s);
  });

  test('of a client that waits for its answers is never one request too late', async () => {
    // No place to wait in.
    sidecar = await startListener({
      limits: { maxConnections: 2 },
      handle: (_, response) => response.end(`${'a'.repeat(200_000)}!`),
    });
    const { port, ca } = sidecar;
    const clients = [
      connectTls({ host: '127.0.0.1', port, ca, servername: HOST }),
      connect(port, '127.0.0.1'),
    ];
    for (const client of clients) {
      let rounds = 0;
      client.on('data', (chunk: Buffer) => {
        if (chunk.at(-1) !== '!'.charCodeAt(0)) return;
        rounds += 1;
        if (rounds === 50) client.end();
        else client.write(get('/again'));
      });
      client.write(get('/first'));
      await once(client, 'close');
      expect(rounds).toBe(50);
    }
  });

  test.each([
    ['an upgrade', 'GET /ws HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n'],
    ['CONNECT', `CONNECT ${HOST}:443 HTTP/1.1\r\n\r\n`],
  ])('S7: is broken off by %s before its answers: nothing is written in their place', async (_, switched) => {
    let upgrades = 0;
    sidecar = await startListener({
      handle: () => undefined,
      upgrade: (__, socket) => {
        upgrades += 1;
        socket.destroy();
      },
    });
    for (const before of [get('/0'), get('/0') + get('/1')]) {
      const { socket, received, closed } = sidecar.dial();
      socket.write(before + switched);
      await closed;
      expect(received()).toHaveLength(0);
    }
    expect(upgrades).toBe(0);
    expect(sidecar.unparsable).toEqual(['SEKS_REQUEST_MALFORMED', 'SEKS_REQUEST_MALFORMED']);
    // No place stays taken.
    await sidecar.listener.drain();
  });
});

function sizeOf(chunks: Buffer[]): string {
  return `${Buffer.concat(chunks).length} bytes`;
}

describe('S7: a flood of requests on one connection', () => {
  let upstream: TestUpstream;
  let sidecar: TestSidecar;

  afterEach(async () => {
    await sidecar.close();
    await upstream.close();
  });

  test('reaches the provider once, leaves no permit behind, and is in the audit', async () => {
    upstream = await startUpstream();
    const token = fakeToken();
    const provider = upstream.provider('openai');
    const limits = { concurrentRequests: 1 };
    sidecar = await startSidecar({
      credentials: [{ provider, token, key: 'sk-CANARY-openai-0123456789', limits }],
      addresses: { [upstream.host]: ['127.0.0.1'] },
    });
    const request = `GET /openai/v1/x HTTP/1.1\r\nHost: 127.0.0.1:${sidecar.port}\r\nAuthorization: Bearer ${token}\r\n\r\n`;
    const aborted = new Promise((resolve) =>
      upstream.answer((_, response) => {
        response.once('close', resolve);
        agent.socket.write(request.repeat(4_000));
      }),
    );
    const agent = converse(connect(sidecar.port, '127.0.0.1'));
    agent.socket.write(request);
    await agent.closed;
    await aborted;
    expect(upstream.seen).toHaveLength(1);
    const seen = sidecar.audit.map(({ decision, code, status }) => JSON.stringify([decision, code, status]));
    expect(new Set(seen)).toEqual(new Set(['["allow",null,0]', '["deny","SEKS_REQUEST_MALFORMED",400]']));
    expect(seen).toHaveLength(2);
    upstream.answer((_, response) => response.end());
    expect(await sidecar.raw(request)).toMatch(/^HTTP\/1\.1 200 /);
  });
});

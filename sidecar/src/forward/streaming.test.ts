// Bodies pass while they are still being sent, and no faster than they are taken.
import { once } from 'node:events';
import type { ClientRequest, IncomingMessage, ServerResponse } from 'node:http';
import { text } from 'node:stream/consumers';

import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';

import { answerTo } from '../testing/agent-request.ts';
import { standstill } from '../testing/until.ts';
import { type ForwardingRig, KEY, startForwardingRig } from './testing/forwarding-rig.ts';

const SIZE = 64 * 1024 * 1024;
const BLOCK = Buffer.alloc(64 * 1024, 'abcdefghijklmnop');

let rig: ForwardingRig;

beforeAll(async () => {
  rig = await startForwardingRig();
});
afterEach(() => rig.upstream.reset());
afterAll(async () => rig.close());

describe('streaming', () => {
  test('each event arrives when it was sent, and the head before the first one', async () => {
    let stream: ServerResponse | undefined;
    rig.reply((response) => {
      stream = response;
      response.writeHead(200, { 'content-type': 'text/event-stream' });
      response.flushHeaders();
    });
    const request = rig.open();
    request.end('{}');
    const answer = await answerTo(request);
    answer.setEncoding('utf8');
    for (const event of ['data: one\n\n', ': ping\n\n', 'data: two\n\n']) {
      stream?.write(event);
      expect(await once(answer, 'data')).toEqual([event]);
    }
    stream?.end();
    await once(answer, 'end');
  });

  test('a chunked upload reaches the provider while it is being sent', async () => {
    const parts: string[] = [];
    let told: (part: string) => void = () => {};
    rig.upstream.answer((request, response) => {
      request.on('data', (chunk: Buffer) => {
        parts.push(chunk.toString());
        told(chunk.toString());
      });
      request.on('end', () => response.end('done'));
    });
    const request = rig.open({ headers: { 'content-type': 'multipart/form-data' } });
    for (const part of ['first', 'second']) {
      const arrived = new Promise<string>((resolve) => (told = resolve));
      request.write(part);
      expect(await arrived).toBe(part);
    }
    request.end();
    expect(await text(await answerTo(request))).toBe('done');
    expect(rig.upstream.seen[0]?.headers).toMatchObject({
      'transfer-encoding': 'chunked',
      connection: 'keep-alive',
    });
    expect(parts).toEqual(['first', 'second']);
  });

  test('an upload goes no faster than the provider takes it, and 64 MiB arrive whole', async () => {
    let upload: IncomingMessage | undefined;
    rig.upstream.answer((request) => (upload = request));
    const request = rig.open();
    let taken = 0;
    const sending = sendBlocks(request, SIZE, (bytes) => (taken += bytes));
    expect(await standstill(() => taken)).toBeLessThan(SIZE / 2);
    const answered = answerTo(request);
    rig.upstream.answer(() => {});
    let received = 0;
    upload?.on('data', (chunk: Buffer) => (received += chunk.length));
    await Promise.all([sending, once(upload as IncomingMessage, 'end')]);
    expect(received).toBe(SIZE);
    request.on('error', () => {});
    request.destroy();
    await expect(answered).rejects.toThrow('socket hang up');
  });

  test('a download goes no faster than the client takes it, and 64 MiB arrive whole', async () => {
    let taken = 0;
    rig.reply((response) => {
      response.writeHead(200, { 'content-length': SIZE });
      void sendBlocks(response, SIZE, (bytes) => (taken += bytes));
    });
    const request = rig.open();
    request.end('{}');
    const answer = await answerTo(request);
    expect(await standstill(() => taken)).toBeLessThan(SIZE / 2);
    let received = 0;
    for await (const chunk of answer) received += (chunk as Buffer).length;
    expect(received).toBe(SIZE);
  });

  test('Expect: 100-continue is answered after the checks, and is not forwarded', async () => {
    rig.reply((response) => response.end('ok'));
    const request = rig.open({ headers: { expect: '100-continue', 'content-length': '5' } });
    request.flushHeaders();
    await once(request, 'continue');
    request.end('hello');
    expect(await text(await answerTo(request))).toBe('ok');
    expect(rig.upstream.seen[0]?.headers).not.toHaveProperty('expect');
    expect(rig.upstream.seen[0]?.headers.authorization).toBe(`Bearer ${KEY}`);
  });

  test('S15: a refused request gets no 100 Continue', async () => {
    const head = `POST /openai/v1/x HTTP/1.1\r\nHost: 127.0.0.1:${rig.sidecar.port}\r\nExpect: 100-continue\r\n`;
    const answer = await rig.sidecar.raw(`${head}Content-Length: 5\r\n\r\n`);
    expect(answer).toMatch(/^HTTP\/1\.1 401 /);
  });
});

async function sendBlocks(
  to: ClientRequest | ServerResponse,
  size: number,
  taken: (bytes: number) => void,
): Promise<void> {
  for (let sent = 0; sent < size; sent += BLOCK.length) {
    if (!to.write(BLOCK)) await once(to, 'drain');
    taken(BLOCK.length);
  }
  to.end();
}

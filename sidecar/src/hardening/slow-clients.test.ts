// Agents that take their time: heads that never end, bodies that trickle or stop, answers that nobody reads.
import { afterEach, describe, expect, test } from '@jest/globals';

import { until } from '../testing/until.ts';
import { readAnswers } from './answer-reader.ts';
import { AUTH, openConnections, type Rig, startRig } from './rig.ts';

const HEADERS_TIMEOUT_MS = 300;
const BODY_IDLE_TIMEOUT_MS = 300;
const PATIENCE_MS = 4_000;

let rig: Rig;

afterEach(async () => {
  await rig.close();
});

function slowRig(): Promise<Rig> {
  return startRig({
    limits: { headersTimeoutMs: HEADERS_TIMEOUT_MS, bodyIdleTimeoutMs: BODY_IDLE_TIMEOUT_MS },
  });
}

/** writes the pieces at this pace until the connection is closed; returns all that came back */
async function trickle(first: string, piece: string, gapMs: number): Promise<string> {
  const socket = rig.dial();
  let text = '';
  let closed = false;
  socket.setEncoding('latin1');
  socket.on('data', (chunk: string) => (text += chunk));
  socket.on('error', () => undefined);
  socket.on('close', () => (closed = true));
  socket.write(first);
  const timer = setInterval(() => piece !== '' && socket.write(piece), gapMs);
  try {
    await until(
      () => closed,
      () => `still open after ${text}`,
      PATIENCE_MS,
    );
  } finally {
    clearInterval(timer);
    socket.destroy();
  }
  return text;
}

describe('S7, S14: a head that never ends', () => {
  test.each([
    ['says nothing more', '', 'GET /openai/v1/a HTTP/1.1\r\n'],
    ['goes on byte by byte', 'a', 'GET /openai/v1/a HTTP/1.1\r\nX-A: '],
    ['goes on header by header', 'X-A: a\r\n', 'GET /openai/v1/a HTTP/1.1\r\n'],
    ['is an empty line for ever', '\r\n', '\r\n'],
  ])('is ended: it %s', async (_, piece, first) => {
    // As in the product: who sends half a head hears of it before the connection counts as idle.
    rig = await startRig({ limits: { headersTimeoutMs: HEADERS_TIMEOUT_MS } });
    const text = await trickle(first, piece, 50);
    expect(readAnswers(text)).toMatchObject([{ status: 408, code: 'SEKS_HEAD_TIMEOUT', whole: true }]);
    expect(rig.sidecar.audit).toMatchObject([{ code: 'SEKS_HEAD_TIMEOUT', status: 408 }]);
    await rig.settle([]);
  });

  test('that is too large is refused at once', async () => {
    rig = await startRig();
    const { answers } = await rig.send([`GET /openai/v1/a HTTP/1.1\r\nX-A: ${'a'.repeat(40_000)}`], 1);
    expect(answers).toMatchObject([{ status: 400, code: 'SEKS_REQUEST_MALFORMED' }]);
    await rig.settle([]);
  });

  test.each([101, 2_000])('S5: with %d headers is refused, none of them dropped unseen', async (count) => {
    rig = await startRig();
    const fields = Array.from({ length: count }, (_, i) => `X-${i}: a\r\n`).join('');
    const head = `GET /openai/v1/a HTTP/1.1\r\n${rig.host}\r\n${AUTH}\r\n${fields}\r\n`;
    const { answers, closed } = await rig.send([head], Number.POSITIVE_INFINITY);
    expect(closed).toBe(true);
    expect(answers).toMatchObject([{ status: 400, code: 'SEKS_REQUEST_MALFORMED' }]);
    await rig.settle([]);
  });

  test('holds up nobody else', async () => {
    rig = await startRig();
    const slow = Array.from({ length: 200 }, () => rig.dial().on('error', () => undefined));
    for (const socket of slow) socket.write('GET /openai/v1/a HTTP/1.1\r\nX-A: ');
    await until(async () => (await openConnections(rig.sidecar)) === slow.length);
    const { answers } = await rig.send([
      `GET /openai/v1/a HTTP/1.1\r\n${rig.host}\r\n${AUTH}\r\nX-Tag: me\r\n\r\n`,
    ]);
    expect(answers).toMatchObject([{ status: 200, body: 'tag=me;' }]);
    for (const socket of slow) socket.destroy();
    await until(async () => (await openConnections(rig.sidecar)) === 0);
  });
});

const framings: [string, string][] = [
  ['short, of known length', 'Content-Length: 1000'],
  ['long, of known length', 'Content-Length: 100000000'],
  ['of unknown length', 'Transfer-Encoding: chunked'],
];

function post(framing: string): string {
  return `POST /openai/v1/a HTTP/1.1\r\n${rig.host}\r\n${AUTH}\r\nX-Tag: slow\r\n${framing}\r\n\r\n`;
}

describe('S7: a body', () => {
  test.each(framings)(
    'that stops is refused with a code, and the provider let go: %s',
    async (_, framing) => {
      rig = await slowRig();
      const text = await trickle(
        post(framing) + (framing.startsWith('T') ? '3\r\nabc\r\n' : 'abc'),
        '',
        1_000,
      );
      expect(readAnswers(text)).toMatchObject([{ status: 408, code: 'SEKS_BODY_TIMEOUT', whole: true }]);
      await until(() => rig.upstream.open === 0);
      expect(rig.upstream.seen).toEqual([]);
      await until(() => rig.sidecar.audit.length === 1);
      expect(rig.sidecar.audit).toMatchObject([{ code: 'SEKS_BODY_TIMEOUT', status: 408 }]);
    },
  );

  test('that trickles is no fault, however long it takes in all', async () => {
    rig = await slowRig();
    const pieces = 12;
    const socket = rig.dial();
    let text = '';
    socket.setEncoding('latin1').on('data', (chunk: string) => (text += chunk));
    socket.write(post(`Content-Length: ${pieces}`));
    let sent = 0;
    const startedMs = performance.now();
    const timer = setInterval(() => {
      socket.write('a');
      sent += 1;
      if (sent === pieces) clearInterval(timer);
    }, BODY_IDLE_TIMEOUT_MS / 6);
    await until(() => readAnswers(text).some(({ whole }) => whole));
    expect(performance.now() - startedMs).toBeGreaterThan(1.5 * BODY_IDLE_TIMEOUT_MS);
    expect(readAnswers(text)).toMatchObject([{ status: 200, body: 'tag=slow;' }]);
    socket.destroy();
  });

  test('that has come leaves the provider all the time it needs', async () => {
    rig = await slowRig();
    rig.upstream.answer((socket) => {
      setTimeout(
        () => socket.write('HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok'),
        3 * BODY_IDLE_TIMEOUT_MS,
      );
    });
    const { answers } = await rig.send([`${post('Content-Length: 3')}abc`]);
    expect(answers).toMatchObject([{ status: 200, body: 'ok' }]);
  });

  test('connections between two requests stay open', async () => {
    rig = await slowRig();
    const get = `GET /openai/v1/a HTTP/1.1\r\n${rig.host}\r\n${AUTH}\r\nX-Tag: a\r\n\r\n`;
    const socket = rig.dial();
    let text = '';
    socket.setEncoding('latin1').on('data', (chunk: string) => (text += chunk));
    socket.write(get);
    await until(() => readAnswers(text).length === 1);
    await new Promise((resolve) => setTimeout(resolve, 3 * BODY_IDLE_TIMEOUT_MS));
    socket.write(get);
    await until(() => readAnswers(text).filter(({ whole }) => whole).length === 2);
    socket.destroy();
  });
});

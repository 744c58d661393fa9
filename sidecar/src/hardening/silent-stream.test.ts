// A model that thinks: a stream may be silent for as long as the idle time allows, and not for longer. test/soak does it in real time.
import { afterEach, expect, test } from '@jest/globals';

import { until } from '../testing/until.ts';
import { readAnswers } from './answer-reader.ts';
import { AUTH, openConnections, type Rig, startRig } from './rig.ts';

const IDLE_TIMEOUT_MS = 800;
const HEAD = 'HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n';
const EVENT = '9\r\ndata: x\n\n\r\n';

let rig: Rig;

afterEach(async () => {
  await rig.close();
});

/** asks for a stream; `then` is what the provider sends after the silence */
async function stream(framing: string, silenceMs: number, then: string) {
  // The agent's side is less patient than the provider's: a silent answer is none of its business.
  rig = await startRig({
    idleTimeoutMs: IDLE_TIMEOUT_MS,
    limits: { bodyIdleTimeoutMs: 100, headersTimeoutMs: 100, keepAliveTimeoutMs: 100 },
  });
  rig.upstream.answer((socket) => {
    socket.write(HEAD + EVENT);
    setTimeout(() => socket.write(then), silenceMs);
  });
  const request = `POST /openai/v1/a HTTP/1.1\r\n${rig.host}\r\n${AUTH}\r\nX-Tag: a\r\n${framing}`;
  return rig.send([request], 1);
}

const framings: [string, string][] = [
  ['of a short request', 'Content-Length: 3\r\n\r\nabc'],
  ['of an upload', 'Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n'],
];

test.each(framings)('a silence below the limit changes nothing: the stream %s', async (_, framing) => {
  const { answers } = await stream(framing, IDLE_TIMEOUT_MS / 2, `${EVENT}0\r\n\r\n`);
  expect(answers).toMatchObject([{ status: 200, body: 'data: x\n\ndata: x\n\n', whole: true }]);
});

test.each(framings)(
  'a silence beyond it breaks the stream off, with a code in the books: the stream %s',
  async (_, framing) => {
    const { answers, closed } = await stream(framing, 10 * IDLE_TIMEOUT_MS, '');
    expect([answers, closed]).toEqual([[], true]);
    await until(() => rig.upstream.open === 0);
    await until(async () => (await openConnections(rig.sidecar)) === 0);
    await until(() => rig.sidecar.audit.length === 1);
    expect(rig.sidecar.audit).toMatchObject([{ code: 'SEKS_UPSTREAM_TIMEOUT', partial: true }]);
  },
);

test.each(framings)('a provider that says nothing at all is a timeout: the answer %s', async (_, framing) => {
  rig = await startRig({ idleTimeoutMs: IDLE_TIMEOUT_MS });
  rig.upstream.answer(() => undefined);
  const { answers } = await rig.send(
    [`POST /openai/v1/a HTTP/1.1\r\n${rig.host}\r\n${AUTH}\r\n${framing}`],
    1,
  );
  expect(answers).toMatchObject([{ status: 504, code: 'SEKS_UPSTREAM_TIMEOUT' }]);
  expect(readAnswers(answers[0]?.head ?? '')).toHaveLength(1);
});

// The end of a sidecar: what runs comes to its end, what comes then is refused with a code.
import { expect, test } from '@jest/globals';
import { once } from 'node:events';
import type { TLSSocket } from 'node:tls';

import { readAnswers } from './answer-reader.ts';
import { until } from '../testing/until.ts';
import { AUTH, openConnections, startRig } from './rig.ts';

test('S14: while it drains a stream ends whole, and a request behind it on the connection is refused', async () => {
  const rig = await startRig();
  let provider: TLSSocket | undefined;
  rig.upstream.answer((socket) => {
    provider = socket;
    socket.write('HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\none\r\n');
  });
  const socket = rig.dial();
  let text = '';
  socket.setEncoding('latin1').on('data', (chunk: string) => (text += chunk));
  const closed = once(socket, 'close');
  const request = `GET /openai/v1/a HTTP/1.1\r\n${rig.host}\r\n${AUTH}\r\nX-Tag: a\r\n\r\n`;
  socket.write(request);
  await until(() => text.includes('one'));
  const drained = rig.sidecar.side.drain();
  socket.write(request);
  provider?.write('3\r\ntwo\r\n0\r\n\r\n');
  await Promise.all([drained, closed]);
  expect(readAnswers(text)).toMatchObject([
    { status: 200, body: 'onetwo', whole: true },
    { status: 503, code: 'SEKS_SHUTTING_DOWN', whole: true },
  ]);
  expect(await openConnections(rig.sidecar)).toBe(0);
  await rig.close();
});

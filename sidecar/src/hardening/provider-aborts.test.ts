// The provider goes away in the middle: half an answer never looks like a whole one, and what comes next is not disturbed.
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';

import { until } from '../testing/until.ts';
import { AUTH, openConnections, type Rig, startRig } from './rig.ts';

let rig: Rig;

beforeAll(async () => {
  rig = await startRig();
});

afterAll(async () => {
  await rig.close();
});

const OK = 'HTTP/1.1 200 OK\r\n';
const CHUNKED = `${OK}transfer-encoding: chunked\r\n\r\n`;

/** what comes before the end, and whether any of it could have been passed on */
const breaks: [string, string, 'nothing' | 'half' | 'whole'][] = [
  ['before the head', '', 'nothing'],
  ['in the status line', 'HTTP/1.1 20', 'nothing'],
  ['in the head', `${OK}content-length: 1`, 'nothing'],
  ['before the last line of the head', `${OK}content-length: 10\r\n`, 'nothing'],
  ['behind an interim answer', 'HTTP/1.1 103 Early Hints\r\nlink: <a>\r\n\r\n', 'nothing'],
  ['before a body of known length', `${OK}content-length: 10\r\n\r\n`, 'half'],
  ['in a body of known length', `${OK}content-length: 10\r\n\r\nabc`, 'half'],
  ['before the first chunk', CHUNKED, 'half'],
  ['in the size of a chunk', `${CHUNKED}3\r\nabc\r\n1`, 'half'],
  ['in a chunk', `${CHUNKED}a\r\nabc`, 'half'],
  ['between two chunks', `${CHUNKED}3\r\nabc\r\n`, 'half'],
  ['before the last line', `${CHUNKED}3\r\nabc\r\n0\r\n`, 'half'],
  ['in the trailers', `${CHUNKED}3\r\nabc\r\n0\r\nx-a: `, 'half'],
  ['in an error of known length', 'HTTP/1.1 500 No\r\ncontent-length: 10\r\n\r\nabc', 'half'],
  ['in an error in chunks', 'HTTP/1.1 500 No\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n', 'half'],
  ['behind a body without length', `${OK}\r\nabc`, 'whole'],
];

const requests: [string, string][] = [
  ['a GET', 'GET /openai/v1/a HTTP/1.1\r\n{}\r\n\r\n'],
  [
    'an upload',
    'POST /openai/v1/a HTTP/1.1\r\n{}\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n',
  ],
];

describe.each(requests)('answering %s', (_, request) => {
  describe.each(['ends', 'resets'] as const)('the provider %s its connection', (how) => {
    // Behind a body without length a reset cannot be told from its end by every client of HTTP.
    const seen = breaks.filter(([, , expected]) => how === 'ends' || expected !== 'whole');
    test.each(seen)('%s', async (_where, bytes, expected) => {
      const auditedBefore = rig.sidecar.audit.length;
      rig.upstream.answer((socket) => {
        socket.write(bytes, () => (how === 'ends' ? socket.destroy() : rig.upstream.reset(socket)));
      });
      const head = `${rig.host}\r\n${AUTH}\r\nX-Tag: a\r\nConnection: close`;
      const { answers, closed } = await rig.send([request.replace('{}', head)], Number.POSITIVE_INFINITY);
      rig.upstream.answer(undefined);
      rig.upstream.forget();
      expect(closed).toBe(true);
      await until(async () => (await openConnections(rig.sidecar)) === 0);
      const [answer] = answers;
      if (expected === 'whole') expect(answer).toMatchObject({ status: 200, code: undefined, body: 'abc' });
      else if (expected === 'nothing' || answer !== undefined) {
        expect(answer).toMatchObject({ status: 502, code: 'SEKS_UPSTREAM_UNREACHABLE' });
      }
      await until(() => rig.sidecar.audit.length > auditedBefore);
      if (expected !== 'whole') {
        expect(rig.sidecar.audit.at(-1)).toMatchObject({ code: 'SEKS_UPSTREAM_UNREACHABLE' });
      }
      await rig.settle([]);
    });
  });
});

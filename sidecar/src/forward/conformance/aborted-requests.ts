// What every forwarder does about the provider when a request is not wanted any more.
import { once } from 'node:events';

import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';

import { answerTo } from '../../testing/agent-request.ts';
import { eventually } from '../../testing/eventually.ts';
import type { ForwarderKind } from '../forwarder-kinds.ts';
import type { Forwarder } from '../forwarder.ts';
import { OK } from './raw-upstream.ts';
import { type RelayedUpstream, startRelayedUpstream } from './relayed-upstream.ts';
import { startRelay } from './relay-server.ts';

const BEFORE = '';
const HALF = 'HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf';
const MOMENTS: [string, string, Record<string, string>, string][] = [
  ['before the answer', BEFORE, { 'content-length': '2' }, '{}'],
  ['during the answer', HALF, { 'content-length': '2' }, '{}'],
  ['during a short upload', BEFORE, { 'content-length': '70000' }, '{'],
  ['during a chunked upload', BEFORE, { 'transfer-encoding': 'chunked' }, '{'],
  ['during upload and answer', HALF, { 'transfer-encoding': 'chunked' }, '{'],
];

/** the tests of requests that end early */
export function describeAbortedRequests(kind: ForwarderKind): void {
  let rig: RelayedUpstream;

  beforeAll(async () => {
    rig = await startRelayedUpstream(kind);
  });
  beforeEach(() => {
    rig.relay.failures.length = 0;
  });
  afterAll(async () => rig.close());

  describe('an agent that goes away', () => {
    test.each(MOMENTS)(
      '%s ends the request at the provider within a second',
      async (_, answer, headers, body) => {
        let gone: Promise<unknown> | undefined;
        const reached = new Promise<void>((resolve) => {
          rig.upstream.serve((socket) => {
            gone ??= once(socket, 'close');
            if (answer !== BEFORE) socket.write(answer);
            resolve();
          });
        });
        const request = rig.relay.open({ headers });
        request.on('error', () => {});
        request.write(body);
        await reached;
        if (answer !== BEFORE) await answerTo(request);
        const startMs = performance.now();
        request.destroy();
        await gone;
        expect(performance.now() - startMs).toBeLessThan(1_000);
      },
    );
  });

  describe('a request that is given up', () => {
    test.each(MOMENTS)('%s ends at the provider, and nobody is told', async (_, answer, headers, body) => {
      const gone = Promise.withResolvers<unknown>();
      const reached = Promise.withResolvers<void>();
      rig.upstream.serve((socket) => {
        gone.resolve(once(socket, 'close'));
        if (answer !== BEFORE) socket.write(answer);
        reached.resolve();
      });
      const own = await startRelay({ forwarder: rig.upstream.forwarder(kind) });
      const request = own.open({ headers });
      request.on('error', () => {});
      request.write(body);
      await reached.promise;
      if (answer !== BEFORE) await answerTo(request);
      own.forwarded[0]?.destroy();
      await gone.promise;
      expect(own.failures).toEqual([]);
      await own.close();
    });

    test('before it has a connection never reaches the provider', async () => {
      let requests = 0;
      rig.upstream.serve((socket) => {
        requests += 1;
        socket.write(OK);
      });
      const own = await startRelay({ forwarder: givenUpAtOnce(rig.upstream.forwarder(kind)) });
      const request = own.open({ headers: { 'content-length': '2' } });
      request.on('error', () => {});
      request.end('{}');
      await eventually(() => expect(own.forwarded).toHaveLength(1));
      // Whatever connection was on its way has been made when another one is.
      expect((await rig.relay.ask()).body).toBe('ok');
      expect(requests).toBe(1);
      expect(own.failures).toEqual([]);
      await own.close();
    });
  });
}

function givenUpAtOnce(forwarder: Forwarder): Forwarder {
  return {
    forward(forwarding) {
      const forwarded = forwarder.forward(forwarding);
      forwarded.destroy();
      return forwarded;
    },
  };
}

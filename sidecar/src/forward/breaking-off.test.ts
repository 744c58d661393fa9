// What becomes of a request when the agent, the provider or the sidecar breaks it off.
import { once } from 'node:events';
import type { ServerResponse } from 'node:http';
import { connect } from 'node:net';
import { text } from 'node:stream/consumers';

import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { SeksError } from '@seks/crds';

import { answerTo } from '../testing/agent-request.ts';
import { eventually } from '../testing/eventually.ts';
import type { TestSidecar } from '../testing/test-sidecar.ts';
import { type ForwardingRig, startForwardingRig } from './testing/forwarding-rig.ts';

let rig: ForwardingRig;

beforeAll(async () => {
  rig = await startForwardingRig();
});
afterEach(() => rig.upstream.reset());
afterAll(async () => rig.close());

describe('S14: when one side goes', () => {
  test('a client that goes away ends the request at the provider', async () => {
    let closed: Promise<unknown> | undefined;
    let started: () => void = () => {};
    const streaming = new Promise<void>((resolve) => (started = resolve));
    rig.upstream.answer((request, response) => {
      closed = once(response, 'close');
      response.write('data: 1\n\n');
      request.resume();
      started();
    });
    const request = rig.open();
    request.on('error', () => {});
    request.end('{}');
    await streaming;
    await answerTo(request);
    const startMs = performance.now();
    request.destroy();
    await closed;
    expect(performance.now() - startMs).toBeLessThan(1_000);
    await eventually(() => expect(rig.sidecar.audit.at(-1)).toMatchObject({ status: 200, partial: true }));
    expect(rig.sidecar.audit.at(-1)).not.toHaveProperty('code');
  });

  test('a client that goes away before the answer ends the request at the provider', async () => {
    let closed: Promise<unknown> = Promise.resolve();
    let arrived: () => void = () => {};
    const reached = new Promise<void>((resolve) => (arrived = resolve));
    rig.upstream.answer((request, response) => {
      closed = once(response, 'close');
      request.resume();
      arrived();
    });
    const request = rig.open();
    request.on('error', () => {});
    request.end('{}');
    await reached;
    request.destroy();
    await closed;
    await eventually(() =>
      expect(rig.sidecar.audit.at(-1)).toMatchObject({ status: 0, partial: true, decision: 'allow' }),
    );
  });

  test.each([{}, { 'content-length': '1000' }])(
    'a provider that breaks off (%o) is an error to the client, never a clean end',
    async (headers) => {
      let begun: ServerResponse | undefined;
      rig.reply((response) => {
        begun = response;
        response.writeHead(200, headers);
        response.write('half');
      });
      const request = rig.open();
      request.end('{}');
      const answer = await answerTo(request);
      const broken = expect(text(answer)).rejects.toThrow('aborted');
      begun?.destroy();
      await broken;
      await eventually(() =>
        expect(rig.sidecar.audit.at(-1)).toMatchObject({ code: 'SEKS_UPSTREAM_UNREACHABLE', partial: true }),
      );
    },
  );

  describe('S12: a revocation', () => {
    let own: TestSidecar;
    beforeEach(async () => {
      own = await rig.startAnother({ bindingUid: 'b1' });
    });
    afterEach(() => own.close());

    const revoke = (): void => own.holder.revoke('b1', new SeksError('SEKS_BINDING_SUSPENDED'));

    test('breaks off an answer that is running', async () => {
      rig.reply((response) => void response.write('data: 1\n\n'));
      const request = rig.open({ port: own.port });
      request.end('{}');
      const answer = await answerTo(request);
      const broken = expect(text(answer)).rejects.toThrow('aborted');
      revoke();
      await broken;
      await eventually(() => expect(own.audit.at(-1)).toMatchObject({ code: 'SEKS_BINDING_SUSPENDED' }));
    });

    test.each([
      ['waits for an answer', '2', '{}'],
      ['is still being sent', '100000', '{'],
    ])('breaks off a request that %s, and says why', async (_, length, body) => {
      const gone = Promise.withResolvers<void>();
      const arrived = Promise.withResolvers<void>();
      rig.upstream.answer((_request, response) => {
        response.on('close', () => gone.resolve());
        arrived.resolve();
      });
      const request = rig.open({ port: own.port, headers: { 'content-length': length } });
      request.write(body);
      await arrived.promise;
      revoke();
      const answer = await answerTo(request);
      expect(answer.statusCode).toBe(403);
      expect(await text(answer)).toContain('SEKS_BINDING_SUSPENDED');
      await gone.promise;
      const told = { code: 'SEKS_BINDING_SUSPENDED', decision: 'allow', status: 403 };
      await eventually(() => expect(own.audit.at(-1)).toMatchObject(told));
      request.destroy();
    });

    test('breaks off an answer that is being read whole, and says why', async () => {
      const gone = Promise.withResolvers<void>();
      rig.reply((response) => {
        response.on('close', () => gone.resolve());
        response.writeHead(401, { 'content-type': 'application/json' });
        response.write('{"error":');
      });
      const request = rig.open({ port: own.port });
      request.end('{}');
      const headCame = /seks_time_to_first_byte_seconds_count\{[^}]*\} 1/;
      await eventually(async () => expect(await own.metrics.registry.metrics()).toMatch(headCame));
      revoke();
      expect((await answerTo(request)).headers).toMatchObject({ 'x-seks-error': 'SEKS_BINDING_SUSPENDED' });
      await gone.promise;
    });
  });

  test('draining lets a stream finish, and takes nothing new', async () => {
    const own = await rig.startAnother();
    let stream: ServerResponse | undefined;
    rig.reply((response) => {
      stream = response;
      response.write('data: 1\n\n');
    });
    const request = rig.open({ port: own.port });
    request.end('{}');
    const answer = await answerTo(request);
    const first = stream;
    const kept = connect(own.port, '127.0.0.1');
    kept.setEncoding('latin1');
    const head = `POST /openai/v1/x HTTP/1.1\r\nHost: 127.0.0.1:${own.port}\r\nContent-Length: 0\r\n`;
    kept.write(`${head}Authorization: Bearer ${rig.token}\r\n\r\n`);
    expect(String((await once(kept, 'data'))[0])).toMatch(/^HTTP\/1\.1 200 /);
    const keptStream = stream;
    let drained = false;
    const draining = own.side.drain().then(() => (drained = true));
    kept.write(`${head}Authorization: Bearer ${rig.token}\r\n\r\n`);
    const [late] = (await once(connect(own.port, '127.0.0.1'), 'error')) as [NodeJS.ErrnoException];
    expect(late.code).toBe('ECONNREFUSED');
    expect(drained).toBe(false);
    keptStream?.end('data: 2\n\n');
    expect(await text(kept)).toMatch(/data: 2[^]*HTTP\/1\.1 503 [^]*x-seks-error: SEKS_SHUTTING_DOWN/);
    stream = first;
    stream?.end('data: 2\n\n');
    expect(await text(answer)).toBe('data: 1\n\ndata: 2\n\n');
    await draining;
    expect(drained).toBe(true);
  });
});

// Large bodies and many requests: neither memory nor handles grow. test/soak does the same with a process of its own and larger numbers.
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { Agent, type IncomingMessage, request as httpRequest } from 'node:http';

import { startSidecar, type TestSidecar } from '../testing/test-sidecar.ts';
import { startUpstream, type TestUpstream } from '../testing/tls-upstream.ts';
import { standstill, until } from '../testing/until.ts';
import { KEYS, openConnections, TOKENS } from './rig.ts';

const MEBIBYTE = 1_048_576;
const BODY_BYTES = 64 * MEBIBYTE;
/** sockets' buffers on four ends, in kernel and process, and then some */
const MAX_IN_FLIGHT_BYTES = 16 * MEBIBYTE;
const REQUESTS = 5_000;
const PARALLEL = 16;
const LIMIT_MS = 60_000;

let upstream: TestUpstream;
let sidecar: TestSidecar;
let agent: Agent;

beforeEach(async () => {
  upstream = await startUpstream();
  sidecar = await startSidecar({
    credentials: [{ provider: upstream.provider('openai'), token: TOKENS[0], key: KEYS[0] }],
    addresses: { [upstream.host]: ['127.0.0.1'] },
  });
  agent = new Agent({ keepAlive: true, maxSockets: PARALLEL });
});

afterEach(async () => {
  agent.destroy();
  await sidecar.close();
  await upstream.close();
});

function open(method: string, headers: Record<string, string> = {}) {
  return httpRequest({
    agent,
    port: sidecar.port,
    host: '127.0.0.1',
    path: '/openai/v1/a',
    method,
    headers: { authorization: `Bearer ${TOKENS[0]}`, ...headers },
  });
}

const piece = randomBytes(MEBIBYTE);
function hashOfBody(): string {
  const hash = createHash('sha256');
  for (let sent = 0; sent < BODY_BYTES; sent += piece.length) hash.update(piece);
  return hash.digest('hex');
}

test(
  '64 MiB come down no faster than the agent reads, and whole',
  async () => {
    let sent = 0;
    upstream.answer((_request, response) => {
      response.setHeader('content-length', BODY_BYTES);
      const fill = (): void => {
        while (sent < BODY_BYTES) {
          sent += piece.length;
          if (!response.write(piece)) return void response.once('drain', fill);
        }
        response.end();
      };
      fill();
    });
    const request = open('GET').end();
    const [answer] = (await once(request, 'response')) as [IncomingMessage];
    expect(await standstill(() => sent)).toBeLessThan(MAX_IN_FLIGHT_BYTES);
    const hash = createHash('sha256');
    for await (const chunk of answer) hash.update(chunk as Buffer);
    expect(hash.digest('hex')).toBe(hashOfBody());
  },
  LIMIT_MS,
);

test.each([
  ['of known length', { 'content-length': String(BODY_BYTES) }],
  ['in chunks', {}],
])(
  '64 MiB %s go up no faster than the provider reads, and whole',
  async (_, headers) => {
    let arrived: IncomingMessage | undefined;
    const received = new Promise<string>((resolve) => {
      upstream.answer((request, response) => {
        arrived = request;
        const hash = createHash('sha256');
        request.pause().on('data', (chunk: Buffer) => hash.update(chunk));
        request.on('end', () => {
          response.end('ok');
          resolve(hash.digest('hex'));
        });
      });
    });
    let sent = 0;
    const request = open('POST', headers);
    const fill = (): void => {
      while (sent < BODY_BYTES) {
        sent += piece.length;
        if (!request.write(piece)) return void request.once('drain', fill);
      }
      request.end();
    };
    fill();
    const answered = once(request, 'response') as Promise<[IncomingMessage]>;
    await until(() => arrived !== undefined);
    expect(await standstill(() => sent)).toBeLessThan(MAX_IN_FLIGHT_BYTES);
    arrived?.resume();
    const [[answer], digest] = await Promise.all([answered, received]);
    expect([answer.statusCode, digest]).toEqual([200, hashOfBody()]);
    answer.resume();
  },
  LIMIT_MS,
);

test(
  `${REQUESTS} requests leave no handle, no connection and no listener behind`,
  async () => {
    const warnings: string[] = [];
    const onWarning = ({ name }: Error): void => void warnings.push(name);
    process.on('warning', onWarning);
    const send = async (i: number): Promise<void> => {
      const isLarge = i % 50 === 0;
      const request = open('POST', { 'x-request': String(i) }).end(
        isLarge ? piece.subarray(0, 100_000) : '{}',
      );
      const [answer] = (await once(request, 'response')) as [IncomingMessage];
      expect(answer.statusCode).toBe(200);
      answer.resume();
      await once(answer, 'end');
    };
    const run = async (count: number): Promise<void> => {
      let next = 0;
      const worker = async (): Promise<void> => {
        while (next < count) await send((next += 1));
      };
      await Promise.all(Array.from({ length: PARALLEL }, worker));
      // Bodies are kept by the upstream of the test.
      upstream.seen.length = 0;
    };
    const handles = (): number => process.getActiveResourcesInfo().length;
    await run(500);
    const before = await standstill(handles);
    await run(REQUESTS);
    process.off('warning', onWarning);
    expect(warnings).toEqual([]);
    expect(await openConnections(sidecar)).toBeLessThanOrEqual(PARALLEL);
    // The two forwarders of an upstream keep connections for as many requests as there were at a time.
    expect(await standstill(handles)).toBeLessThanOrEqual(before + PARALLEL);
    expect(sidecar.audit).toHaveLength(500 + REQUESTS);
    agent.destroy();
    await until(async () => (await openConnections(sidecar)) === 0);
  },
  LIMIT_MS,
);

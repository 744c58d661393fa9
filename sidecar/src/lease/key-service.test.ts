// The client of the key service against a real TLS server.
import { once } from 'node:events';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { Agent, createServer, type Server } from 'node:https';
import type { AddressInfo } from 'node:net';

import { afterEach, beforeAll, beforeEach, describe, expect, jest, test } from '@jest/globals';
import { type LeaseRequest, Secret, SeksError } from '@seks/crds';

import { createUpstreamAgent } from '../forward/upstream-agent.ts';
import { makeCertificates, type TestCertificates } from '../testing/certificates.ts';
import { fixedLookup } from '../testing/test-forwarder.ts';
import { createKeyService, type KeyService, type LeaseEvents } from './key-service.ts';

const HOST = 'seks-keyservice.seks.svc.cluster.local';
const token = new Secret('pod-token', 'CANARY-token');
const request: LeaseRequest = { protocol: 1, features: [], credentials: [] };
let certificates: TestCertificates;
let rotated: TestCertificates;
let server: Server;
let handle: (request: IncomingMessage, response: ServerResponse) => void;
let bundles: string[];
let client: KeyService;

beforeAll(async () => {
  [certificates, rotated] = await Promise.all([makeCertificates([HOST]), makeCertificates([HOST])]);
});

beforeEach(async () => {
  bundles = [];
  server = createServer({ cert: certificates.cert, key: certificates.key }, (req, res) => handle(req, res));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  client = createKeyService({
    url: `https://${HOST}:${(server.address() as AddressInfo).port}`,
    caBundle: certificates.ca,
    agentFor,
  });
});

afterEach(async () => {
  server.closeAllConnections();
  server.close();
  await once(server, 'close');
});

function agentFor(caBundle: string): Agent {
  bundles.push(caBundle);
  return createUpstreamAgent({
    host: HOST,
    network: 'Private',
    lookup: fixedLookup({ [HOST]: ['127.0.0.1'] }),
    caBundle,
  });
}

function lease(): Promise<unknown> {
  return client.lease(request, token, new AbortController().signal);
}

function reply(status: number, body: unknown): void {
  handle = (req, res) => {
    req.resume();
    res.writeHead(status, { 'content-type': 'application/json' });
    res.end(typeof body === 'string' ? body : JSON.stringify(body));
  };
}

const answer = { id: 'l1', ttlSeconds: 900, credentials: [], refusals: [], caBundle: 'set below' };

describe('lease', () => {
  test('sends the request with the pod token and reads the answer', async () => {
    let seen: unknown;
    handle = (req, res) => {
      const { method, url, headers } = req;
      let body = '';
      req.on('data', (chunk: Buffer) => (body += chunk.toString()));
      req.on('end', () => {
        seen = { method, url, authorization: headers.authorization, body: JSON.parse(body) };
        res.end(JSON.stringify({ ...answer, caBundle: certificates.ca }));
      });
    };
    expect(await lease()).toEqual({ ...answer, caBundle: certificates.ca });
    expect(seen).toEqual({
      method: 'POST',
      url: '/v1/leases',
      authorization: 'Bearer CANARY-token',
      body: request,
    });
    expect(bundles).toHaveLength(1);
  });

  test('trusts the CA of the newest answer', async () => {
    const both = `${certificates.ca}\n${rotated.ca}\n`;
    reply(200, { ...answer, caBundle: both });
    await lease();
    expect(bundles).toEqual([certificates.ca, both]);
    server.setSecureContext({ cert: rotated.cert, key: rotated.key });
    server.closeAllConnections();
    expect(await lease()).toMatchObject({ id: 'l1' });
    expect(bundles).toHaveLength(2);
  });

  test('S6: trusts no other CA', async () => {
    reply(200, answer);
    server.setSecureContext({ cert: rotated.cert, key: rotated.key });
    await expect(lease()).rejects.toMatchObject({
      code: 'SEKS_KEYSERVICE_UNREACHABLE',
      message: expect.stringContaining('UNABLE_TO_VERIFY_LEAF_SIGNATURE') as unknown,
    });
  });

  test('passes a refusal on, with its detail', async () => {
    reply(403, new SeksError('SEKS_LEASE_POD_NOT_SEALED', 'spec.hostPID differs.').toBody());
    await expect(lease()).rejects.toMatchObject({
      code: 'SEKS_LEASE_POD_NOT_SEALED',
      message: 'The pod is not as the webhook injected it. spec.hostPID differs.',
    });
  });

  test.each<[string, number, unknown]>([
    ['an error of something in between', 502, '<html>Bad gateway</html>'],
    [
      'a code that this version does not know',
      403,
      { type: 'error', error: { type: 'seks_error', code: 'SEKS_NEW', message: 'm', hint: 'h' } },
    ],
    ['no JSON', 200, 'CANARY-data-key'],
    ['another protocol', 200, { ...answer, dataKeys: ['CANARY-data-key'] }],
    ['an answer without end', 200, `"${'x'.repeat(5 * 1024 * 1024)}"`],
  ])('S7: %s is no lease, and is not quoted', async (_, status, body) => {
    reply(status, body);
    const error = await lease().catch((cause: SeksError) => cause);
    expect(error).toMatchObject({ code: 'SEKS_KEYSERVICE_UNREACHABLE' });
    expect(JSON.stringify(error) + (error as Error).message).not.toContain('CANARY');
  });

  test('says what failed when nobody is there', async () => {
    const nobody = createKeyService({ url: `https://${HOST}:1`, caBundle: certificates.ca, agentFor });
    await expect(nobody.lease(request, token, new AbortController().signal)).rejects.toMatchObject({
      code: 'SEKS_KEYSERVICE_UNREACHABLE',
      message: expect.stringContaining('connect ECONNREFUSED 127.0.0.1:1') as unknown,
    });
  });

  test('ends when told to', async () => {
    handle = (req) => void req.resume();
    const controller = new AbortController();
    const asked = client.lease(request, token, controller.signal);
    await once(server, 'request');
    controller.abort();
    await expect(asked).rejects.toMatchObject({ code: 'SEKS_KEYSERVICE_UNREACHABLE' });
  });

  test('takes https only', () => {
    expect(() => createKeyService({ url: 'http://x.example', caBundle: '', agentFor })).toThrow(
      expect.objectContaining({ code: 'SEKS_CONFIG_INVALID' }),
    );
  });
});

describe('listen', () => {
  let events: { [K in keyof LeaseEvents]: jest.Mock<LeaseEvents[K]> };
  let stream: ServerResponse;

  beforeEach(() => {
    events = { opened: jest.fn(), alive: jest.fn(), changed: jest.fn(), revoked: jest.fn() };
    handle = (_, res) => {
      stream = res;
      res.writeHead(200, { 'content-type': 'text/event-stream' });
      res.flushHeaders();
    };
  });

  function listen(signal = new AbortController().signal): Promise<void> {
    return client.listen('l/1', token, events, signal);
  }

  test('hears events and heartbeats until the stream ends', async () => {
    let url: string | undefined;
    server.on('request', (req) => (url = req.url));
    const opened = new Promise<void>((resolve) => events.opened.mockImplementation(resolve));
    const done = listen();
    await opened;
    expect(url).toBe('/v1/leases/l%2F1/events');
    stream.write(': heartbeat\n\n');
    stream.write('event: changed\ndata: {}\n\nevent: unknown\ndata: x\n\n');
    const revoked = { bindingUid: 'b1', code: 'SEKS_BINDING_SUSPENDED', message: 'm' };
    stream.write(`event: revoked\ndata: ${JSON.stringify(revoked).slice(0, 20)}`);
    stream.end(`${JSON.stringify(revoked).slice(20)}\n\n`);
    await done;
    expect(events.changed).toHaveBeenCalledTimes(1);
    expect(events.revoked.mock.calls).toEqual([[revoked]]);
    expect(events.alive.mock.calls.length).toBeGreaterThan(0);
  });

  test('S7: a revocation that cannot be read asks for a new lease instead', async () => {
    const opened = new Promise<void>((resolve) => events.opened.mockImplementation(resolve));
    const done = listen();
    await opened;
    stream.end('event: revoked\ndata: {"bindingUid":1}\n\nevent: revoked\ndata: {\n\n');
    await done;
    expect(events.changed).toHaveBeenCalledTimes(2);
    expect(events.revoked).not.toHaveBeenCalled();
  });

  test('ends when told to, and when a line has no end', async () => {
    const controller = new AbortController();
    events.opened.mockImplementation(() => controller.abort());
    await listen(controller.signal);
    events.opened.mockImplementation(() => void stream.write(`data: ${'x'.repeat(200_000)}`));
    await listen();
    expect(events.opened).toHaveBeenCalledTimes(2);
  });

  test('passes a refusal on', async () => {
    reply(403, new SeksError('SEKS_LEASE_ID_INVALID').toBody());
    await expect(listen()).rejects.toMatchObject({ code: 'SEKS_LEASE_ID_INVALID' });
    expect(events.opened).not.toHaveBeenCalled();
  });
});

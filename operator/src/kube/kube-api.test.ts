import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import type { Server as TlsServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { pino } from 'pino';

import { createCertificateAuthority } from '../certs/index.ts';
import { ConflictError, KubeApiError, isGone, isNotFound } from './conflict.ts';
import { openKubeConnection } from './connection.ts';
import { sleep, withDeadline } from './deadline.ts';
import { createKubeApi } from './kube-api.ts';
import type { KubeApi } from './kube-api.ts';
import { namedSecret } from './named-secret.ts';
import { CONFIG_MAPS, PODS, SEKS_PROVIDERS, apiVersionOf, pathOf } from './resources.ts';
import { mockConnection, startMockApiServer } from './testing/mock-api-server.ts';

let server: Server;
let answer: (request: IncomingMessage, response: ServerResponse) => void;
let api: KubeApi;
let port: number;

beforeEach(async () => {
  answer = (_request, response) => response.end('{}');
  server = createServer((request, response) => answer(request, response));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  ({ port } = server.address() as AddressInfo);
  api = createKubeApi(mockConnection(port));
});

afterEach(async () => {
  await api.close();
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
});

function status(code: number, body: unknown, headers: Record<string, string> = {}): void {
  answer = (_request, response) => {
    response.writeHead(code, headers);
    response.end(typeof body === 'string' ? body : JSON.stringify(body));
  };
}

const NAME = { namespace: 'ns', name: 'a' };

describe('errors', () => {
  test('carry status and reason, and nothing that the server quotes', async () => {
    status(422, { reason: 'Invalid', message: 'Invalid value: "sk-live-canary"' });
    const error = await api
      .create(CONFIG_MAPS, { metadata: { name: 'a' } }, { namespace: 'ns' })
      .catch((e: unknown) => e);
    expect(error).toBeInstanceOf(KubeApiError);
    expect(error).toMatchObject({ status: 422, reason: 'Invalid', retryAfterMs: undefined });
    expect(String(error)).toBe('KubeApiError: POST /api/v1/namespaces/ns/configmaps: 422 Invalid');
  });

  test('a 409 is a ConflictError by class and by name', async () => {
    status(409, { reason: 'AlreadyExists' });
    const error = await api.replace(CONFIG_MAPS, NAME, { metadata: { name: 'a' } }).catch((e: unknown) => e);
    expect(error).toBeInstanceOf(ConflictError);
    expect(error).toMatchObject({ name: 'ConflictError', status: 409, reason: 'AlreadyExists' });
  });

  test('tell when to come back', async () => {
    status(429, {}, { 'retry-after': '3' });
    await expect(api.list(PODS, {})).rejects.toMatchObject({ status: 429, retryAfterMs: 3000 });
  });

  test('with a body that is no Status are still errors', async () => {
    for (const body of ['<html>', '', 'x'.repeat(100_000), '[]']) {
      status(502, body);
      await expect(api.list(PODS, {})).rejects.toMatchObject({ status: 502, reason: '' });
    }
  });

  test('what is missing is undefined, or false', async () => {
    status(404, { reason: 'NotFound' });
    expect(await api.get(PODS, NAME)).toBeUndefined();
    expect(await api.delete(PODS, NAME)).toBe(false);
    status(500, {});
    await expect(api.get(PODS, NAME)).rejects.toMatchObject({ status: 500 });
    await expect(api.delete(PODS, NAME)).rejects.toMatchObject({ status: 500 });
  });

  test('are recognised', () => {
    expect(isNotFound(new KubeApiError(404, '', ''))).toBe(true);
    expect(isNotFound(new Error('404'))).toBe(false);
    for (const error of [new KubeApiError(410, '', ''), new KubeApiError(200, 'Expired', '')]) {
      expect(isGone(error)).toBe(true);
    }
    expect(isGone(new KubeApiError(404, 'NotFound', ''))).toBe(false);
  });
});

describe('time', () => {
  test('a call stops with its signal', async () => {
    answer = () => undefined;
    const abort = new AbortController();
    const call = api.get(PODS, NAME, abort.signal);
    abort.abort(new Error('stop'));
    await expect(call).rejects.toThrow();
  });

  test('a deadline ends work and leaves nothing behind; one that is kept lives on', async () => {
    const parent = new AbortController();
    const hang = async (signal: AbortSignal): Promise<never> =>
      await new Promise((_, reject) =>
        signal.addEventListener('abort', () => reject(signal.reason as Error)),
      );
    await expect(withDeadline(1, parent.signal, hang)).rejects.toMatchObject({ name: 'TimeoutError' });
    const kept = await withDeadline(1, parent.signal, async (signal, keep) => {
      keep();
      return signal;
    });
    await sleep(5, parent.signal);
    expect(kept.aborted).toBe(false);
    parent.abort();
    expect(kept.aborted).toBe(true);
    await expect(
      withDeadline(1000, parent.signal, async (signal) => signal.throwIfAborted()),
    ).rejects.toThrow();
    expect(await sleep(60_000, parent.signal)).toBe('aborted');
  });
});

describe('requests', () => {
  test('apply says who and where', async () => {
    let seen: { url?: string; type?: string; body?: unknown } = {};
    answer = (request, response) => {
      let text = '';
      request.on('data', (chunk: Buffer) => (text += chunk.toString()));
      request.on('end', () => {
        seen = {
          url: request.url ?? '',
          type: request.headers['content-type'] ?? '',
          body: JSON.parse(text) as unknown,
        };
        response.end('{}');
      });
    };
    await api.apply(CONFIG_MAPS, NAME, { data: { k: 'v' } }, { fieldManager: 'me', subresource: 'status' });
    expect(seen).toEqual({
      url: '/api/v1/namespaces/ns/configmaps/a/status?fieldManager=me&force=true',
      type: 'application/apply-patch+yaml',
      body: { apiVersion: 'v1', kind: 'ConfigMap', metadata: NAME, data: { k: 'v' } },
    });
  });

  test('paths keep names in their place', () => {
    expect(pathOf(PODS, { namespace: 'a/b', name: '..' })).toBe('/api/v1/namespaces/a%2Fb/pods/..');
    expect(pathOf(SEKS_PROVIDERS, { namespace: 'ignored', name: 'x' })).toBe(
      '/apis/seks.ai/v1alpha1/seksproviders/x',
    );
    expect(apiVersionOf(PODS)).toBe('v1');
    expect(apiVersionOf(SEKS_PROVIDERS)).toBe('seks.ai/v1alpha1');
  });
});

describe('connection', () => {
  let folder: string;
  let tls: TlsServer;
  let ca: string;
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'kube-api-test-'));
    let stored: Record<string, Buffer> | undefined;
    const authority = createCertificateAuthority({
      store: {
        read: async () => (stored === undefined ? undefined : { data: stored, resourceVersion: '1' }),
        create: async (data) => void (stored = data),
        replace: async (data) => void (stored = data),
      },
      clock: Date.now,
      log: pino({ level: 'silent' }),
    });
    await authority.refresh();
    ca = authority.bundle();
    const { certPem, keyPem } = await authority.issue(['localhost']);
    tls = createTlsServer({ cert: certPem, key: keyPem }, (request, response) => answer(request, response));
    await new Promise<void>((resolve) => tls.listen(0, 'localhost', resolve));
  });
  afterEach(async () => {
    tls.closeAllConnections();
    await new Promise((resolve) => tls.close(resolve));
    await rm(folder, { recursive: true });
  });

  async function kubeconfig(cluster: object, user: object): Promise<string> {
    const path = join(folder, 'kubeconfig');
    const address = `https://localhost:${(tls.address() as AddressInfo).port}/prefix/`;
    const authority = { 'certificate-authority-data': Buffer.from(ca).toString('base64') };
    const config = {
      apiVersion: 'v1',
      kind: 'Config',
      clusters: [{ name: 'c', cluster: { server: address, ...authority, ...cluster } }],
      users: [{ name: 'u', user }],
      contexts: [{ name: 'x', context: { cluster: 'c', user: 'u' } }],
      'current-context': 'x',
    };
    await writeFile(path, JSON.stringify(config));
    return path;
  }

  test('reads the token file again once a minute, and at once after a 401', async () => {
    const tokenFile = join(folder, 'token');
    await writeFile(tokenFile, 'first\n');
    const path = await kubeconfig({}, { 'auth-provider': { name: 'tokenFile', config: { tokenFile } } });
    let nowMs = 0;
    const connection = await openKubeConnection({ kind: 'file', path }, () => nowMs);
    const own = createKubeApi(connection);
    const seen: string[] = [];
    answer = (request, response) => {
      seen.push(`${request.headers.authorization ?? ''} ${request.url ?? ''}`);
      response.statusCode = seen.length === 4 ? 401 : 200;
      response.end('{}');
    };
    const get = async (): Promise<unknown> => await own.get(PODS, NAME).catch((error: unknown) => error);
    await get();
    await writeFile(tokenFile, 'second');
    nowMs = 59_999;
    await get();
    nowMs = 60_000;
    await get();
    await writeFile(tokenFile, 'third');
    await get();
    await get();
    await own.close();
    const at = '/prefix/api/v1/namespaces/ns/pods/a';
    expect(seen).toEqual(
      ['first', 'first', 'second', 'second', 'third'].map((token) => `Bearer ${token} ${at}`),
    );
  });

  test('keeps its connections for the calls that follow', async () => {
    let connections = 0;
    tls.on('secureConnection', () => (connections += 1));
    const source = { kind: 'file', path: await kubeconfig({}, { token: 't' }) } as const;
    const own = createKubeApi(await openKubeConnection(source, () => 0));
    for (let i = 0; i < 10; i += 1) await own.get(PODS, NAME);
    await own.close();
    // A call may begin while the one before is being put away, so two are as good as one.
    expect(connections).toBeLessThanOrEqual(2);
  });

  test('takes a static token and basic authentication from the kubeconfig', async () => {
    for (const [user, expected] of [
      [{ token: 'static' }, 'Bearer static'],
      [{ username: 'u', password: 'p' }, `Basic ${Buffer.from('u:p').toString('base64')}`],
      [{}, undefined],
    ] as const) {
      const source = { kind: 'file', path: await kubeconfig({}, user) } as const;
      const connection = await openKubeConnection(source, () => 0);
      expect(await connection.authorization()).toBe(expected);
      await connection.close();
    }
  });

  test('S6: calls no API server whose certificate does not verify', async () => {
    const other = { 'certificate-authority-data': undefined, 'tls-server-name': 'localhost' };
    const source = { kind: 'file', path: await kubeconfig(other, {}) } as const;
    const own = createKubeApi(await openKubeConnection(source, () => 0));
    await expect(own.get(PODS, NAME)).rejects.toMatchObject({
      code: expect.stringMatching(/CERT|VERIFY/) as unknown,
    });
    await own.close();
    const path = await kubeconfig({ 'insecure-skip-tls-verify': true }, {});
    await expect(openKubeConnection({ kind: 'file', path }, () => 0)).rejects.toThrow(
      'skips TLS verification',
    );
  });
});

test('a named Secret is created once and replaced only at the version that was read', async () => {
  const mock = await startMockApiServer();
  try {
    const secret = namedSecret(mock.api, { namespace: 'ns', name: 's', component: 'test' });
    expect(await secret.read()).toBeUndefined();
    await secret.create({ key: Buffer.from([0, 255]) });
    const first = await secret.read();
    expect(first?.data).toEqual({ key: Buffer.from([0, 255]) });
    await expect(secret.create({})).rejects.toBeInstanceOf(ConflictError);
    await secret.replace({ key: Buffer.from('2') }, first?.resourceVersion ?? '');
    await expect(secret.replace({}, first?.resourceVersion ?? '')).rejects.toBeInstanceOf(ConflictError);
    expect((await secret.read())?.data).toEqual({ key: Buffer.from('2') });
  } finally {
    await mock.close();
  }
});

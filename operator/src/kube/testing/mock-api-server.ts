// MOCK of a Kubernetes API server for tests, on loopback: versioned collections with list, watch and CRUD, and faults on
// request. It knows no schemas, no RBAC and no admission; what it answers proves nothing about a real API server.
import { createServer } from 'node:http';
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';

import { Agent } from 'undici';

import type { KubeConnection } from '../connection.ts';
import { createKubeApi } from '../kube-api.ts';
import type { KubeApi } from '../kube-api.ts';
import { apiVersionOf, pathOf } from '../resources.ts';
import type { Resource } from '../resources.ts';
import { merge } from './mock-apply.ts';
import { createMockObjects } from './mock-objects.ts';
import type { HistoryEntry, MockObject } from './mock-objects.ts';
import { seenAs, selected } from './mock-selectors.ts';

export type { MockObject };

/** what goes wrong with the next request of that kind */
export type Fault = { on: 'list' | 'watch' } & (
  | { what: 'status'; status: number; reason?: string; retryAfterSeconds?: number }
  /** the connection is reset before an answer */
  | { what: 'reset' }
  /** the request is taken and never answered */
  | { what: 'stall' }
  /** headers, then silence, whatever happens: a half-open connection */
  | { what: 'silent' }
  /** headers, then an ERROR event with code 410 */
  | { what: 'gone-event' }
  /** headers, then half of the first event's line, then a clean end */
  | { what: 'truncate' }
  /** headers, then a line that is no JSON */
  | { what: 'garbage' }
  /** headers, then so many events, then a reset */
  | { what: 'cut-after'; events: number }
  /** all is right, but each byte comes alone */
  | { what: 'trickle' }
  /** headers and a clean end */
  | { what: 'close' }
  /** headers, then a line of that length */
  | { what: 'long-line'; bytes: number }
);

interface Target {
  collection: string;
  namespace: string | undefined;
  name: string | undefined;
  subresource: string | undefined;
}

export interface MockApiServer {
  readonly api: KubeApi;
  readonly port: number;
  /** requests so far, as `GET /path` and, for watches, `WATCH /path` */
  readonly requests: string[];
  /** faults still to come; each is used once, by the first request that it fits */
  readonly faults: Fault[];
  /** answers TokenReviews */
  onTokenReview: (spec: { token: string; audiences: string[] }) => unknown;
  /** when set, told of each write and may answer it with an error status instead */
  onWrite: ((method: string, target: Target, body: MockObject) => number | undefined) | undefined;
  put(resource: Resource<unknown>, object: MockObject): MockObject;
  remove(resource: Resource<unknown>, name: string, namespace?: string): void;
  get(resource: Resource<unknown>, name: string, namespace?: string): MockObject | undefined;
  list(resource: Resource<unknown>): MockObject[];
  /** forgets the history: watches from an older version are answered with 410 */
  compact(): void;
  /** open watches of a resource */
  watchers(resource: Resource<unknown>): number;
  /** ends all open watches of all resources with a reset */
  dropWatches(): void;
  close(): Promise<void>;
}

/** starts the mock on a free port of 127.0.0.1 */
export async function startMockApiServer(): Promise<MockApiServer> {
  const objects = createMockObjects();
  const requests: string[] = [];
  const faults: Fault[] = [];
  const openWatches = new Set<ServerResponse>();

  function takeFault(on: Fault['on']): Fault | undefined {
    const index = faults.findIndex((fault) => fault.on === on);
    return index === -1 ? undefined : faults.splice(index, 1)[0];
  }

  function serveList(target: Target, query: URLSearchParams, response: ServerResponse): void {
    const fault = takeFault('list');
    if (fault?.what === 'stall') return;
    if (fault?.what === 'reset') return void response.socket?.destroy();
    if (fault?.what === 'status') return answerFault(response, fault);
    const all = objects
      .list(target.collection)
      .filter(
        (object) =>
          (target.namespace === undefined || object.metadata.namespace === target.namespace) &&
          selected(object, query),
      );
    const from = Number(query.get('continue') ?? 0);
    const limit = Number(query.get('limit') ?? all.length);
    const next = from + limit < all.length ? String(from + limit) : '';
    answer(response, 200, {
      metadata: { resourceVersion: String(objects.version()), continue: next },
      items: all.slice(from, from + limit),
    });
  }

  function serveWatch(target: Target, query: URLSearchParams, response: ServerResponse): void {
    const fault = takeFault('watch');
    if (fault?.what === 'stall') return;
    if (fault?.what === 'reset') return void response.socket?.destroy();
    if (fault?.what === 'status') return answerFault(response, fault);
    const since = Number(query.get('resourceVersion'));
    if (since < objects.compactedAt())
      return answer(response, 410, { kind: 'Status', code: 410, reason: 'Expired' });
    response.writeHead(200, { 'content-type': 'application/json' });
    response.flushHeaders();
    openWatches.add(response);
    response.on('close', () => openWatches.delete(response));
    if (fault?.what === 'silent') return;
    if (fault?.what === 'close') return void response.end();
    if (fault?.what === 'garbage') return void response.end('{"type":"ADDED","object":{{{\n');
    if (fault?.what === 'long-line') return void response.end(`${'x'.repeat(fault.bytes)}\n`);
    if (fault?.what === 'gone-event') {
      const status = { kind: 'Status', code: 410, reason: 'Expired' };
      return void response.end(`${JSON.stringify({ type: 'ERROR', object: status })}\n`);
    }
    let sent = 0;
    const send = (entry: HistoryEntry): void => {
      if (response.writableEnded || entry.version <= since) return;
      if (target.namespace !== undefined && entry.object.metadata.namespace !== target.namespace) return;
      const type = seenAs(entry, query);
      if (type === undefined) return;
      const line = `${JSON.stringify({ type, object: entry.object })}\n`;
      sent += 1;
      if (fault?.what === 'truncate') return void response.end(line.slice(0, Math.floor(line.length / 2)));
      if (fault?.what === 'trickle') for (const byte of Buffer.from(line)) response.write(Buffer.of(byte));
      else response.write(line);
      if (fault?.what === 'cut-after' && sent >= fault.events) response.socket?.destroy();
    };
    response.on('close', objects.follow(target.collection, send));
  }

  async function serveWrite(
    request: IncomingMessage,
    target: Target,
    response: ServerResponse,
  ): Promise<void> {
    const sent = await text(request);
    const body = (sent === '' ? { metadata: {} } : JSON.parse(sent)) as MockObject;
    const method = request.method ?? '';
    if (target.collection.endsWith('/tokenreviews')) {
      const spec = body['spec'] as { token: string; audiences: string[] };
      return answer(response, 201, { ...body, status: server.onTokenReview(spec) });
    }
    const refusal = server.onWrite?.(method, target, body);
    if (refusal !== undefined)
      return answer(response, refusal, { kind: 'Status', code: refusal, reason: 'Mocked' });
    const generated = `${String(body.metadata['generateName'])}${objects.version()}`;
    const name = target.name ?? body.metadata.name ?? generated;
    const namespace = target.namespace;
    const known = objects.get(target.collection, name, namespace);
    const metadata = { ...body.metadata, name, ...(namespace === undefined ? {} : { namespace }) };
    if (method === 'POST') {
      if (target.name !== undefined)
        return answer(response, 405, { kind: 'Status', code: 405, reason: 'MethodNotAllowed' });
      if (known !== undefined)
        return answer(response, 409, { kind: 'Status', code: 409, reason: 'AlreadyExists' });
      return answer(response, 201, objects.put(target.collection, { ...body, metadata }));
    }
    if (method === 'DELETE') {
      if (known === undefined)
        return answer(response, 404, { kind: 'Status', code: 404, reason: 'NotFound' });
      return answer(response, 200, objects.remove(target.collection, known));
    }
    if (method === 'PUT') {
      if (known === undefined)
        return answer(response, 404, { kind: 'Status', code: 404, reason: 'NotFound' });
      const expected = body.metadata.resourceVersion;
      if (expected !== undefined && expected !== known.metadata.resourceVersion) {
        return answer(response, 409, { kind: 'Status', code: 409, reason: 'Conflict' });
      }
      return answer(response, 200, objects.put(target.collection, { ...body, metadata }));
    }
    if (body.metadata.name !== target.name) {
      return answer(response, 400, { kind: 'Status', code: 400, reason: 'BadRequest' });
    }
    if (known === undefined && target.subresource !== undefined) {
      return answer(response, 404, { kind: 'Status', code: 404, reason: 'NotFound' });
    }
    const merged = merge(known ?? { metadata }, { ...body, metadata }) as MockObject;
    return answer(response, 200, objects.put(target.collection, merged));
  }

  async function serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const url = new URL(request.url ?? '/', 'http://mock');
    const target = targetOf(url.pathname);
    const isWatch = url.searchParams.get('watch') === 'true';
    requests.push(`${isWatch ? 'WATCH' : (request.method ?? '')} ${url.pathname}`);
    if (request.method !== 'GET') return await serveWrite(request, target, response);
    if (isWatch) return serveWatch(target, url.searchParams, response);
    if (target.name === undefined) return serveList(target, url.searchParams, response);
    const found = objects.get(target.collection, target.name, target.namespace);
    if (found === undefined) return answer(response, 404, { kind: 'Status', code: 404, reason: 'NotFound' });
    return answer(response, 200, found);
  }

  const http: Server = createServer((request, response) => {
    serve(request, response).catch((error: unknown) => {
      if (!response.headersSent) answer(response, 500, { kind: 'Status', message: String(error) });
    });
  });
  await new Promise<void>((resolve) => http.listen(0, '127.0.0.1', resolve));
  const { port } = http.address() as AddressInfo;
  const api = createKubeApi(mockConnection(port));

  const server: MockApiServer = {
    api,
    port,
    requests,
    faults,
    onTokenReview: () => ({ authenticated: false }),
    onWrite: undefined,
    put: (resource, object) =>
      objects.put(pathOf(resource, {}), {
        apiVersion: apiVersionOf(resource),
        kind: resource.kind,
        ...object,
      }),
    remove(resource, name, namespace) {
      const found = objects.get(pathOf(resource, {}), name, namespace);
      if (found !== undefined) objects.remove(pathOf(resource, {}), found);
    },
    get: (resource, name, namespace) => objects.get(pathOf(resource, {}), name, namespace),
    list: (resource) => objects.list(pathOf(resource, {})),
    compact: () => objects.compact(),
    watchers: (resource) => objects.watchers(pathOf(resource, {})),
    dropWatches() {
      for (const response of openWatches) response.socket?.destroy();
    },
    async close() {
      await api.close();
      http.closeAllConnections();
      await new Promise((resolve) => http.close(resolve));
    },
  };
  return server;
}

/** a plain HTTP connection to a port of 127.0.0.1, as nobody */
export function mockConnection(port: number): KubeConnection {
  const dispatcher = new Agent({ headersTimeout: 0, bodyTimeout: 0 });
  return {
    origin: `http://127.0.0.1:${port}`,
    basePath: '',
    dispatcher,
    authorization: async () => undefined,
    forgetAuthorization: () => undefined,
    close: async () => await dispatcher.destroy(),
  };
}

function answer(response: ServerResponse, status: number, body: unknown): void {
  response.writeHead(status, { 'content-type': 'application/json' });
  response.end(JSON.stringify(body));
}

function answerFault(response: ServerResponse, fault: Fault & { what: 'status' }): void {
  if (fault.retryAfterSeconds !== undefined)
    response.setHeader('retry-after', String(fault.retryAfterSeconds));
  answer(response, fault.status, { kind: 'Status', code: fault.status, reason: fault.reason ?? '' });
}

function targetOf(path: string): Target {
  const parts = path.split('/').filter((part) => part !== '');
  const root = parts.splice(0, parts[0] === 'api' ? 2 : 3).join('/');
  const namespace = parts[0] === 'namespaces' && parts.length > 2 ? parts.splice(0, 2)[1] : undefined;
  return { collection: `/${root}/${parts[0] ?? ''}`, namespace, name: parts[1], subresource: parts[2] };
}

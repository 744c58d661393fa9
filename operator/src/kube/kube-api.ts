// The Kubernetes API as a handful of typed calls over one keep-alive connection pool. @kubernetes/client-node reads the
// kubeconfig and signs us in; its own requests make a new Agent each, which is a TLS handshake for every call.
import type { Dispatcher } from 'undici';

import { ConflictError, isNotFound, KubeApiError } from './conflict.ts';
import type { KubeConnection } from './connection.ts';
import { withDeadline } from './deadline.ts';
import type { ObjectName } from './objects.ts';
import { apiVersionOf, pathOf } from './resources.ts';
import type { Resource } from './resources.ts';

/** which objects of a collection */
export interface Selection {
  /** omitted: all namespaces */
  namespace?: string | undefined;
  labelSelector?: string | undefined;
  fieldSelector?: string | undefined;
}

export interface ListPage<T> {
  items: T[];
  resourceVersion: string;
  /** token of the next page; undefined on the last */
  continue: string | undefined;
}

/** typed calls to the API server; each has a timeout, and rejects with KubeApiError, or ConflictError for a 409 */
export interface KubeApi {
  /** undefined if there is no such object */
  get<T>(resource: Resource<T>, name: ObjectName, signal?: AbortSignal): Promise<T | undefined>;
  /** one page of a collection */
  list<T>(
    resource: Resource<T>,
    selection: Selection & { limit?: number; continue?: string | undefined },
    signal?: AbortSignal,
  ): Promise<ListPage<T>>;
  /** the raw bytes of a watch; ends when the server closes it, and has no timeout but its caller's signal */
  watch(
    resource: Resource<unknown>,
    selection: Selection & { resourceVersion: string; timeoutSeconds: number },
    signal: AbortSignal,
  ): Promise<AsyncIterable<Uint8Array>>;
  create<T>(
    resource: Resource<T>,
    object: T,
    place?: { namespace?: string },
    signal?: AbortSignal,
  ): Promise<T>;
  /** full update; the object's resourceVersion makes it a compare-and-swap */
  replace<T>(resource: Resource<T>, name: ObjectName, object: T, signal?: AbortSignal): Promise<T>;
  /** server-side apply; conflicts with other managers are forced */
  apply<T>(
    resource: Resource<T>,
    name: ObjectName,
    object: { metadata?: object; [field: string]: unknown },
    options: { fieldManager: string; subresource?: 'status' },
    signal?: AbortSignal,
  ): Promise<T>;
  /** false if there was no such object */
  delete(resource: Resource<unknown>, name: ObjectName, signal?: AbortSignal): Promise<boolean>;
  /** ends all connections */
  close(): Promise<void>;
}

interface Call {
  method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  path: string;
  query?: Record<string, string | number | boolean | undefined>;
  body?: unknown;
  contentType?: string;
}

const CALL_TIMEOUT_MS = 15_000;
/** lists of big clusters take longer than single objects */
const LIST_TIMEOUT_MS = 60_000;
/** the wait for a watch's first byte of headers */
const WATCH_OPEN_TIMEOUT_MS = 30_000;
/** an error body longer than this is no Status object */
const MAX_ERROR_BYTES = 64 * 1024;

/** typed calls over a connection */
export function createKubeApi(connection: KubeConnection): KubeApi {
  async function send(call: Call, signal: AbortSignal): Promise<Dispatcher.ResponseData> {
    const authorization = await connection.authorization();
    const query = new URLSearchParams();
    for (const [name, value] of Object.entries(call.query ?? {})) {
      if (value !== undefined) query.set(name, String(value));
    }
    const answer = await connection.dispatcher.request({
      origin: connection.origin,
      path: connection.basePath + call.path + (query.size > 0 ? `?${query.toString()}` : ''),
      method: call.method,
      signal,
      headers: {
        accept: 'application/json',
        'user-agent': 'seks-operator',
        ...(authorization === undefined ? {} : { authorization }),
        ...(call.body === undefined ? {} : { 'content-type': call.contentType ?? 'application/json' }),
      },
      ...(call.body === undefined ? {} : { body: JSON.stringify(call.body) }),
    });
    if (answer.statusCode >= 200 && answer.statusCode < 300) return answer;
    // A rotated token is refused before our copy of it is a minute old: read it again for the next call.
    if (answer.statusCode === 401) connection.forgetAuthorization();
    throw await errorOf(answer, call);
  }

  async function json<T>(
    call: Call,
    signal: AbortSignal | undefined,
    timeoutMs = CALL_TIMEOUT_MS,
  ): Promise<T> {
    return await withDeadline(timeoutMs, signal, async (deadline) => {
      const answer = await send(call, deadline);
      return (await answer.body.json()) as T;
    });
  }

  return {
    async get<T>(resource: Resource<T>, name: ObjectName, signal?: AbortSignal) {
      try {
        return await json<T>({ method: 'GET', path: pathOf(resource, name) }, signal);
      } catch (error) {
        if (isNotFound(error)) return undefined;
        throw error;
      }
    },

    async list<T>(
      resource: Resource<T>,
      { namespace, ...query }: Selection & { limit?: number; continue?: string | undefined },
      signal?: AbortSignal,
    ) {
      const call: Call = { method: 'GET', path: pathOf(resource, { namespace }), query: { ...query } };
      const page = await json<{
        items?: T[] | null;
        metadata?: { resourceVersion?: string; continue?: string };
      }>(call, signal, LIST_TIMEOUT_MS);
      return {
        items: page.items ?? [],
        resourceVersion: page.metadata?.resourceVersion ?? '',
        continue: page.metadata?.continue === '' ? undefined : page.metadata?.continue,
      };
    },

    async watch(resource, { namespace, ...query }, signal) {
      return await withDeadline(WATCH_OPEN_TIMEOUT_MS, signal, async (deadline, keep) => {
        const call: Call = {
          method: 'GET',
          path: pathOf(resource, { namespace }),
          query: { ...query, watch: true, allowWatchBookmarks: true },
        };
        const answer = await send(call, deadline);
        // The stream outlives the deadline of its opening; from here on only the caller ends it.
        keep();
        return answer.body;
      });
    },

    async create<T>(resource: Resource<T>, object: T, place?: { namespace?: string }, signal?: AbortSignal) {
      const body = { apiVersion: apiVersionOf(resource), kind: resource.kind, ...object };
      return await json<T>(
        { method: 'POST', path: pathOf(resource, { namespace: place?.namespace }), body },
        signal,
      );
    },

    async replace<T>(resource: Resource<T>, name: ObjectName, object: T, signal?: AbortSignal) {
      const body = { apiVersion: apiVersionOf(resource), kind: resource.kind, ...object };
      return await json<T>({ method: 'PUT', path: pathOf(resource, name), body }, signal);
    },

    async apply<T>(
      resource: Resource<T>,
      name: ObjectName,
      object: { metadata?: object; [field: string]: unknown },
      options: { fieldManager: string; subresource?: 'status' },
      signal?: AbortSignal,
    ) {
      const call: Call = {
        method: 'PATCH',
        path: pathOf(resource, { ...name, subresource: options.subresource }),
        query: { fieldManager: options.fieldManager, force: true },
        contentType: 'application/apply-patch+yaml',
        body: {
          apiVersion: apiVersionOf(resource),
          kind: resource.kind,
          ...object,
          metadata: { ...object.metadata, name: name.name, ...namespaceOf(name) },
        },
      };
      return await json<T>(call, signal);
    },

    async delete(resource, name, signal) {
      try {
        await json({ method: 'DELETE', path: pathOf(resource, name) }, signal);
        return true;
      } catch (error) {
        if (isNotFound(error)) return false;
        throw error;
      }
    },

    close: async () => await connection.close(),
  };
}

async function errorOf(answer: Dispatcher.ResponseData, call: Call): Promise<KubeApiError> {
  const status = await readStatus(answer);
  const reason = status.reason ?? '';
  // The path names objects, the Status message may quote what we sent: only the path goes into our message.
  const message = `${call.method} ${call.path}: ${answer.statusCode}${reason === '' ? '' : ` ${reason}`}`;
  if (answer.statusCode === 409) return new ConflictError(message, reason === '' ? {} : { reason });
  return new KubeApiError(answer.statusCode, reason, message, {
    retryAfterMs: retryAfterMs(answer.headers['retry-after']),
  });
}

async function readStatus(answer: Dispatcher.ResponseData): Promise<{ reason?: string }> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  try {
    for await (const chunk of answer.body as AsyncIterable<Buffer>) {
      bytes += chunk.length;
      if (bytes > MAX_ERROR_BYTES) return {};
      chunks.push(chunk);
    }
    const parsed: unknown = JSON.parse(Buffer.concat(chunks).toString());
    if (
      typeof parsed === 'object' &&
      parsed !== null &&
      'reason' in parsed &&
      typeof parsed.reason === 'string'
    ) {
      return { reason: parsed.reason };
    }
  } catch {
    // The status code alone says enough.
  }
  return {};
}

function namespaceOf({ namespace }: ObjectName): { namespace?: string } {
  return namespace === undefined ? {} : { namespace };
}

function retryAfterMs(header: string | string[] | undefined): number | undefined {
  const seconds = Number(Array.isArray(header) ? header[0] : header);
  return Number.isFinite(seconds) && seconds >= 0 ? seconds * 1000 : undefined;
}

// One request to an API that is told apart by host: read whole, recorded masked, answered with JSON.
import type { IncomingMessage } from 'node:http';
import type { HostStubDeps } from './host-stub.ts';
import { parseMultipart } from './multipart.ts';
import type { ProviderName } from './provider-stub.ts';
import { looksFake } from './record.ts';
import { requestUrl } from './request-url.ts';

const MAX_BODY_BYTES = 64 * 1024 * 1024;

export interface HostCall {
  readonly request: IncomingMessage;
  readonly method: string;
  /** without port, in lower case */
  readonly host: string;
  readonly url: URL;
  readonly body: Buffer;
}

/** @throws Error when the client goes away, or sends more than 64 MiB */
export async function readCall(request: IncomingMessage): Promise<HostCall> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size > MAX_BODY_BYTES) throw new Error(`body over ${MAX_BODY_BYTES} bytes`);
    chunks.push(chunk);
  }
  return {
    request,
    method: request.method ?? 'GET',
    host: hostOf(request),
    url: requestUrl(request),
    body: Buffer.concat(chunks),
  };
}

/** the name of the Host header, without port */
export function hostOf(request: IncomingMessage): string {
  return (request.headers.host ?? '').replace(/:\d+$/, '').toLowerCase();
}

/** notes what came; `path` is given where the URL's own path holds the credential */
export function recordCall(
  { record, clock }: HostStubDeps,
  provider: ProviderName,
  { request, method, url, body }: HostCall,
  seen: {
    readonly credential: string | undefined;
    readonly isExpectedKey: boolean;
    readonly path?: string;
  },
): void {
  record.add({
    atMs: clock(),
    provider,
    method,
    path: seen.path ?? url.pathname,
    queryNames: [...url.searchParams.keys()],
    host: request.headers.host ?? '',
    headerNames: Object.keys(request.headers),
    credential: seen.credential,
    isExpectedKey: seen.isExpectedKey,
    isFakeToken: looksFake(seen.credential),
    model: undefined,
    bodyBytes: body.length,
  });
}

export interface UploadedFile {
  readonly field: string;
  readonly filename: string;
  readonly bytes: Buffer;
}

export interface CallArguments {
  readonly values: Readonly<Record<string, unknown>>;
  readonly files: readonly UploadedFile[];
}

/** arguments of a call, from wherever these APIs take them: the query, a form of either kind, or JSON */
export function argumentsOf({ request, url, body }: HostCall): CallArguments {
  const query = Object.fromEntries(url.searchParams);
  const contentType = request.headers['content-type'] ?? '';
  if (contentType.startsWith('multipart/form-data')) {
    const fields = parseMultipart(contentType, body) ?? [];
    const texts = fields.filter((field) => field.filename === undefined);
    const files = fields.flatMap(({ name, filename, value }) =>
      filename === undefined ? [] : [{ field: name, filename, bytes: value }],
    );
    return {
      values: { ...query, ...Object.fromEntries(texts.map(({ name, value }) => [name, value.toString()])) },
      files,
    };
  }
  const values = contentType.startsWith('application/json')
    ? jsonObject(body)
    : Object.fromEntries(new URLSearchParams(body.toString()));
  return { values: { ...query, ...values }, files: [] };
}

/** empty when the text is not a JSON object */
export function jsonObject(text: Buffer | string): Readonly<Record<string, unknown>> {
  try {
    const value: unknown = JSON.parse(text.toString());
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {};
  } catch {
    return {};
  }
}

/** a value as text; '' when it is missing or no scalar */
export function textValue(value: unknown): string {
  return typeof value === 'string' || typeof value === 'number' ? String(value) : '';
}

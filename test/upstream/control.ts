// The tests' side of the stub, on a port of its own without TLS: what was seen, and replacing a key.
//   GET  /requests?since=<id>   requests after that id
//   GET  /summary               counts
//   POST /keys/<provider>       body: the new key
//   POST /clear                 forget what was seen
//   GET  /healthz
import type { IncomingMessage, ServerResponse } from 'node:http';
import { text } from 'node:stream/consumers';
import type { ProviderKeys } from './keys.ts';
import { PROVIDERS } from './provider-stub.ts';
import type { RequestRecord } from './record.ts';

export function createControl(
  keys: ProviderKeys,
  record: RequestRecord,
): (request: IncomingMessage, response: ServerResponse) => void {
  return (request, response) => {
    answer(keys, record, request, response).catch(() => response.destroy());
  };
}

async function answer(
  keys: ProviderKeys,
  record: RequestRecord,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const body = await route(keys, record, request);
  const status = body === undefined ? 404 : 200;
  response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body ?? {}));
}

async function route(keys: ProviderKeys, record: RequestRecord, request: IncomingMessage): Promise<unknown> {
  const url = new URL(request.url ?? '/', 'http://control.invalid');
  switch (`${request.method} ${url.pathname}`) {
    case 'GET /healthz':
      return { ok: true };
    case 'GET /requests':
      return record.since(Number(url.searchParams.get('since') ?? '0'));
    case 'GET /summary':
      return record.summary();
    case 'POST /clear':
      record.clear();
      return { ok: true };
    default: {
      const name = /^\/keys\/([a-z]+)$/.exec(url.pathname)?.[1];
      const provider = PROVIDERS.find((one) => one === name);
      if (provider === undefined || request.method !== 'POST') return undefined;
      keys.replace(provider, (await text(request)).trim());
      return { ok: true };
    }
  }
}

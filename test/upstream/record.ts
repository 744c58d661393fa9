// What the stub saw. Credentials are kept only masked; whether one was the expected key is decided before.
import type { IncomingMessage } from 'node:http';
import { mask } from './mask.ts';
import type { ProviderName } from './provider-stub.ts';
import { requestUrl } from './request-url.ts';

export interface SeenRequest {
  /** rises by one with each request, from 1 */
  readonly id: number;
  readonly atMs: number;
  /** undefined: the path belongs to no imitated API */
  readonly provider: ProviderName | undefined;
  readonly method: string;
  readonly path: string;
  readonly queryNames: readonly string[];
  readonly host: string;
  readonly headerNames: readonly string[];
  /** first six and last four characters; undefined when the request had none */
  readonly credential: string | undefined;
  readonly isExpectedKey: boolean;
  readonly isFakeToken: boolean;
  readonly model: string | undefined;
  readonly bodyBytes: number;
}

export interface Summary {
  readonly total: number;
  /** requests with the key that the provider knows */
  readonly expectedKey: number;
  readonly otherKey: number;
  readonly noKey: number;
  /** of the other keys: those that are shaped like a fake token */
  readonly fakeTokens: number;
}

export interface RequestRecord {
  add(request: Omit<SeenRequest, 'id' | 'credential'> & { readonly credential: string | undefined }): void;
  since(id: number): readonly SeenRequest[];
  summary(): Summary;
  clear(): void;
}

/** keeps the latest `limit` requests and counts all of them */
export function createRecord(limit = 5_000): RequestRecord {
  let seen: SeenRequest[] = [];
  let nextId = 1;
  let counts = emptyCounts();
  return {
    add(request) {
      const { credential } = request;
      seen.push({
        ...request,
        id: nextId++,
        credential: credential === undefined ? undefined : mask(credential),
      });
      if (seen.length > limit) seen.shift();
      counts.total++;
      if (credential === undefined) counts.noKey++;
      else if (request.isExpectedKey) counts.expectedKey++;
      else counts.otherKey++;
      if (request.isFakeToken) counts.fakeTokens++;
    },
    since: (id) => seen.filter((request) => request.id > id),
    summary: () => ({ ...counts }),
    clear() {
      // Ids go on, so that a reader who remembers one misses nothing.
      seen = [];
      counts = emptyCounts();
    },
  };
}

/** the shape of fake tokens; the stubs know nothing else of the product */
const FAKE_TOKEN = /seks[0-9A-Za-z]{28,}/;

export function looksFake(credential: string | undefined): boolean {
  return credential !== undefined && FAKE_TOKEN.test(credential);
}

export interface UpgradeFacts {
  readonly credential: string | undefined;
  readonly isExpectedKey: boolean;
  readonly model?: string | undefined;
}

/** adds the request that asks for a WebSocket */
export function recordUpgrade(
  { record, clock }: { readonly record: RequestRecord; readonly clock: () => number },
  provider: ProviderName,
  request: IncomingMessage,
  { credential, isExpectedKey, model }: UpgradeFacts,
): void {
  const url = requestUrl(request);
  record.add({
    atMs: clock(),
    provider,
    method: request.method ?? 'GET',
    path: url.pathname,
    queryNames: [...url.searchParams.keys()],
    host: request.headers.host ?? '',
    headerNames: Object.keys(request.headers),
    credential,
    isExpectedKey,
    isFakeToken: looksFake(credential),
    model,
    bodyBytes: 0,
  });
}

function emptyCounts(): { -readonly [K in keyof Summary]: number } {
  return { total: 0, expectedKey: 0, otherKey: 0, noKey: 0, fakeTokens: 0 };
}

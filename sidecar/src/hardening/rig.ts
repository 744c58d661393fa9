// Test help: a sidecar with real sockets before a strict provider, and the one invariant that every test of this folder checks:
// the provider sees exactly requests that were meant, each with the real key once and in its place, or nothing.
import { connect, type Socket } from 'node:net';

import { type StaticCredential } from '../testing/static-lease.ts';
import {
  fakeToken,
  startSidecar,
  type TestSidecar,
  type TestSidecarOptions,
} from '../testing/test-sidecar.ts';
import { readAnswers, type ReadAnswer } from './answer-reader.ts';
import { until } from '../testing/until.ts';
import { readConnection, type ReadRequest, valuesOf } from './http1-reader.ts';
import { HOST, startStrictUpstream, type StrictUpstream, tagOf } from './strict-upstream.ts';

export const KEYS = ['sk-CANARY-first-0123456789abcdef', 'sk-CANARY-second-0123456789abcdef'] as const;
export const TOKENS = [fakeToken(), fakeToken()] as const;
export const AUTH = `Authorization: Bearer ${TOKENS[0]}`;

export interface Rig {
  sidecar: TestSidecar;
  upstream: StrictUpstream;
  /** a Host header that is this sidecar */
  host: string;
  dial(): Socket;
  /**
   * sends pieces, each in a segment of its own, on one connection; resolves when it has closed or so many answers have come
   *
   * @param due omitted: as many as there are whole requests; if something wrong follows, only the close ends it
   */
  send(pieces: readonly string[], due?: number): Promise<Conversation>;
  /** throws unless the provider saw exactly those of the meant requests that were answered by it, and nobody is left */
  settle(meant: readonly ReadRequest[]): Promise<void>;
  close(): Promise<void>;
}

export interface Conversation {
  answers: ReadAnswer[];
  /** the sidecar closed the connection */
  closed: boolean;
}

const HONEST_LIMIT_MS = 5_000;
/** requests that may still arrive */
const MAX_LATE = 8;
const ANSWERS_LIMIT_MS = 3_000;

/** starts both */
export async function startRig(options: Partial<TestSidecarOptions> = {}): Promise<Rig> {
  const upstream = await startStrictUpstream();
  const provider = upstream.provider('openai');
  const credentials: StaticCredential[] = [
    { provider, token: TOKENS[0], key: KEYS[0], name: 'first' },
    { provider, token: TOKENS[1], key: KEYS[1], name: 'second' },
  ];
  const sidecar = await startSidecar({ credentials, addresses: { [HOST]: ['127.0.0.1'] }, ...options });
  // What was broken off may arrive a moment later than the honest request that was sent after it.
  let before: readonly ReadRequest[] = [];
  return {
    sidecar,
    upstream,
    host: `Host: 127.0.0.1:${sidecar.port}`,
    dial: () => connect({ port: sidecar.port, host: '127.0.0.1', noDelay: true }),
    send: (pieces, due) => converse(sidecar, pieces, due),
    settle: async (meant) => {
      try {
        before = await settle(sidecar, upstream, [...before, ...meant]);
      } finally {
        upstream.forget();
      }
    },
    async close() {
      await sidecar.close();
      await upstream.close();
    },
  };
}

/** how many connections of the agent are open */
export function openConnections({ side }: TestSidecar): Promise<number> {
  return new Promise((resolve, reject) => {
    side.server.getConnections((error, count) => (error === null ? resolve(count) : reject(error)));
  });
}

async function converse(
  sidecar: TestSidecar,
  pieces: readonly string[],
  expected: number | undefined,
): Promise<Conversation> {
  const all = pieces.join('');
  const { requests, last } = readConnection(all);
  const methods = requests.map(({ method }) => method);
  const due = expected ?? (last?.kind === 'fault' ? Number.POSITIVE_INFINITY : requests.length);
  let text = '';
  let closed = false;
  const socket = connect({ port: sidecar.port, host: '127.0.0.1', noDelay: true });
  socket.setEncoding('latin1');
  socket.on('data', (chunk: string) => (text += chunk));
  // A reset is one of the ways to close.
  socket.on('error', () => undefined);
  socket.on('close', () => (closed = true));
  const whole = (): ReadAnswer[] => readAnswers(text, methods).filter((answer) => answer.whole);
  try {
    for (const piece of pieces) {
      await new Promise<void>((resolve) => socket.write(Buffer.from(piece, 'latin1'), () => resolve()));
      // So that the next piece is a segment of its own, and the sidecar reads this one first.
      await new Promise((resolve) => setImmediate(resolve));
    }
    await until(
      () => closed || whole().length >= due,
      () => `${due} answers to ${JSON.stringify(all.slice(0, 2_000))}: ${JSON.stringify(text)}`,
      ANSWERS_LIMIT_MS,
    );
    return { answers: whole(), closed };
  } finally {
    socket.destroy();
  }
}

async function settle(
  sidecar: TestSidecar,
  upstream: StrictUpstream,
  meant: readonly ReadRequest[],
): Promise<readonly ReadRequest[]> {
  await until(
    async () => (await openConnections(sidecar)) === 0,
    () => 'a connection of the agent stays open',
  );
  // Whatever was let through before this has arrived when this has.
  const honest = await fetch(`${sidecar.base}/openai/v1/honest`, {
    headers: { authorization: `Bearer ${TOKENS[0]}`, 'x-tag': 'honest', connection: 'close' },
    signal: AbortSignal.timeout(HONEST_LIMIT_MS),
  });
  if ((await honest.text()) !== 'tag=honest;') throw new Error('the sidecar does not serve any more');
  await until(
    () => upstream.unfinished === 0,
    () => 'a request to the provider neither ends nor breaks off',
  );
  const { problems, unseen } = compare([...upstream.seen, ...upstream.cut], meant, upstream);
  const faults = [...upstream.faults, ...problems];
  if (faults.length > 0) throw new Error(faults.join('\n'));
  return unseen.slice(-MAX_LATE);
}

/** everything that is wrong with what the provider saw, and what it has not seen */
function compare(
  seen: readonly ReadRequest[],
  meant: readonly ReadRequest[],
  { cut }: StrictUpstream,
): { problems: string[]; unseen: ReadRequest[] } {
  const problems: string[] = [];
  const unseen = [...meant];
  for (const request of seen) {
    // A body is the agent's own: nobody looks for tokens in it, and nobody puts a key in.
    const text = JSON.stringify({ ...request, body: '' });
    if (text.includes(TOKENS[0]) || text.includes(TOKENS[1])) problems.push(`a token arrived: ${text}`);
    const [key, ...more] = KEYS.filter((candidate) => text.includes(candidate));
    if (key === undefined || more.length > 0 || text.split(key).length !== 2)
      problems.push(`not one key: ${text}`);
    if (tagOf(request) === 'honest') continue;
    const at = unseen.findIndex((candidate) => isSame(candidate, request, cut.includes(request)));
    if (at === -1) problems.push(`nobody meant ${text}`);
    else unseen.splice(at, 1);
  }
  return { problems, unseen };
}

function isSame(meant: ReadRequest, seen: ReadRequest, isCut: boolean): boolean {
  const [authorization = ''] = valuesOf(meant.headers, 'authorization');
  const token = TOKENS.findIndex((candidate) => authorization.endsWith(candidate));
  const scheme = authorization.slice(0, authorization.length - (TOKENS[token]?.length ?? 0));
  return (
    meant.method === seen.method &&
    meant.target.replace(/^\/+(?:openai\/)?/, '/') === seen.target &&
    (isCut ? meant.body.startsWith(seen.body) : meant.body === seen.body) &&
    KEYS.every((key) => !seen.body.includes(key)) &&
    valuesOf(seen.headers, 'authorization').join('\n') === scheme + KEYS[token] &&
    JSON.stringify(ownFields(meant)) === JSON.stringify(ownFields(seen)) &&
    seen.trailers.length === 0
  );
}

/** fields that nobody on the way has a reason to touch; those of one name in their order */
function ownFields({ headers }: ReadRequest): [string, string][] {
  return headers
    .filter(([name]) => /^x-(?:tag|[a-e])$/.test(name))
    .toSorted(([a], [b]) => (a < b ? -1 : Number(a > b)));
}

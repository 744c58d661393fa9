// One large body down and one up: the sidecar's memory does not follow their size.
import { once } from 'node:events';
import type { IncomingMessage } from 'node:http';
import type { Writable } from 'node:stream';

import type { SoakResult } from './requests.ts';
import type { Subject } from './subject.ts';

const MEBIBYTE = 1_048_576;
const PIECE = Buffer.alloc(MEBIBYTE, 'seks soak ');
const SAMPLE_MS = 50;
/** what garbage collection leaves lying about for a moment */
const MAX_GROWTH_MIB = 24;

/** sends so many `MiB` down, then up; in the second half of each the memory must be that of the first */
export async function soakTransfer(
  subject: Subject,
  { mebibytes, progress }: { mebibytes: number; progress: (text: string) => void },
): Promise<SoakResult> {
  const beforeMiB = subject.residentMiB();
  const down = await watched(subject, () => download(subject, mebibytes));
  progress(`${mebibytes} MiB down, RSS ${beforeMiB.toFixed(1)} MiB before, ${told(down)}`);
  const up = await watched(subject, () => upload(subject, mebibytes));
  progress(`${mebibytes} MiB up, ${told(up)}`);
  return {
    ok: [down, up].every(({ firstHalfMiB, secondHalfMiB }) => secondHalfMiB - firstHalfMiB < MAX_GROWTH_MIB),
    figures: {
      mebibytes,
      beforeMiB,
      downSeconds: down.seconds,
      downFirstHalfMiB: down.firstHalfMiB,
      downSecondHalfMiB: down.secondHalfMiB,
      upSeconds: up.seconds,
      upFirstHalfMiB: up.firstHalfMiB,
      upSecondHalfMiB: up.secondHalfMiB,
    },
  };
}

interface Peaks {
  seconds: number;
  firstHalfMiB: number;
  secondHalfMiB: number;
}

/** peaks of memory in both halves of the time that something takes */
async function watched(subject: Subject, run: () => Promise<void>): Promise<Peaks> {
  const samples = [subject.residentMiB()];
  const timer = setInterval(() => samples.push(subject.residentMiB()), SAMPLE_MS);
  const startedMs = performance.now();
  try {
    await run();
  } finally {
    clearInterval(timer);
  }
  samples.push(subject.residentMiB());
  const middle = Math.ceil(samples.length / 2);
  return {
    seconds: (performance.now() - startedMs) / 1_000,
    firstHalfMiB: Math.max(...samples.slice(0, middle)),
    secondHalfMiB: Math.max(...samples.slice(middle)),
  };
}

function told({ seconds, firstHalfMiB, secondHalfMiB }: Peaks): string {
  return `${seconds.toFixed(1)} s, at most ${firstHalfMiB.toFixed(1)} MiB in the first half and ${secondHalfMiB.toFixed(1)} in the second`;
}

async function download(subject: Subject, mebibytes: number): Promise<void> {
  subject.upstream.answer((_request, response) => {
    response.setHeader('content-length', mebibytes * MEBIBYTE);
    void fill(response, mebibytes);
  });
  const request = subject.request('GET').end();
  const [answer] = (await once(request, 'response')) as [IncomingMessage];
  expectBytes(await count(answer), mebibytes);
}

async function upload(subject: Subject, mebibytes: number): Promise<void> {
  const arrival = Promise.withResolvers<IncomingMessage>();
  let answer = (): void => undefined;
  subject.upstream.answer((request, response) => {
    answer = () => void response.end('ok');
    arrival.resolve(request);
  });
  const request = subject.request('POST', { 'content-length': String(mebibytes * MEBIBYTE) });
  const answered = once(request, 'response') as Promise<[IncomingMessage]>;
  const [bytes] = await Promise.all([arrival.promise.then(count), fill(request, mebibytes)]);
  expectBytes(bytes, mebibytes);
  answer();
  const [passed] = await answered;
  passed.resume();
}

async function fill(target: Writable, mebibytes: number): Promise<void> {
  for (let sent = 0; sent < mebibytes; sent += 1) if (!target.write(PIECE)) await once(target, 'drain');
  target.end();
}

async function count(source: IncomingMessage): Promise<number> {
  let bytes = 0;
  for await (const chunk of source) bytes += (chunk as Buffer).length;
  return bytes;
}

function expectBytes(bytes: number, mebibytes: number): void {
  if (bytes !== mebibytes * MEBIBYTE) throw new Error(`${bytes} bytes arrived of ${mebibytes} MiB`);
}

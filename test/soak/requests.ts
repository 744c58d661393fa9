// Many requests: memory per request as a line through samples, after a warm-up.
import { once } from 'node:events';
import { Agent, type IncomingMessage } from 'node:http';

import { type Sample, slopeOf } from './slope.ts';
import { sayOk, type Subject } from './subject.ts';

const PARALLEL = 32;
const SAMPLES = 20;
/** the first part fills caches and pools */
const WARM_UP = 0.2;
const BODY = JSON.stringify({ model: 'soak', messages: [{ role: 'user', content: 'x'.repeat(900) }] });
/** a leak of one object per request would be more than 100 bytes */
const MAX_HEAP_BYTES_PER_REQUEST = 20;
const MEBIBYTE = 1_048_576;

export interface SoakResult {
  ok: boolean;
  figures: Record<string, number>;
}

/** sends so many requests */
export async function soakRequests(
  subject: Subject,
  { count, progress }: { count: number; progress: (text: string) => void },
): Promise<SoakResult> {
  const agent = new Agent({ keepAlive: true, maxSockets: PARALLEL });
  const { upstream } = subject;
  upstream.answer((request, response) => {
    // The test's upstream remembers requests.
    upstream.seen.length = 0;
    sayOk(request, response);
  });
  const send = async (): Promise<void> => {
    const request = subject.request('POST', { 'content-type': 'application/json' }, agent).end(BODY);
    const [answer] = (await once(request, 'response')) as [IncomingMessage];
    if (answer.statusCode !== 200) throw new Error(`status ${answer.statusCode}`);
    answer.resume();
    await once(answer, 'end');
  };
  const heap: Sample[] = [];
  const resident: Sample[] = [];
  let sent = 0;
  const sample = async (): Promise<void> => {
    const [heapMiB, residentMiB] = [await subject.heapMiB(), subject.residentMiB()];
    heap.push({ x: sent, y: heapMiB * MEBIBYTE });
    resident.push({ x: sent, y: residentMiB * MEBIBYTE });
    progress(
      `${sent} of ${count} requests, heap ${heapMiB.toFixed(1)} MiB, RSS ${residentMiB.toFixed(1)} MiB`,
    );
  };
  const startedMs = performance.now();
  for (let step = 1; step <= SAMPLES; step += 1) {
    const until = Math.ceil((count * step) / SAMPLES);
    const worker = async (): Promise<void> => {
      while (sent < until) {
        sent += 1;
        await send();
      }
    };
    await Promise.all(Array.from({ length: PARALLEL }, worker));
    await sample();
  }
  agent.destroy();
  const warm = Math.floor(SAMPLES * WARM_UP);
  const heapSlope = slopeOf(heap.slice(warm));
  const residentSlope = slopeOf(resident.slice(warm));
  return {
    ok: heapSlope < MAX_HEAP_BYTES_PER_REQUEST,
    figures: {
      requests: sent,
      seconds: (performance.now() - startedMs) / 1_000,
      heapBytesPerRequest: heapSlope,
      residentBytesPerRequest: residentSlope,
      heapMiB: (heap.at(-1)?.y ?? 0) / MEBIBYTE,
      residentMiB: (resident.at(-1)?.y ?? 0) / MEBIBYTE,
    },
  };
}

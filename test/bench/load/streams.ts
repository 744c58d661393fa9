// Many open streams of events at once: how late events come, how evenly, and what they cost.
import { setTimeout as pause } from 'node:timers/promises';

import type { Figures } from '../figures.ts';
import { cpuTimeMs } from '../process-usage.ts';
import { percentile } from '../statistics.ts';
import type { Target } from '../target.ts';
import { EVENTS_PER_SECOND } from '../upstream/answers.ts';
import { closeAll, openAll } from './closed-loop.ts';
import { nowUs, requestBytes } from './connection.ts';
import { createEventReader } from './event-times.ts';

export interface StreamsOptions {
  body: string;
  count: number;
  /** until events count */
  settleMs: number;
  durationMs: number;
}

const FIRST_EVENTS_TIMEOUT_MS = 15_000;

/** opens the streams, watches them for a while and breaks them off */
export async function watchStreams({ endpoint, pid }: Target, options: StreamsOptions): Promise<Figures> {
  const { body, count, settleMs, durationMs } = options;
  const request = requestBytes(endpoint, body);
  const connections = await openAll(endpoint, count);
  const delays: number[] = [];
  const gaps: number[] = [];
  let counting = false;
  const begun = { count: 0 };
  try {
    const broken = Promise.race(
      connections.map((connection) => {
        let lastUs = 0;
        const read = createEventReader((sentUs) => {
          const atUs = nowUs();
          if (lastUs === 0) begun.count += 1;
          else if (counting) {
            gaps.push((atUs - lastUs) / 1000);
            delays.push(atUs - sentUs);
          }
          lastUs = atUs;
        });
        return connection.exchange(request, read).then(() => {
          throw new Error('a stream ended early');
        });
      }),
    );
    const watch = async (): Promise<Figures> => {
      const deadlineMs = Date.now() + FIRST_EVENTS_TIMEOUT_MS;
      while (begun.count < count) {
        if (Date.now() > deadlineMs) throw new Error(`only ${begun.count} of ${count} streams began`);
        await pause(20);
      }
      await pause(settleMs);
      const cpuBeforeMs = pid === undefined ? 0 : cpuTimeMs(pid);
      const startUs = nowUs();
      counting = true;
      await pause(durationMs);
      counting = false;
      const seconds = (nowUs() - startUs) / 1e6;
      if (delays.length === 0) throw new Error('no event came');
      const share = delays.length / seconds / (count * EVENTS_PER_SECOND);
      return {
        delayP50Us: percentile(delays, 0.5),
        delayP99Us: percentile(delays, 0.99),
        gapP50Ms: percentile(gaps, 0.5),
        gapP99Ms: percentile(gaps, 0.99),
        deliveredPercent: share * 100,
        ...(pid === undefined
          ? {}
          : { cpuUsPerEvent: ((cpuTimeMs(pid) - cpuBeforeMs) * 1000) / delays.length }),
      };
    };
    return await Promise.race([watch(), broken]);
  } finally {
    closeAll(connections);
  }
}

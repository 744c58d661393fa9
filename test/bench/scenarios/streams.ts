// Streams of server-sent events: the first byte of a short one, and many long ones at once.
import { latency } from '../load/closed-loop.ts';
import { watchStreams } from '../load/streams.ts';
import { EVENTS_PER_SECOND, requestBody } from '../upstream/answers.ts';
import type { Scenario } from './scenario.ts';

const COUNTS = [1, 32, 128, 512];
/** in which the peers that cannot verify a private CA take part, too */
const COUNT_IN_BOTH_LANES = 32;
/** opening them takes seconds: each is a TLS handshake or two */
const LONG_COUNT = 512;

const firstByte: Scenario = {
  name: 'first-byte',
  title: 'First byte of a stream',
  about:
    'From sending a request to the first byte of the streamed body, one at a time, on a kept connection where the contender keeps it.',
  lanes: ['tls', 'plain'],
  columns: [
    { key: 'firstByteP50Us', title: 'p50 µs' },
    { key: 'firstByteP99Us', title: 'p99 µs' },
    { key: 'firstByteP50Us', title: 'added p50 µs', added: true },
    { key: 'firstByteP99Us', title: 'added p99 µs', added: true },
  ],
  fits: ({ variant }) => !variant,
  rounds: (pace) => pace.rounds,
  async measure({ endpoint }, pace) {
    const { firstByteP50Us, firstByteP99Us } = await latency(
      endpoint,
      requestBody('shortStream'),
      pace.latencyMs / 2,
    );
    return { firstByteP50Us, firstByteP99Us };
  },
};

function streamsScenario(count: number): Scenario {
  return {
    name: `sse-${count}`,
    title: `${count} ${count === 1 ? 'stream' : 'streams'} of ${EVENTS_PER_SECOND} events a second`,
    about:
      'Delay is from the upstream writing an event to the client reading it; the gap between two events is 20 ms at the ' +
      'upstream. Delivered is the share of events that came in time to be counted.',
    long: count >= LONG_COUNT,
    lanes: count === COUNT_IN_BOTH_LANES ? ['tls', 'plain'] : ['tls'],
    columns: [
      { key: 'delayP50Us', title: 'delay p50 µs' },
      { key: 'delayP99Us', title: 'p99 µs' },
      { key: 'delayP50Us', title: 'added p50 µs', added: true },
      { key: 'delayP99Us', title: 'added p99 µs', added: true },
      { key: 'gapP50Ms', title: 'gap p50 ms', digits: 1 },
      { key: 'gapP99Ms', title: 'gap p99 ms', digits: 1 },
      { key: 'deliveredPercent', title: 'delivered %' },
      // With few events the kernel's clock ticks, of 10 ms, are too coarse.
      ...(count === 1 ? [] : [{ key: 'cpuUsPerEvent', title: 'CPU µs/event' }]),
    ],
    fits: ({ variant }) => !variant || count === COUNT_IN_BOTH_LANES,
    rounds: (pace) => pace.fewRounds,
    measure: (target, pace) =>
      watchStreams(target, {
        body: requestBody('endlessStream'),
        count,
        settleMs: pace.streamsSettleMs,
        durationMs: pace.streamsMs,
      }),
  };
}

export const STREAM_SCENARIOS: readonly Scenario[] = [firstByte, ...COUNTS.map(streamsScenario)];

// All scenarios that measure targets, in the order in which they run: memory first, and once more when everything else has left its traces.
import { JSON_SCENARIOS } from './json.ts';
import { MEMORY, MEMORY_AT_END } from './memory.ts';
import type { Scenario } from './scenario.ts';
import { STREAM_SCENARIOS } from './streams.ts';
import { WEB_SOCKET } from './web-socket.ts';

export const SCENARIOS: readonly Scenario[] = [
  MEMORY,
  ...JSON_SCENARIOS,
  ...STREAM_SCENARIOS,
  WEB_SOCKET,
  MEMORY_AT_END,
];

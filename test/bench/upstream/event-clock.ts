// Sends events to many streams at a fixed rate, spread evenly over time: all at once would be a load that no provider makes.
import type { Socket } from 'node:net';

import { nowUs } from '../load/connection.ts';
import { EVENTS_PER_SECOND, eventChunk } from './answers.ts';

const PERIOD_MS = 1000 / EVENTS_PER_SECOND;
/** a reader that is this far behind gets no more events until it has caught up */
const MAX_UNREAD_BYTES = 262_144;

export interface EventClock {
  /** sends events on the socket until it closes */
  add(socket: Socket): void;
  /** breaks off all streams */
  endAll(): void;
}

/** starts the clock; it keeps the process alive */
export function startEventClock(): EventClock {
  const slots = Array.from({ length: PERIOD_MS }, () => new Set<Socket>());
  let next = 0;
  let tick = Math.floor(nowUs() / 1000);
  setInterval(() => {
    const now = nowUs();
    const current = Math.floor(now / 1000);
    // Timers come late on a busy core; what was missed is sent now, but not more than once.
    tick = Math.max(tick, current - PERIOD_MS);
    while (tick < current) {
      tick += 1;
      const sockets = slots[tick % PERIOD_MS];
      if (sockets === undefined || sockets.size === 0) continue;
      const event = eventChunk(nowUs());
      for (const socket of sockets) {
        if (socket.writableLength < MAX_UNREAD_BYTES) socket.write(event, 'latin1');
      }
    }
  }, 1);
  return {
    add(socket) {
      const slot = slots[next % PERIOD_MS];
      next += 7; // coprime with the number of slots, so that neighbours are far apart
      slot?.add(socket);
      socket.once('close', () => slot?.delete(socket));
    },
    endAll() {
      for (const sockets of slots) for (const socket of sockets) socket.destroy();
    },
  };
}

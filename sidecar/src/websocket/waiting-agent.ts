// The agent's connection between its upgrade request and our answer, while the provider is being connected to.
import type { Duplex } from 'node:stream';

/** RFC 6455 §4.1: a client sends nothing before the answer. Some bytes are kept all the same; more is an attack on memory */
const MAX_EARLY_BYTES = 65_536;

/** a connection that is being watched */
export interface WaitingAgent {
  /** stops watching; the socket is paused. Returns what the agent has sent already */
  release(): Buffer;
}

/**
 * watches the agent's connection
 *
 * Node tells that a peer has gone only while somebody reads, so what comes early is read and kept.
 *
 * @param gone called once when the agent has left, or sent too much; the socket is destroyed then
 */
export function watchAgent(socket: Duplex, head: Buffer, gone: () => void): WaitingAgent {
  const early = head.length === 0 ? [] : [head];
  let earlyBytes = head.length;
  let watching = true;
  const leave = (): void => {
    if (!watching) return;
    stop();
    socket.destroy();
    gone();
  };
  const keep = (chunk: Buffer): void => {
    early.push(chunk);
    earlyBytes += chunk.length;
    if (earlyBytes > MAX_EARLY_BYTES) leave();
  };
  const stop = (): void => {
    watching = false;
    socket.off('data', keep);
    socket.off('end', leave);
    socket.off('close', leave);
  };
  socket.on('data', keep);
  socket.on('end', leave);
  socket.on('close', leave);
  // Stays for the life of the socket: nobody else may be listening when it breaks, and that would end the process.
  socket.on('error', leave);
  // Gone while it was being admitted: there will be no event any more. Not at once, the caller is still being set up.
  if (socket.destroyed) queueMicrotask(leave);
  return {
    release() {
      stop();
      socket.pause();
      return Buffer.concat(early);
    },
  };
}

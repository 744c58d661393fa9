// Tells from its first bytes which protocol a connection speaks. It costs each connection one read, and its requests nothing:
// the bytes are put back, and Node's parser then reads from the socket's handle as if nobody had looked.
import type { Socket } from 'node:net';

import type { Scheduler } from '../lease/scheduler.ts';

/** what a connection speaks */
export type Protocol = 'tls' | 'http2' | 'http1';

export interface SniffOptions {
  scheduler: Pick<Scheduler, 'after'>;
  /** how long a connection may say nothing that decides, in `ms` */
  timeoutMs: number;
  /** takes over the socket; what was read stands in its buffer again */
  decided: (socket: Socket, protocol: Protocol) => void;
}

const TLS_HANDSHAKE = 0x16;
/** RFC 9113 §3.4: no method of HTTP/1.1 is PRI, and the fourth byte tells it from a longer word */
const HTTP2_PREFACE = Buffer.from('PRI ', 'latin1');

/** the protocol that these first bytes belong to; undefined if more of them are needed */
export function protocolOf(bytes: Buffer): Protocol | undefined {
  if (bytes.length === 0) return undefined;
  if (bytes[0] === TLS_HANDSHAKE) return 'tls';
  const length = Math.min(bytes.length, HTTP2_PREFACE.length);
  if (bytes.compare(HTTP2_PREFACE, 0, length, 0, length) !== 0) return 'http1';
  return length === HTTP2_PREFACE.length ? 'http2' : undefined;
}

/** waits for the first bytes; a connection that ends or stays silent is closed */
export function sniff(socket: Socket, { scheduler, timeoutMs, decided }: SniffOptions): void {
  let seen: Buffer | undefined;
  const calledOff = scheduler.after(timeoutMs, () => socket.destroy());
  const onEnd = (): void => {
    socket.destroy();
  };
  const onReadable = (): void => {
    const chunk = socket.read() as Buffer | null;
    if (chunk === null) return;
    // At most three bytes are kept: the fourth decides.
    seen = seen === undefined ? chunk : Buffer.concat([seen, chunk]);
    const protocol = protocolOf(seen);
    if (protocol === undefined) return;
    calledOff();
    socket.removeListener('readable', onReadable);
    socket.removeListener('end', onEnd);
    socket.removeListener('close', calledOff);
    socket.unshift(seen);
    decided(socket, protocol);
  };
  socket.on('readable', onReadable);
  socket.on('end', onEnd);
  socket.on('close', calledOff);
}

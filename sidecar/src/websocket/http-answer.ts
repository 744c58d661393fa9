// An ordinary HTTP answer on a connection whose upgrade is not granted; the connection ends with it.
import type { Duplex } from 'node:stream';

export interface HttpAnswer {
  status: number;
  statusText: string;
  /** names and values in turn; framing and hop-by-hop headers are replaced by our own */
  rawHeaders: readonly string[];
  body: Buffer;
}

const REPLACED = new Set([
  'connection',
  'content-length',
  'keep-alive',
  'trailer',
  'transfer-encoding',
  'upgrade',
]);
const TOKEN = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/;
// A line break would let the value write headers of its own (response splitting).
const UNPRINTABLE = /[^\t\x20-\x7e\x80-\xff]/;

/** writes the answer and ends the connection; does nothing if it has ended already */
export function writeHttpAnswer(socket: Duplex, answer: HttpAnswer): void {
  if (socket.destroyed || socket.writableEnded) return;
  // The agent may break off while it is being answered.
  socket.on('error', () => socket.destroy());
  // Closing with unread bytes resets the connection, and the answer with it (RFC 9112 §9.6).
  socket.resume();
  socket.once('finish', () => socket.destroy());
  socket.end(Buffer.concat([Buffer.from(head(answer), 'latin1'), answer.body]));
}

function head({ status, statusText, rawHeaders, body }: HttpAnswer): string {
  let text = `HTTP/1.1 ${status} ${UNPRINTABLE.test(statusText) ? '' : statusText}\r\n`;
  for (let i = 0; i < rawHeaders.length; i += 2) {
    const name = rawHeaders[i] ?? '';
    const value = rawHeaders[i + 1] ?? '';
    if (REPLACED.has(name.toLowerCase()) || !TOKEN.test(name) || UNPRINTABLE.test(value)) continue;
    text += `${name}: ${value}\r\n`;
  }
  return `${text}content-length: ${body.length}\r\nconnection: close\r\n\r\n`;
}

// Which close code goes to which side (RFC 6455 §7.4).
import type { SeksError } from '@seks/crds';

import { ConnectionRefusal } from './message.ts';

export const CLOSE_GOING_AWAY = 1001;
export const CLOSE_PROTOCOL_ERROR = 1002;
/** never in a frame: the peer closed without a code */
export const CLOSE_WITHOUT_CODE = 1005;
/** never in a frame: the connection broke */
export const CLOSE_BROKEN = 1006;
export const CLOSE_INVALID_TEXT = 1007;
export const CLOSE_POLICY = 1008;
export const CLOSE_TOO_BIG = 1009;
export const CLOSE_SERVER_ERROR = 1011;

/** RFC 6455 §5.5: a control frame carries 125 bytes, two of which are the code */
const MAX_REASON_BYTES = 123;

/** the parts of a WebSocket that closing needs */
export interface Closable {
  close(code?: number, reason?: Buffer): void;
  terminate(): void;
}

/** closes one side as the other side was closed: an end that was not clean must not look clean */
export function closeAlike(side: Closable, code: number, reason: Buffer): void {
  if (code === CLOSE_WITHOUT_CODE) side.close();
  else if (maySend(code)) side.close(code, cutToCharacter(reason));
  else side.terminate();
}

/** whether a close frame may carry the code: RFC 6455 §7.4.2 reserves the others */
export function maySend(code: number): boolean {
  if (code >= 3000 && code <= 4999) return true;
  return code >= 1000 && code <= 1014 && (code < 1004 || code > 1006);
}

/** close code and reason by which the agent learns of an error of ours */
export function closeOf(error: SeksError): { code: number; reason: Buffer } {
  const reason = cutToCharacter(Buffer.from(`${error.code}: ${error.message}`));
  if (error instanceof ConnectionRefusal) return { code: error.closeCode, reason };
  const { area } = error.spec;
  const ours = area === 'upstream' || area === 'internal';
  return { code: ours ? CLOSE_SERVER_ERROR : CLOSE_POLICY, reason };
}

/** the code that `ws` closes a side with that broke the protocol; `errorCode` is the `code` of its error */
export function codeOfViolation(errorCode: string): number {
  if (errorCode === 'WS_ERR_INVALID_UTF8') return CLOSE_INVALID_TEXT;
  if (errorCode === 'WS_ERR_UNSUPPORTED_MESSAGE_LENGTH') return CLOSE_TOO_BIG;
  if (errorCode === 'WS_ERR_UNSUPPORTED_DATA_PAYLOAD_LENGTH') return CLOSE_TOO_BIG;
  if (errorCode === 'WS_ERR_TOO_MANY_BUFFERED_PARTS') return CLOSE_POLICY;
  return CLOSE_PROTOCOL_ERROR;
}

// RFC 6455 §5.5.1: the reason is UTF-8, so it is not cut inside a character.
function cutToCharacter(reason: Buffer): Buffer {
  if (reason.length <= MAX_REASON_BYTES) return reason;
  let end = MAX_REASON_BYTES;
  while (end > 0 && ((reason[end] ?? 0) & 0xc0) === 0x80) end -= 1;
  return reason.subarray(0, end);
}

// The ordinary HTTP answer by which a provider refuses an upgrade, e.g. 401 or 429.
import type { IncomingMessage } from 'node:http';

/** what the provider answered instead of 101 */
export interface RefusedUpgrade {
  status: number;
  statusText: string;
  /** names and values in turn, as received */
  rawHeaders: string[];
  /** the beginning of the body, at most `maxBodyBytes` of it */
  body: Buffer;
  /** whether the body was longer */
  truncated: boolean;
}

/** reads the answer; calls back once, without an answer but with the error if it broke off */
export function readRefusedUpgrade(
  response: IncomingMessage,
  maxBodyBytes: number,
  done: (answer: RefusedUpgrade | undefined, cause?: unknown) => void,
): void {
  const chunks: Buffer[] = [];
  let bodyBytes = 0;
  let finished = false;
  const finish = (result: RefusedUpgrade | undefined, cause?: unknown): void => {
    if (finished) return;
    finished = true;
    done(result, cause);
  };
  const answer = (truncated: boolean): RefusedUpgrade => ({
    status: response.statusCode ?? 0,
    statusText: response.statusMessage ?? '',
    rawHeaders: response.rawHeaders,
    body: Buffer.concat(chunks),
    truncated,
  });
  response.on('data', (chunk: Buffer) => {
    const room = maxBodyBytes - bodyBytes;
    chunks.push(chunk.length > room ? chunk.subarray(0, room) : chunk);
    bodyBytes += Math.min(chunk.length, room);
    if (chunk.length <= room) return;
    finish(answer(true));
    response.destroy();
  });
  response.on('end', () => finish(answer(false)));
  response.on('error', (cause) => finish(undefined, cause));
  response.on('close', () => finish(undefined));
}

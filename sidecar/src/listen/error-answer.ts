// The answers that the sidecar gives itself.
import { STATUS_CODES, type ServerResponse } from 'node:http';

import type { SeksError } from '@seks/crds';

const RETRY_AFTER_MS = 2_000;
const LONGEST_WAIT_MS = 60_000;

/** headers and body of an error answer; SDKs read `x-should-retry` and, in the body, `error.message` */
export function errorAnswer(
  error: SeksError,
  requestId: string,
): { headers: Record<string, string>; body: string } {
  const body = `${JSON.stringify(error.toBody())}\n`;
  const headers: Record<string, string> = {
    'content-type': 'application/json',
    'content-length': String(Buffer.byteLength(body)),
    'cache-control': 'no-store',
    'x-content-type-options': 'nosniff',
    'x-seks-error': error.code,
    'x-seks-request-id': requestId,
  };
  if (error.spec.retry) {
    // RFC 9110 §10.2.3: whole seconds; rounded down, the client would come too early.
    headers['retry-after'] = String(Math.ceil((error.retryAfterMs ?? RETRY_AFTER_MS) / 1_000));
  }
  if (!error.spec.retry || isUsedUp(error)) headers['x-should-retry'] = 'false';
  // RFC 9110 §15.5.6: a 405 says which methods there are.
  if (error.spec.status === 405) headers['allow'] = 'GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS';
  return { headers, body };
}

/** SDKs would wait and try again for what comes back tomorrow */
function isUsedUp({ retryAfterMs = 0 }: SeksError): boolean {
  return retryAfterMs > LONGEST_WAIT_MS;
}

/** answers with an error, or breaks the connection off if an answer has begun: a clean end would be a lie */
export function answerError(response: ServerResponse, error: SeksError, requestId: string): void {
  if (response.headersSent) {
    response.destroy();
    return;
  }
  const { headers, body } = errorAnswer(error, requestId);
  const { status } = error.spec;
  // By name, because an answer that could not be written may have left its own.
  response.writeHead(status, STATUS_CODES[status] ?? '', headers);
  response.end(response.req.method === 'HEAD' ? undefined : body);
}

/** the same as bytes, for a connection whose request could not be parsed; the connection ends with it */
export function rawErrorAnswer(error: SeksError, requestId: string): string {
  const { headers, body } = errorAnswer(error, requestId);
  const { status } = error.spec;
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`);
  return `HTTP/1.1 ${status} ${STATUS_CODES[status] ?? ''}\r\n${lines.join('')}connection: close\r\n\r\n${body}`;
}

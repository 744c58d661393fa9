// Passes the provider's answer on to the agent, scrubbed, with back-pressure and without buffering.
import type { IncomingMessage, ServerResponse } from 'node:http';

import { SeksError } from '@seks/crds';

import { scrubFields } from '../scrub/scrub-fields.ts';
import { StreamScrubber } from '../scrub/stream-scrubber.ts';
import { passableHeaders } from './answer-headers.ts';

/** who watches an answer pass */
export interface AnswerWatch {
  /** byte strings to write over */
  needles: readonly Buffer[];
  /** the provider's own bytes, in order */
  bodyChunk?: ((chunk: Buffer) => void) | undefined;
  /** the key was in the answer this many more times */
  leaked(hits: number): void;
}

/**
 * relays an answer; the connections are torn down by whoever made them when either side breaks off
 *
 * @throws SeksError SEKS_UPSTREAM_ENCODING before anything is sent, if the body could not be scrubbed
 */
export function relayAnswer(answer: IncomingMessage, response: ServerResponse, watch: AnswerWatch): void {
  const hasBody = mayHaveBody(response.req.method, answer.statusCode ?? 0);
  if (hasBody) checkEncoding(answer);
  writeHead(answer, response, watch);
  const scrubber = new StreamScrubber(watch.needles);
  // Headers wait for the first body bytes, to go out in one packet; but a stream may be silent at first.
  let started = false;
  if (answer.headers['content-length'] === undefined) setImmediate(() => started || flushHeaders(response));

  answer.on('data', (chunk: Buffer) => {
    started = true;
    watch.bodyChunk?.(chunk);
    const hitsBefore = scrubber.hits;
    const clean = scrubber.push(chunk);
    if (scrubber.hits > hitsBefore) watch.leaked(scrubber.hits - hitsBefore);
    if (clean.length === 0 || response.write(clean)) return;
    answer.pause();
    response.once('drain', () => answer.resume());
  });
  answer.on('end', () => {
    // RFC 9112 §8: a body that ended early is not complete, whatever Node calls it; the forwarder destroys both ends.
    if (!answer.complete) return;
    const rest = scrubber.end();
    if (answer.rawTrailers.length > 0 && response.chunkedEncoding) addTrailers(answer, response, watch);
    if (rest.length > 0) response.end(rest);
    else response.end();
  });
}

function mayHaveBody(method: string | undefined, status: number): boolean {
  return method !== 'HEAD' && status !== 204 && status !== 304;
}

// We ask for identity; what comes compressed all the same cannot be scrubbed as it passes.
function checkEncoding(answer: IncomingMessage): void {
  const content = answer.headers['content-encoding'];
  const transfer = answer.headers['transfer-encoding'];
  if (content !== undefined && content !== '' && content.toLowerCase() !== 'identity') {
    throw new SeksError('SEKS_UPSTREAM_ENCODING');
  }
  if (transfer !== undefined && transfer.toLowerCase() !== 'chunked')
    throw new SeksError('SEKS_UPSTREAM_ENCODING');
}

function writeHead(answer: IncomingMessage, response: ServerResponse, watch: AnswerWatch): void {
  const { fields, hits } = scrubFields(
    [answer.statusMessage ?? '', ...passableHeaders(answer.rawHeaders)],
    watch.needles,
  );
  if (hits > 0) watch.leaked(hits);
  const [statusText, ...headers] = fields;
  response.writeHead(answer.statusCode ?? 502, statusText, headers);
}

function flushHeaders(response: ServerResponse): void {
  if (!response.destroyed && !response.writableEnded) response.flushHeaders();
}

function addTrailers(answer: IncomingMessage, response: ServerResponse, watch: AnswerWatch): void {
  const { fields, hits } = scrubFields(passableHeaders(answer.rawTrailers), watch.needles);
  if (hits > 0) watch.leaked(hits);
  const trailers: [string, string][] = [];
  for (let i = 0; i < fields.length; i += 2) trailers.push([fields[i] ?? '', fields[i + 1] ?? '']);
  response.addTrailers(trailers);
}

// Passes the provider's answer on to the agent, scrubbed, with back-pressure and without buffering.
import type { IncomingMessage, ServerResponse } from 'node:http';

import { SeksError } from '@seks/crds';

import type { Needles } from '../scrub/needles.ts';
import { scrubFields } from '../scrub/scrub-fields.ts';
import { StreamScrubber } from '../scrub/stream-scrubber.ts';
import { type AnswerHead, passableHeaders } from './answer-head.ts';

/** who watches an answer pass */
export interface AnswerWatch {
  /** byte strings to write over */
  needles: Needles;
  /** the provider's own bytes, in order */
  bodyChunk: ((chunk: Buffer) => void) | undefined;
  /** the key was in the answer this many more times */
  leaked(hits: number): void;
}

/**
 * relays an answer; the connections are torn down by whoever made them when either side breaks off
 *
 * @throws SeksError SEKS_UPSTREAM_ENCODING before anything is sent, if the body could not be scrubbed
 */
export function relayAnswer(
  answer: IncomingMessage,
  head: AnswerHead,
  response: ServerResponse,
  watch: AnswerWatch,
): void {
  // We ask for identity; what comes compressed all the same cannot be scrubbed as it passes.
  if (head.coding !== '' && mayHaveBody(response.req.method, head.status))
    throw new SeksError('SEKS_UPSTREAM_ENCODING');
  const [statusText, ...headers] = scrub([head.statusText, ...head.headers], watch);
  response.writeHead(head.status, statusText, headers);
  const scrubber = new StreamScrubber(watch.needles);
  let started = false;
  // Headers wait for the first body bytes, to go out in one packet; but a stream may be silent at first.
  if (!head.hasLength) setImmediate(() => started || flushHeaders(response));

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

function scrub(fields: string[], watch: AnswerWatch): string[] {
  const scrubbed = scrubFields(fields, watch.needles);
  if (scrubbed.hits > 0) watch.leaked(scrubbed.hits);
  return scrubbed.fields;
}

function flushHeaders(response: ServerResponse): void {
  if (!response.destroyed && !response.writableEnded) response.flushHeaders();
}

function addTrailers(answer: IncomingMessage, response: ServerResponse, watch: AnswerWatch): void {
  const fields = scrub(passableHeaders(answer.rawTrailers), watch);
  const trailers: [string, string][] = [];
  for (let i = 0; i < fields.length; i += 2) trailers.push([fields[i] ?? '', fields[i + 1] ?? '']);
  response.addTrailers(trailers);
}

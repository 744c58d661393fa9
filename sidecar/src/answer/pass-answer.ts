// Passes the provider's answer on to the agent, scrubbed, with back-pressure; without buffering, unless the plan says otherwise.
import type { ServerResponse } from 'node:http';

import { SeksError, toSeksError } from '@seks/crds';

import type { ByteBudget } from '../body/byte-budget.ts';
import { type AnswerHead, passableHeaders } from '../forward/answer-head.ts';
import type { UpstreamAnswer } from '../forward/forwarder.ts';
import type { Needles } from '../scrub/needles.ts';
import { scrubFields } from '../scrub/scrub-fields.ts';
import { scrubBytes, StreamScrubber } from '../scrub/stream-scrubber.ts';
import type { AnswerPlan, BodyStage } from './answer-plan.ts';

/** who watches an answer pass */
export interface AnswerWatch {
  /** byte strings to write over */
  needles: Needles;
  /** what answers that are read whole take their memory from */
  collected: ByteBudget;
  /** the provider's own bytes, in order */
  bodyChunk: ((chunk: Buffer) => void) | undefined;
  /** the key was in the answer this many more times */
  leaked(hits: number): void;
  /** the answer cannot be passed on */
  failed(error: SeksError): void;
}

/** relays an answer; the connections are torn down by whoever made them when either side breaks off */
export function passAnswer(
  answer: UpstreamAnswer,
  head: AnswerHead,
  plan: AnswerPlan,
  response: ServerResponse,
  watch: AnswerWatch,
): void {
  if (plan.kind === 'collect') collect(answer, head, plan, response, watch);
  else stream(answer, head, plan.stage, response, watch);
}

function stream(
  answer: UpstreamAnswer,
  head: AnswerHead,
  stage: BodyStage | undefined,
  response: ServerResponse,
  watch: AnswerWatch,
): void {
  writeHead(response, head, stage === undefined ? head.headers : withoutLength(head.headers), watch);
  const scrubber = new StreamScrubber(watch.needles);
  let started = false;
  // Headers wait for the first body bytes, to go out in one packet; but a stream may be silent at first.
  if (!head.hasLength || stage !== undefined) setImmediate(() => started || flushHeaders(response));
  answer.on('data', (chunk: Buffer) => {
    started = true;
    watch.bodyChunk?.(chunk);
    const hitsBefore = scrubber.hits;
    const clean = scrubber.push(stage === undefined ? chunk : stage.push(chunk));
    if (scrubber.hits > hitsBefore) watch.leaked(scrubber.hits - hitsBefore);
    if (clean.length === 0 || response.write(clean)) return;
    answer.pause();
    response.once('drain', () => answer.resume());
  });
  atEnd(answer, response, watch, () => {
    const last = stage?.end();
    const rest = last === undefined ? scrubber.end() : Buffer.concat([scrubber.push(last), scrubber.end()]);
    if (answer.rawTrailers.length > 0 && response.chunkedEncoding) addTrailers(answer, response, watch);
    if (rest.length > 0) response.end(rest);
    else response.end();
  });
}

function collect(
  answer: UpstreamAnswer,
  head: AnswerHead,
  plan: AnswerPlan & { kind: 'collect' },
  response: ServerResponse,
  watch: AnswerWatch,
): void {
  const chunks: Buffer[] = [];
  let bytes = 0;
  // Until it is sent, not only until it is whole: the agent may ask for many and read none.
  response.once('close', () => watch.collected.give(bytes));
  answer.on('data', (chunk: Buffer) => {
    if (response.destroyed) return;
    watch.bodyChunk?.(chunk);
    const fits = bytes + chunk.length <= plan.maxBytes;
    if (fits && watch.collected.take(chunk.length)) {
      bytes += chunk.length;
      chunks.push(chunk);
      return;
    }
    answer.destroy();
    watch.failed(new SeksError(fits ? 'SEKS_UPSTREAM_ANSWER_POOL_FULL' : 'SEKS_UPSTREAM_ANSWER_TOO_LARGE'));
  });
  atEnd(answer, response, watch, () => {
    const scrubbed = scrubBytes(Buffer.concat(chunks), watch.needles);
    const { clean, hits } = plan.change(scrubbed.clean);
    if (scrubbed.hits + hits > 0) watch.leaked(scrubbed.hits + hits);
    // Trailers have nowhere to stand behind a body of known length.
    writeHead(
      response,
      head,
      [...withoutLength(head.headers), 'content-length', String(clean.length)],
      watch,
    );
    response.end(clean);
  });
}

/** @param step may throw; as a listener's error that would end the process */
function atEnd(answer: UpstreamAnswer, response: ServerResponse, watch: AnswerWatch, step: () => void): void {
  answer.on('end', () => {
    // RFC 9112 §8: a body that ended early is not complete, whatever Node calls it; the forwarder destroys both ends.
    if (!answer.complete) return;
    // The rest of the request was bad, and that was answered while the agent did not read.
    if (response.writableEnded || response.destroyed) return;
    try {
      step();
    } catch (cause) {
      watch.failed(toSeksError(cause));
    }
  });
}

function writeHead(response: ServerResponse, head: AnswerHead, headers: string[], watch: AnswerWatch): void {
  const [statusText, ...scrubbed] = scrub([head.statusText, ...headers], watch);
  response.writeHead(head.status, statusText, scrubbed);
}

/** the headers without those that a changed body makes wrong (RFC 9110 §8.6, RFC 9530) */
function withoutLength(headers: readonly string[]): string[] {
  const kept: string[] = [];
  for (let i = 0; i < headers.length; i += 2) {
    const name = headers[i] ?? '';
    if (!OF_THE_BODY.has(name.toLowerCase())) kept.push(name, headers[i + 1] ?? '');
  }
  return kept;
}

const OF_THE_BODY = new Set([
  'content-length',
  'content-encoding',
  'content-md5',
  'content-digest',
  'repr-digest',
  'digest',
]);

/** a decoded answer has another length, and no coding */
export function asDecoded(head: AnswerHead): AnswerHead {
  return { ...head, headers: withoutLength(head.headers), hasLength: false, coding: '' };
}

function scrub(fields: string[], watch: AnswerWatch): string[] {
  const scrubbed = scrubFields(fields, watch.needles);
  if (scrubbed.hits > 0) watch.leaked(scrubbed.hits);
  return scrubbed.fields;
}

function flushHeaders(response: ServerResponse): void {
  if (!response.destroyed && !response.writableEnded) response.flushHeaders();
}

function addTrailers(answer: UpstreamAnswer, response: ServerResponse, watch: AnswerWatch): void {
  const fields = scrub(passableHeaders(answer.rawTrailers), watch);
  const trailers: [string, string][] = [];
  for (let i = 0; i < fields.length; i += 2) trailers.push([fields[i] ?? '', fields[i + 1] ?? '']);
  response.addTrailers(trailers);
}

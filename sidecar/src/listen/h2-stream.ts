// One HTTP/2 stream, relayed as one HTTP/1.1 request on a connection in memory that lives exactly as long as the stream.
import { request as httpRequest, type ClientRequest, type IncomingMessage } from 'node:http';
import { constants, type ServerHttp2Stream } from 'node:http2';
import { type Duplex, duplexPair } from 'node:stream';

import { SeksError } from '@seks/crds';

import type { Scheduler } from '../lease/scheduler.ts';
import { errorAnswer } from './error-answer.ts';
import { type InnerHead, streamFields } from './h2-head.ts';

const { NGHTTP2_CANCEL, NGHTTP2_INTERNAL_ERROR, NGHTTP2_NO_ERROR } = constants;

export interface InnerConnection {
  client: Duplex;
  server: Duplex;
}

export interface UploadLimits {
  scheduler: Pick<Scheduler, 'after'>;
  /** silence in the middle of a body */
  bodyIdleTimeoutMs: number;
}

/** two ends of a connection in memory: when one closes, the other is broken off at once, whatever it has not read */
export function innerConnection(): InnerConnection {
  const [client, server] = duplexPair();
  client.once('close', () => server.destroy());
  // Both ends have read everything before an orderly close, so only a cut finds the client unfinished.
  server.once('close', () => client.destroy());
  // A broken pair is told by 'close'; without a listener it would end the process.
  client.on('error', () => undefined);
  server.on('error', () => undefined);
  return { client, server };
}

/**
 * relays the stream as a request on the connection
 *
 * @throws SeksError SEKS_REQUEST_MALFORMED if the head cannot be written as HTTP/1.1; nothing is sent then
 */
export function relayStream(
  stream: ServerHttp2Stream,
  head: InnerHead,
  { client, server }: InnerConnection,
  limits: UploadLimits,
): void {
  const request = send(head, client);
  let answered = false;
  // The HTTP/1.1 server decides whether the agent is to blame, as when a socket times out.
  const upload = watchUpload(stream, limits, () => void server.emit('timeout'));
  request.on('continue', () => {
    if (isOpen(stream)) stream.additionalHeaders({ ':status': 100 });
  });
  request.on('response', (answer) => {
    answered = true;
    upload.active();
    relayAnswer(stream, request, answer, upload);
  });
  // After the answer's head, the answer itself tells of the break.
  request.on('error', () => {
    if (!answered) reset(stream);
  });
  stream.on('close', () => request.destroy());
  // Otherwise the head would wait for the first bytes of the body, and nobody would be there to refuse one that never begins.
  if (!stream.endAfterHeaders) request.flushHeaders();
  stream.pipe(request);
}

/** what is known of a request that may still be coming */
interface Upload {
  /** part of its answer went */
  active(): void;
  /** the whole answer went */
  answered(): void;
}

/**
 * watches a stream until its request has come to the end: nothing else would time out one that stops
 *
 * @param silent called after each time of silence, as long as there is no answer
 */
function watchUpload(stream: ServerHttp2Stream, limits: UploadLimits, silent: () => void): Upload {
  let isAnswered = false;
  let isSilent = false;
  let isOver = false;
  let calledOff = (): void => undefined;
  const wait = (): void => {
    calledOff();
    if (!isOver) calledOff = limits.scheduler.after(limits.bodyIdleTimeoutMs, onSilence);
  };
  const onSilence = (): void => {
    isSilent = true;
    if (isAnswered) giveUp();
    else silent();
    wait();
  };
  // RFC 9113 §8.1: after a whole answer, the client is told that the rest of its request is not wanted.
  const giveUp = (): void => {
    if (isOpen(stream)) stream.close(NGHTTP2_NO_ERROR);
  };
  const end = (): void => {
    isOver = true;
    calledOff();
  };
  const received = (): void => {
    isSilent = false;
    wait();
  };
  stream.on('data', received).once('end', end).once('close', end);
  wait();
  return {
    active: wait,
    answered() {
      isAnswered = true;
      if (isSilent && !isOver) giveUp();
    },
  };
}

function send(head: InnerHead, client: Duplex): ClientRequest {
  try {
    return httpRequest({ ...head, createConnection: () => client, setHost: false });
  } catch {
    client.destroy();
    throw new SeksError(
      'SEKS_REQUEST_MALFORMED',
      'The method, path or a header has characters that do not belong there.',
    );
  }
}

function relayAnswer(
  stream: ServerHttp2Stream,
  request: ClientRequest,
  answer: IncomingMessage,
  upload: Upload,
): void {
  if (!isOpen(stream)) return;
  try {
    stream.respond(
      { ':status': answer.statusCode ?? 502, ...streamFields(answer.rawHeaders) },
      { waitForTrailers: true },
    );
  } catch {
    // A header that HTTP/2 allows once came twice: better no answer than half of it.
    reset(stream);
    return;
  }
  // An answer without a body has ended with its head.
  if (stream.writableEnded) upload.answered();
  stream.on('wantTrailers', () => {
    try {
      // Also without any: it is END_STREAM that tells a whole answer from a cut one.
      stream.sendTrailers(streamFields(answer.rawTrailers));
      // Node sends them in such a turn, too.
      setImmediate(() => upload.answered());
    } catch {
      // As above; and the provider writes them, so they must not end the process.
      reset(stream);
    }
  });
  answer.on('error', () => reset(stream));
  answer.on('end', () => {
    if (!answer.complete) {
      reset(stream);
      return;
    }
    // An answer may come before the whole request: the rest of it is read and dropped.
    stream.unpipe(request);
    stream.resume();
    stream.end();
  });
  answer.on('data', () => upload.active());
  answer.pipe(stream, { end: false });
}

function isOpen(stream: ServerHttp2Stream): boolean {
  return !stream.closed && !stream.destroyed;
}

/** breaks the stream off: a clean end would be a lie */
function reset(stream: ServerHttp2Stream): void {
  if (isOpen(stream)) stream.close(stream.aborted ? NGHTTP2_CANCEL : NGHTTP2_INTERNAL_ERROR);
}

/** answers a stream with an error of the sidecar itself */
export function answerStreamError(
  stream: ServerHttp2Stream,
  error: SeksError,
  requestId: string,
  limits: UploadLimits,
): void {
  if (!isOpen(stream)) return;
  const { headers, body } = errorAnswer(error, requestId);
  stream.respond({ ':status': error.spec.status, ...headers });
  // The rest of the request, if it has one, is read and dropped.
  watchUpload(stream, limits, () => undefined).answered();
  stream.resume();
  // An answer to HEAD has ended with its head.
  if (!stream.writableEnded) stream.end(body);
}

// The key service as the sidecar sees it: asks for leases and listens for revocations. TLS is checked with the installation's
// own CA, whose bundle each lease brings up to date.
import type { IncomingMessage } from 'node:http';
import { type Agent, request as httpsRequest, type RequestOptions } from 'node:https';
import { text } from 'node:stream/consumers';

import {
  ERROR_CODES,
  errorAnswer,
  type ErrorCode,
  type LeaseAnswer,
  leaseAnswer,
  type LeaseRequest,
  type RevokedEvent,
  revokedEvent,
  type Secret,
  SeksError,
} from '@seks/crds';
import { createParser } from 'eventsource-parser';

import { networkDetail } from '../forward/upstream-error.ts';
import { refusal } from './open-lease.ts';

const ANSWER_TIMEOUT_MS = 10_000;
const MAX_ANSWER_BYTES = 4 * 1024 * 1024;
const MAX_EVENT_CHARACTERS = 64 * 1024;

/** what the event stream brings */
export interface LeaseEvents {
  /** the stream is open */
  opened(): void;
  /** something came, if only a heartbeat */
  alive(): void;
  changed(): void;
  revoked(event: RevokedEvent): void;
}

/** client of the key service */
export interface KeyService {
  lease(request: LeaseRequest, token: Secret<'pod-token'>, signal: AbortSignal): Promise<LeaseAnswer>;
  /** resolves when the stream has ended after it had been open; `signal` has to end it when it is silent */
  listen(
    leaseId: string,
    token: Secret<'pod-token'>,
    events: LeaseEvents,
    signal: AbortSignal,
  ): Promise<void>;
}

export interface KeyServiceOptions {
  /** e.g. `https://seks-keyservice.seks.svc.cluster.local:8443` */
  url: string;
  caBundle: string;
  /** an agent that connects to the key service alone, and trusts the given PEM certificates alone */
  agentFor: (caBundle: string) => Agent;
}

/** a client of the key service at `url` */
export function createKeyService(options: KeyServiceOptions): KeyService {
  const base = new URL(options.url);
  if (base.protocol !== 'https:')
    throw new SeksError('SEKS_CONFIG_INVALID', 'The key service URL is not https.');
  let trusted = { caBundle: options.caBundle, agent: options.agentFor(options.caBundle) };
  const call = (
    request: Pick<RequestOptions, 'method' | 'path' | 'signal'>,
    headers: Readonly<Record<string, string | number>>,
    token: Secret<'pod-token'>,
    body?: string,
  ): Promise<IncomingMessage> => {
    const authorization = token.reveal((bytes) => `Bearer ${bytes.toString('latin1')}`);
    const { hostname, port } = base;
    const { agent } = trusted;
    return send({ ...request, hostname, port, headers: { ...headers, authorization }, agent }, body);
  };
  return {
    async lease(request, token, signal) {
      const body = JSON.stringify(request);
      const headers = { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) };
      const deadline = AbortSignal.any([signal, AbortSignal.timeout(ANSWER_TIMEOUT_MS)]);
      const answer = await call(
        { method: 'POST', path: '/v1/leases', signal: deadline },
        headers,
        token,
        body,
      );
      const lease = readLease(answer.statusCode ?? 0, await readText(answer));
      if (lease.caBundle !== trusted.caBundle) {
        trusted = { caBundle: lease.caBundle, agent: options.agentFor(lease.caBundle) };
      }
      return lease;
    },
    async listen(leaseId, token, events, signal) {
      const path = `/v1/leases/${encodeURIComponent(leaseId)}/events`;
      const answer = await call({ method: 'GET', path, signal }, { accept: 'text/event-stream' }, token);
      if (answer.statusCode !== 200) throw readError(answer.statusCode ?? 0, await readText(answer));
      events.opened();
      await readEvents(answer, events);
    },
  };
}

function send(options: RequestOptions, body: string | undefined): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    const fail = (cause: unknown): void => reject(unreachable(networkDetail(cause), cause));
    const request = httpsRequest(options, resolve);
    request.on('error', fail);
    request.end(body);
  });
}

async function readText(answer: IncomingMessage): Promise<string> {
  let size = 0;
  answer.on('data', (chunk: Buffer) => {
    size += chunk.length;
    if (size > MAX_ANSWER_BYTES) answer.destroy(unreachable('answer too long'));
  });
  try {
    return await text(answer);
  } catch (cause) {
    throw cause instanceof SeksError ? cause : unreachable(networkDetail(cause), cause);
  }
}

async function readEvents(answer: IncomingMessage, events: LeaseEvents): Promise<void> {
  const parser = createParser({
    maxBufferSize: MAX_EVENT_CHARACTERS,
    onError: () => answer.destroy(),
    onEvent({ event, data }) {
      if (event === 'changed') events.changed();
      if (event === 'revoked') {
        const parsed = revokedEvent.safeParse(parseJson(data));
        // A revocation that cannot be read must not be lost: a new lease tells what holds.
        if (parsed.success) events.revoked(parsed.data);
        else events.changed();
      }
    },
  });
  answer.setEncoding('utf8');
  answer.on('data', (chunk: string) => {
    events.alive();
    if (!answer.destroyed) parser.feed(chunk);
  });
  await new Promise<void>((resolve) => {
    answer.once('error', () => resolve());
    answer.once('close', resolve);
  });
}

function readLease(status: number, body: string): LeaseAnswer {
  if (status !== 200) throw readError(status, body);
  const parsed = leaseAnswer.safeParse(parseJson(body));
  // No detail and no cause: the answer holds data keys.
  if (!parsed.success) throw unreachable('its answer does not follow the protocol');
  return parsed.data;
}

function readError(status: number, body: string): SeksError {
  const parsed = errorAnswer.safeParse(parseJson(body));
  if (!parsed.success || !isErrorCode(parsed.data.error.code)) return unreachable(`HTTP status ${status}`);
  const { code, message, hint } = parsed.data.error;
  return refusal(code, stripAround(message, `${code}: `, ` ${hint}`));
}

function stripAround(message: string, prefix: string, suffix: string): string {
  const start = message.startsWith(prefix) ? prefix.length : 0;
  const end = message.endsWith(suffix) ? message.length - suffix.length : message.length;
  return message.slice(start, end);
}

function isErrorCode(code: string): code is ErrorCode {
  return ERROR_CODES.some((known) => known === code);
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function unreachable(detail: string, cause?: unknown): SeksError {
  return new SeksError('SEKS_KEYSERVICE_UNREACHABLE', `Cause: ${detail}.`, { cause });
}

// The head of the provider's answer: which headers reach the agent, and what the sidecar itself has to know of it. Read from the
// raw list in one go; Node's `headers` object would be built for nothing.
import { SeksError } from '@seks/crds';

import type { UpstreamAnswer } from './forwarder.ts';

/** what counts of an answer's head */
export interface AnswerHead {
  status: number;
  statusText: string;
  /** names and values in turn, as received, without what is not passed on */
  headers: string[];
  contentType: string;
  hasLength: boolean;
  /** how the body is coded, besides chunked; empty if not at all */
  coding: string;
}

const DROPPED = new Set([
  // RFC 9110 §7.6.1: hop-by-hop.
  'connection',
  'keep-alive',
  'proxy-authenticate',
  'proxy-authentication-info',
  'proxy-connection',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
  // A session at the provider would be a credential in the agent's hands; the agent's cookies are refused anyway.
  'set-cookie',
  'set-cookie2',
  // Would tell the client to go around the sidecar.
  'alt-svc',
  'strict-transport-security',
  'public-key-pins',
]);

/** Node reads control characters in a status text, against RFC 9112 §4, but throws where they are to be written */
// eslint-disable-next-line no-control-regex
const UNSENDABLE = /[^\t\x20-\x7e\x80-\xff]/;

/**
 * reads the head of an answer
 *
 * @throws SeksError SEKS_UPSTREAM_UNREACHABLE if its status is none
 */
export function readAnswerHead({
  statusCode = 0,
  statusMessage = '',
  rawHeaders,
}: UpstreamAnswer): AnswerHead {
  if (statusCode < 200) throw new SeksError('SEKS_UPSTREAM_UNREACHABLE', 'Its answer has no final status.');
  const head: AnswerHead = {
    status: statusCode,
    statusText: UNSENDABLE.test(statusMessage) ? '' : statusMessage,
    headers: passableHeaders(rawHeaders),
    contentType: '',
    hasLength: false,
    coding: '',
  };
  for (let i = 0; i < rawHeaders.length; i += 2) {
    const name = rawHeaders[i] ?? '';
    // The names of interest have 12, 14, 16 and 17 characters; most others need not be put into lower case.
    if (name.length < 12 || name.length > 17) continue;
    readHeader(head, name.toLowerCase(), rawHeaders[i + 1] ?? '');
  }
  return head;
}

function readHeader(head: AnswerHead, name: string, value: string): void {
  if (name === 'content-type') head.contentType = value;
  else if (name === 'content-length') head.hasLength = true;
  else if (name === 'content-encoding' && value !== '' && value.toLowerCase() !== 'identity')
    addCoding(head, value);
  else if (name === 'transfer-encoding' && value.toLowerCase() !== 'chunked') addCoding(head, value);
}

/** several lines are one list (RFC 9110 §5.3): what stands in the first only would stay, and could not be scrubbed */
function addCoding(head: AnswerHead, value: string): void {
  head.coding = head.coding === '' ? value : `${head.coding}, ${value}`;
}

/** the raw headers, names and values in turn, that may be passed on */
export function passableHeaders(rawHeaders: readonly string[]): string[] {
  const nominated = nominatedBy(rawHeaders);
  const kept: string[] = [];
  for (let i = 0; i < rawHeaders.length; i += 2) {
    const raw = rawHeaders[i] ?? '';
    if (isPassable(raw.toLowerCase(), nominated)) kept.push(raw, rawHeaders[i + 1] ?? '');
  }
  return kept;
}

function isPassable(name: string, nominated: ReadonlySet<string>): boolean {
  // `x-seks-`: only the sidecar speaks in its own name.
  return !DROPPED.has(name) && !nominated.has(name) && !name.startsWith('x-seks-');
}

const NONE: ReadonlySet<string> = new Set();

function nominatedBy(rawHeaders: readonly string[]): ReadonlySet<string> {
  let names: Set<string> | undefined;
  for (let i = 0; i < rawHeaders.length; i += 2) {
    const raw = rawHeaders[i] ?? '';
    if (raw.length !== 10 || raw.toLowerCase() !== 'connection') continue;
    for (const option of (rawHeaders[i + 1] ?? '').split(',')) {
      const name = option.trim().toLowerCase();
      // Without its length a body would have to be re-framed; nothing is gained by allowing that.
      if (name !== 'content-length' && name !== 'keep-alive' && name !== 'close')
        (names ??= new Set()).add(name);
    }
  }
  return names ?? NONE;
}

// Random requests, random framing, random segments, random damage: what the provider reads is what a strict reader of the agent's own bytes
// reads, request by request, and each answer goes to its own request.
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import fc from 'fast-check';

import { readConnection, type ReadRequest } from './http1-reader.ts';
import { type Rig, startRig, TOKENS } from './rig.ts';

const RUNS = 150;
const LIMIT_MS = 60_000;

let rig: Rig;
/** tags are used once only, so that what comes late is known for what it is */
let runs = 0;

beforeAll(async () => {
  rig = await startRig();
});

afterAll(async () => {
  await rig.close();
});

/** a request as the agent means it */
interface Meant {
  method: string;
  path: string;
  token: 0 | 1;
  fields: [string, string][];
  body: string;
  framing: 'none' | 'length' | 'chunked';
  /** where chunks are cut */
  chunkBytes: number;
  extension: string;
}

const anyByte = fc.integer({ min: 0, max: 255 }).map((code) => String.fromCharCode(code));
/** bodies full of what frames requests */
const bodyPiece = fc.oneof(
  anyByte,
  fc.constantFrom(
    '\r\n',
    '\r\n\r\n',
    '0\r\n\r\n',
    'GET / HTTP/1.1\r\n',
    'Transfer-Encoding: chunked\r\n',
    '\0',
  ),
);
const meant: fc.Arbitrary<Meant> = fc.record({
  method: fc.constantFrom('GET', 'POST', 'PUT', 'PATCH', 'DELETE', 'HEAD', 'OPTIONS'),
  path: fc.constantFrom('/v1/a', '/v1/b?c=d', '/v1/denied', '/v2/other'),
  token: fc.constantFrom(0, 1),
  fields: fc.array(
    fc.tuple(
      fc.constantFrom('X-A', 'x-b', 'X-C', 'x-D', 'X-e'),
      fc.stringMatching(/^(?:[!-~](?:[ -~]{0,20}[!-~])?)?$/),
    ),
    { maxLength: 6 },
  ),
  body: fc.array(bodyPiece, { maxLength: 40 }).map((pieces) => pieces.join('')),
  framing: fc.constantFrom('none', 'length', 'chunked'),
  chunkBytes: fc.integer({ min: 1, max: 40 }),
  extension: fc.constantFrom('', ';a', ';a=b', ';a="b c"'),
});

function bytesOf(request: Meant, tag: string): string {
  const { method, path, token, fields, body, framing, chunkBytes, extension } = request;
  const head = [
    `${method} /openai${path} HTTP/1.1`,
    rig.host,
    `Authorization: Bearer ${TOKENS[token]}`,
    `X-Tag: ${tag}`,
    ...fields.map(([name, value]) => `${name}: ${value}`),
  ];
  if (framing === 'none') return `${head.join('\r\n')}\r\n\r\n`;
  if (framing === 'length')
    return `${[...head, `Content-Length: ${body.length}`].join('\r\n')}\r\n\r\n${body}`;
  let chunks = '';
  for (let at = 0; at < body.length; at += chunkBytes) {
    const chunk = body.slice(at, at + chunkBytes);
    chunks += `${chunk.length.toString(16)}${extension}\r\n${chunk}\r\n`;
  }
  return `${[...head, 'Transfer-Encoding: chunked'].join('\r\n')}\r\n\r\n${chunks}0\r\n\r\n`;
}

/** cuts a text at these places, given as parts of a thousand */
function segments(text: string, cuts: readonly number[]): string[] {
  const places = cuts.map((cut) => Math.floor((text.length * cut) / 1_000)).toSorted((a, b) => a - b);
  return [...places, text.length]
    .map((end, i) => text.slice(i === 0 ? 0 : places[i - 1], end))
    .filter((piece) => piece !== '');
}

const cuts = fc.array(fc.integer({ min: 0, max: 1_000 }), { maxLength: 6 });

describe('S5, S6, S16', () => {
  test(
    'well-formed requests, pipelined in any segments, each arrive as they were meant and get their own answer',
    async () => {
      await fc.assert(
        fc.asyncProperty(fc.array(meant, { minLength: 1, maxLength: 6 }), cuts, async (requests, places) => {
          const run = (runs += 1);
          const text = requests.map((request, i) => bytesOf(request, `${run}.${i}`)).join('');
          const { requests: read, last } = readConnection(text);
          expect([read.length, last]).toEqual([requests.length, undefined]);
          const { answers } = await rig.send(segments(text, places));
          const expected = requests.map(({ path, method }, i) => {
            if (!/^\/v1\/[ab]/.test(path)) return 'SEKS_ROUTE_DENIED';
            return method === 'HEAD' ? '' : `tag=${run}.${i};`;
          });
          expect(answers.map(({ code, body }) => code ?? body)).toEqual(expected);
          const passed = read.filter((_, i) => expected[i] !== 'SEKS_ROUTE_DENIED');
          expect(rig.upstream.seen.length).toBe(passed.length);
          await rig.settle(passed);
        }),
        { numRuns: RUNS },
      );
    },
    LIMIT_MS,
  );

  const damage = fc.record({
    at: fc.integer({ min: 0, max: 1_000 }),
    drop: fc.integer({ min: 0, max: 3 }),
    insert: fc.oneof(
      anyByte,
      fc.constantFrom(
        '',
        '\r',
        '\n',
        '\r\n',
        '\r\n\r\n',
        '\0',
        ' ',
        '\t',
        ':',
        ',',
        ';',
        '\r\nContent-Length: 5',
        '\r\nTransfer-Encoding: chunked',
        '\r\nTransfer-Encoding: xchunked',
        '\r\n folded',
        '0\r\n\r\n',
        'GET /openai/v1/a HTTP/1.1\r\n',
      ),
    ),
  });

  test(
    'damaged requests arrive as a strict reader of the same bytes reads them, or not at all',
    async () => {
      await fc.assert(
        fc.asyncProperty(
          fc.array(meant, { minLength: 1, maxLength: 4 }),
          fc.array(damage, { minLength: 1, maxLength: 3 }),
          cuts,
          async (requests, damages, places) => {
            const run = (runs += 1);
            let text = requests.map((request, i) => bytesOf(request, `${run}.${i}`)).join('');
            for (const { at, drop, insert } of damages) {
              const place = Math.floor((text.length * at) / 1_000);
              text = text.slice(0, place) + insert + text.slice(place + drop);
            }
            const { requests: read, last } = readConnection(text);
            const begun: ReadRequest[] = last?.request === undefined ? [] : [last.request];
            const { answers } = await rig.send(segments(text, places));
            for (const { status, code, body } of answers)
              expect(code ?? `${status} ${body}`).toMatch(/^(?:SEKS_|200 )/);
            await rig.settle([...read, ...begun]);
          },
        ),
        { numRuns: RUNS },
      );
    },
    LIMIT_MS,
  );
});

// Each case of the smuggling corpus on real sockets: the answer, and that the provider saw exactly what was meant, or nothing.
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';

import { readConnection } from './http1-reader.ts';
import { AUTH, type Rig, startRig, TOKENS } from './rig.ts';
import { REFUSED_HEADS, SMUGGLING } from './smuggling-corpus.ts';

const MALFORMED = ['SEKS_REQUEST_MALFORMED'];

let rig: Rig;

beforeAll(async () => {
  rig = await startRig();
});

afterAll(async () => {
  await rig.close();
});

function filled(text: string): string {
  const port = String(rig.sidecar.port);
  const hidden = `GET /openai/v1/hidden HTTP/1.1\r\n${rig.host}\r\nAuthorization: Bearer ${TOKENS[1]}\r\nX-Tag: hidden\r\n\r\n`;
  const values: Record<string, string> = {
    H: rig.host,
    A: AUTH,
    T: TOKENS[0],
    P: port,
    X: hidden,
    L: String(hidden.length),
    S: hidden.length.toString(16),
  };
  return text.replaceAll(/\{([HATPXLS])\}/g, (_, name: string) => values[name] ?? '');
}

/** sends it; throws unless the provider saw what was meant, or nothing */
async function attempt(bytes: string, due?: number): Promise<{ told: (string | number)[]; closed: boolean }> {
  const { answers, closed } = await rig.send([bytes], due);
  const { requests, last } = readConnection(bytes);
  const broken = last?.kind === 'fault' && last.request !== undefined ? [last.request] : [];
  await rig.settle([...requests, ...broken]);
  return { told: answers.map(({ code, status }) => code ?? status), closed };
}

describe.each(Object.entries(SMUGGLING))('S5, S6: %s', (_, cases) => {
  test.each(cases.map(({ name, bytes, answers }) => [name, bytes, answers] as const))(
    '%s',
    async (_name, text, due) => {
      const isCut = due[0] === 'cut';
      const { told, closed } = await attempt(filled(text), isCut ? Number.POSITIVE_INFINITY : due.length);
      if (isCut) {
        // The provider may have answered before the rest came; then there is no way to say more.
        expect(closed).toBe(true);
        expect([[], MALFORMED]).toContainEqual(told);
      } else expect(told).toEqual(due);
    },
  );
});

// Whatever a server makes of the first head, the next one is never served: the connection ends (RFC 9112 §6.3).
describe.each(['', 'abc'])('S6: between two requests %j', (between) => {
  test.each(REFUSED_HEADS.map(({ name, bytes }) => [name, bytes] as const))(
    'none is read behind a head with %s',
    async (_, text) => {
      const { told, closed } = await attempt(filled(`${text}${between}{X}`), Number.POSITIVE_INFINITY);
      expect(told).toEqual(MALFORMED);
      expect(closed).toBe(true);
    },
  );
});

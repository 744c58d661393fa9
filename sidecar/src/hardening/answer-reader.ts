// Test help: reads the answers that a connection of the agent got.

export interface ReadAnswer {
  status: number;
  /** value of x-seks-error; undefined: the answer is the provider's */
  code: string | undefined;
  head: string;
  body: string;
  /** false: the connection broke off in it */
  whole: boolean;
}

/** reads answers to requests of these methods, interim ones left out; later requests count as GET */
export function readAnswers(text: string, methods: readonly string[] = []): ReadAnswer[] {
  const answers: ReadAnswer[] = [];
  for (let rest = text; rest !== '';) {
    const end = rest.indexOf('\r\n\r\n');
    const head = end === -1 ? rest : rest.slice(0, end + 4);
    const status = Number(/^HTTP\/1\.1 (\d{3}) /.exec(head)?.[1] ?? Number.NaN);
    rest = rest.slice(head.length);
    if (status < 200) continue;
    const code = /^x-seks-error: (.*)\r$/im.exec(head)?.[1];
    const bodiless = methods[answers.length] === 'HEAD' || status === 204 || status === 304;
    const { body, length, whole } = bodiless ? { body: '', length: 0, whole: true } : bodyOf(head, rest);
    rest = rest.slice(length);
    answers.push({ status, code, head, body, whole: whole && end !== -1 });
  }
  return answers;
}

function bodyOf(head: string, rest: string): { body: string; length: number; whole: boolean } {
  if (/^transfer-encoding: chunked\r$/im.test(head)) return chunksOf(rest);
  const declared = /^content-length: (\d+)\r$/im.exec(head)?.[1];
  // Without both, the end of the connection ends it.
  if (declared === undefined) return { body: rest, length: rest.length, whole: true };
  const body = rest.slice(0, Number(declared));
  return { body, length: body.length, whole: body.length === Number(declared) };
}

function chunksOf(framed: string): { body: string; length: number; whole: boolean } {
  let body = '';
  for (let at = 0; ;) {
    const lineEnd = framed.indexOf('\r\n', at);
    const size = lineEnd === -1 ? Number.NaN : Number.parseInt(framed.slice(at, lineEnd), 16);
    if (Number.isNaN(size)) return { body, length: framed.length, whole: false };
    at = lineEnd + 2;
    if (size === 0) {
      const end = framed.startsWith('\r\n', at) ? at + 2 : framed.indexOf('\r\n\r\n', at) + 4;
      if (end >= at + 2 && framed.length >= end) return { body, length: end, whole: true };
      return { body, length: framed.length, whole: false };
    }
    body += framed.slice(at, at + size);
    at += size + 2;
  }
}

// What the model name asks of the stub. Leak tests pick a place and a form in which the received key comes back.
import type { Answer } from './provider-stub.ts';
import type { Reply } from './reply.ts';

/** where the key comes back */
const PLACES = ['body', 'header', 'trailer', 'status', 'error'] as const;
/** how it is written there */
const FORMS = {
  plain: (key: string) => key,
  base64: (key: string) => Buffer.from(key).toString('base64'),
  base64url: (key: string) => Buffer.from(key).toString('base64url'),
  hex: (key: string) => Buffer.from(key).toString('hex'),
  percent: (key: string) =>
    [...Buffer.from(key)].map((byte) => `%${byte.toString(16).padStart(2, '0')}`).join(''),
  basic: (key: string) => Buffer.from(`user:${key}`).toString('base64'),
} as const;

export type Behaviour =
  | { readonly kind: 'answer' }
  /** `echo-key[.place][.form][.split]`; with a split the text is cut there, into two writes */
  | {
      readonly kind: 'echo';
      readonly place: (typeof PLACES)[number];
      readonly form: keyof typeof FORMS;
      readonly split: number | undefined;
    }
  /** `slow.<pieces>.<gap in ms>` */
  | { readonly kind: 'slow'; readonly pieces: number; readonly gapMs: number }
  /** `fail.<status>` */
  | { readonly kind: 'fail'; readonly status: number };

export function behaviourOf(model: string | undefined): Behaviour {
  const [name, ...options] = (model ?? '').split('.');
  if (name === 'echo-key') {
    return {
      kind: 'echo',
      place: PLACES.find((place) => options.includes(place)) ?? 'body',
      form: (Object.keys(FORMS) as (keyof typeof FORMS)[]).find((form) => options.includes(form)) ?? 'plain',
      split: firstNumber(options),
    };
  }
  if (name === 'slow') return { kind: 'slow', pieces: Number(options[0]), gapMs: Number(options[1]) };
  if (name === 'fail') return { kind: 'fail', status: Number(options[0]) };
  return { kind: 'answer' };
}

/** the key as an echo writes it */
export function echoText(behaviour: Behaviour & { kind: 'echo' }, key: string): string {
  return FORMS[behaviour.form](key);
}

export function answerFor(behaviour: Behaviour, provider: string, prompt: string, key: string): Answer {
  if (behaviour.kind === 'slow') {
    const pieces = Array.from({ length: behaviour.pieces }, (_, index) => `${index + 1} `);
    return { text: pieces.join(''), pieces };
  }
  if (behaviour.kind === 'echo' && behaviour.place === 'body') {
    const text = `Your key is ${echoText(behaviour, key)}, is it not?`;
    return { text, pieces: [text] };
  }
  const text = `The ${provider} stub heard: ${prompt}`;
  return { text, pieces: text.match(/\S+\s*/g) ?? [text] };
}

/** puts the key into an answer's header, trailer or status, cuts it where asked, or sets the pace */
export function applyBehaviour(behaviour: Behaviour, reply: Reply, key: string): Reply {
  if (behaviour.kind === 'slow') return { ...reply, gapMs: behaviour.gapMs };
  if (behaviour.kind !== 'echo') return reply;
  const text = echoText(behaviour, key);
  const { headers } = reply;
  switch (behaviour.place) {
    case 'header':
      return { ...reply, headers: { ...headers, 'x-echo': text } };
    case 'trailer':
      return { ...reply, trailers: { 'x-echo': text } };
    case 'status':
      return { ...reply, statusText: `Echo ${text}` };
    default:
      return behaviour.split === undefined ? reply : cut(reply, Buffer.from(text), behaviour.split);
  }
}

/** cuts the reply's bytes inside `text`, so that one write ends there and the next begins */
function cut(reply: Reply, text: Buffer, offset: number): Reply {
  const parts = reply.parts.flatMap((part) => {
    const at = part.indexOf(text);
    return at === -1 ? [part] : [part.subarray(0, at + offset), part.subarray(at + offset)];
  });
  // Long enough for the first half to leave the machine on its own.
  return { ...reply, parts, gapMs: 20 };
}

function firstNumber(options: readonly string[]): number | undefined {
  const digits = options.find((option) => /^\d+$/.test(option));
  return digits === undefined ? undefined : Number(digits);
}

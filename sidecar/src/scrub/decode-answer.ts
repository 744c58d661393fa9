// An answer that came compressed although identity was asked for: it is decoded, because what is compressed can neither be scrubbed
// nor metered. It goes on uncompressed.
import { SeksError } from '@seks/crds';

import type { UpstreamAnswer } from '../forward/forwarder.ts';
import { createDecoder } from './decoder.ts';

/** more than one is allowed (RFC 9110 §8.4) and used by nobody */
const MAX_CODINGS = 2;
/** stands for no coding, and should not be in the header at all (RFC 9110 §8.4) */
const IDENTITY = 'identity';

/**
 * the answer with its body decoded
 *
 * @param coding value of Content-Encoding
 * @param failed told if the body is not what its coding says; the answer is destroyed then
 * @throws SeksError SEKS_UPSTREAM_ENCODING if there is no decoder
 */
export function decodeAnswer(
  answer: UpstreamAnswer,
  coding: string,
  failed: (error: SeksError) => void,
): UpstreamAnswer {
  const names = coding.split(',').map((name) => name.trim().toLowerCase());
  const coded = names.filter((name) => name !== IDENTITY);
  if (coded.length === 0) return answer;
  const chain = coded
    .map(createDecoder)
    .filter((decoder) => decoder !== undefined)
    .reverse();
  const [first] = chain;
  const last = chain.at(-1);
  if (
    first === undefined ||
    last === undefined ||
    chain.length < coded.length ||
    chain.length > MAX_CODINGS
  ) {
    throw new SeksError('SEKS_UPSTREAM_ENCODING', 'Its Content-Encoding is not known.');
  }
  chain.reduce((from, to) => from.pipe(to));
  const stop = (): void => {
    for (const decoder of chain) decoder.destroy();
    answer.destroy();
  };
  for (const decoder of chain) {
    decoder.on('error', () => {
      stop();
      failed(new SeksError('SEKS_UPSTREAM_ENCODING', 'Its body is not what Content-Encoding says.'));
    });
  }
  answer.on('data', (chunk) => {
    if (first.write(chunk)) return;
    answer.pause();
    first.once('drain', () => answer.resume());
  });
  // A body that was cut off ends without an end here; whoever forwards it breaks the exchange off.
  answer.on('end', () => void (answer.complete && first.end()));
  return {
    statusCode: answer.statusCode,
    statusMessage: answer.statusMessage,
    rawHeaders: answer.rawHeaders,
    get rawTrailers() {
      return answer.rawTrailers;
    },
    get complete() {
      return answer.complete;
    },
    on: (event: 'data' | 'end', listener: (chunk: Buffer) => void) => last.on(event, listener),
    pause: () => last.pause(),
    resume: () => last.resume(),
    destroy: stop,
  };
}

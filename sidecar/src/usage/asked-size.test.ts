import { expect, test } from '@jest/globals';

import { guessOfBody, guessOfLength } from './asked-size.ts';

const MEDIA = 'A'.repeat(512_000);

/** the guess for a body without the media, and by how much they raise it */
function guesses(withMedia: (media: string) => object): [text: number, media: number] {
  const guess = (media: string): number => guessOfBody(Buffer.from(JSON.stringify(withMedia(media))));
  return [guess(''), guess(MEDIA) - guess('')];
}

test.each<[string, (media: string) => object]>([
  [
    'a picture in a chat completion',
    (media) => ({
      messages: [{ role: 'user', content: [{ type: 'image_url', image_url: { url: media } }] }],
    }),
  ],
  ['one that is named directly', (media) => ({ messages: [{ content: [{ image_url: media }] }] })],
  [
    'sound',
    (media) => ({ messages: [{ content: [{ type: 'input_audio', input_audio: { data: media } }] }] }),
  ],
  ['a file', (media) => ({ messages: [{ content: [{ type: 'file', file: { file_data: media } }] }] })],
  [
    'a picture of Anthropic',
    (media) => ({ messages: [{ content: [{ source: { type: 'base64', data: media } }] }] }),
  ],
  ['one of Bedrock', (media) => ({ messages: [{ content: [{ image: { source: { bytes: media } } }] }] })],
  [
    'one of the responses API',
    (media) => ({ input: [{ content: [{ type: 'input_image', image_url: media }] }] }),
  ],
  ['one of Gemini', (media) => ({ contents: [{ parts: [{ inlineData: { data: media } }] }] })],
])('%s counts for less than text', (_, withMedia) => {
  const [text, media] = guesses(withMedia);
  expect(text).toBe(Math.ceil(Buffer.byteLength(JSON.stringify(withMedia(''))) / 4));
  expect(media).toBe(1_000);
});

test('text is text, wherever it stands', () => {
  const [, media] = guesses((text) => ({ messages: [{ content: text }], data: text, input: 'x' }));
  expect(media).toBe(256_000);
});

test('what is no JSON is text', () => {
  expect(guessOfBody(Buffer.alloc(400, 'x'))).toBe(100);
  expect(guessOfBody(Buffer.alloc(0))).toBe(0);
});

test('of what nobody read, only so much is taken for text', () => {
  expect([guessOfLength(4), guessOfLength(262_144), guessOfLength(262_144 + 5_120)]).toEqual([
    1, 65_536, 65_546,
  ]);
});

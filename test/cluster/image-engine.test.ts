import { expect, test } from '@jest/globals';
import { parseSize } from './image-engine.ts';

test.each([
  ['[{"size": "241 MB"}]', 241e6],
  ['[{"size": "1.2 GB"}]', 1.2e9],
  ['[{"size": "870 KB"}]', 870e3],
  ['[]', 0],
  ['', 0],
])('%s is %d bytes', (json, bytes) => {
  expect(parseSize(json)).toBe(bytes);
});

// Every error code is expected by some test: a code that no test can bring about is either dead or unproven.
import { expect, test } from '@jest/globals';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

import { ERROR_CODES } from '@seks/crds';

const ROOT = join(import.meta.dirname, '../../..');
const PLACES = ['crds', 'operator', 'sidecar', 'cli', 'test'];
/** tests, and the tables of cases that tests are made from */
const TEST_FILE = /\.test\.ts$|\/(?:conformance|hardening)\/[^/]+\.ts$/;

function testText(place: string): string {
  return readdirSync(join(ROOT, place), { recursive: true, encoding: 'utf8' })
    .filter((path) => TEST_FILE.test(`${place}/${path}`) && !/(?:^|\/)(?:node_modules|dist)\//.test(path))
    .map((path) => readFileSync(join(ROOT, place, path), 'utf8'))
    .join('\n');
}

const text = PLACES.map(testText).join('\n');

test.each(ERROR_CODES)('%s is expected by a test', (code) => {
  // In quotes, as part of an expectation or of a table of them; a longer code does not stand for a shorter one.
  expect(new RegExp(`['"\`][^'"\`\\n]*\\b${code}\\b`).test(text)).toBe(true);
});

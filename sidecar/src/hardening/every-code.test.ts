// Every error code is brought about by some code, and expected by some test: one that no test can bring about is either dead or
// unproven.
import { expect, test } from '@jest/globals';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

import { ERROR_CODES } from '@seks/crds';

const ROOT = join(import.meta.dirname, '../../..');
const PLACES = ['crds', 'operator', 'sidecar', 'cli', 'test'];
const OTHERS_CODE = /(?:^|\/)(?:node_modules|dist|generated)\//;
/** tests, and the tables of cases that tests are made from */
const TEST_FILE = /\.test\.ts$|\/(?:conformance|hardening)\/[^/]+\.ts$/;
const NO_PRODUCT = /^test\/|\/testing\/|^crds\/src\/errors\//;

const files = PLACES.flatMap((place) =>
  readdirSync(join(ROOT, place), { recursive: true, encoding: 'utf8' }).map((path) => `${place}/${path}`),
).filter((path) => path.endsWith('.ts') && !OTHERS_CODE.test(path));

const expectations = textOf((path) => TEST_FILE.test(path))
  // What a test puts in itself proves nothing.
  .replaceAll(/new SeksError\(\s*['"]SEKS_[A-Z_]+['"]/g, '');
const product = textOf((path) => !TEST_FILE.test(path) && !NO_PRODUCT.test(path));

function textOf(isWanted: (path: string) => boolean): string {
  return files
    .filter(isWanted)
    .map((path) => readFileSync(join(ROOT, path), 'utf8'))
    .join('\n');
}

test.each(ERROR_CODES)('%s is brought about, and a test expects it', (code) => {
  // In quotes; a longer code does not stand for a shorter one.
  const named = new RegExp(`['"\`][^'"\`\\n]*\\b${code}\\b`);
  expect(product).toMatch(named);
  expect(expectations).toMatch(named);
});

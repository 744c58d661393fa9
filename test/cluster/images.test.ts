import { expect, test } from '@jest/globals';
import { archiveName, asksForBaseImage } from './images.ts';

test('an archive is named for its tag', () => {
  expect(archiveName('localhost/seks-operator:dev')).toBe('localhost_seks-operator_dev');
});

test.each([
  ['ARG BASE_IMAGE\nFROM ${BASE_IMAGE}\n', true],
  ['# syntax\nARG BASE_IMAGE=node:24\nFROM ${BASE_IMAGE}\n', true],
  ['FROM scratch\n', false],
  ['# ARG BASE_IMAGE\nFROM scratch\n', false],
])('a Dockerfile that begins %j asks for the base image: %s', (dockerfile, expected) => {
  expect(asksForBaseImage(dockerfile)).toBe(expected);
});
